"""Bugs in the journal: leases, transitions, the audit chain, the outbox, reservations and answers read from it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from riel.journal import Challenge, Change, PaymentRecord, State, events
from riel.journal.row_mac import RowMac
from riel.journal.sqlite import audit, creation, payments, reservations
from riel.journal.sqlite.store import SqliteJournal
from riel.payments import Context, PaymentEngine, confirm, dispatch

from .registry import bug, ended, seen_in

ALLOWED = payments.allowed


@bug
def no_compare_and_set() -> Iterator[None]:
    with patch.object(payments, "allowed", lambda before, after, *, leased: True):
        yield


@seen_in("stops")
@bug
def a_lease_without_a_fence() -> Iterator[None]:
    """Whoever was stopped and overtaken concludes all the same."""

    def allowed(before: State, after: State, *, leased: bool) -> bool:
        return ALLOWED(before, after, leased=True)

    with patch.object(payments, "allowed", allowed):
        yield


@bug
def the_living_robbed() -> Iterator[None]:
    """Every payment may be taken at once, by its own process too, and conclusions need no fence."""
    with (
        a_lease_without_a_fence(),
        patch.object(SqliteJournal, "_is_free", lambda *what, **more: True),
        patch.object(SqliteJournal, "_dead_owners", lambda self, owners: frozenset(owners)),
    ):
        yield


@bug
def work_that_is_never_let_go() -> Iterator[None]:
    real = PaymentEngine._on_done

    def ended(self: PaymentEngine, id_: str, task: Any) -> None:
        real(self, id_, task)
        self.context.busy.add(id_)

    with patch.object(PaymentEngine, "_on_done", ended):
        yield


@bug
def the_dead_left_alone() -> Iterator[None]:
    with patch.object(SqliteJournal, "_dead_owners", lambda self, owners: frozenset()):
        yield


@bug
def a_gap_in_the_chain() -> Iterator[None]:
    real = audit.append

    def append(db: Any, mac: RowMac, id_: str, at: int, event: str, *rest: Any) -> int:
        return 1 if event.endswith(".unknown") else real(db, mac, id_, at, event, *rest)

    with patch.object(audit, "append", append):
        yield


@bug
def a_message_missing() -> Iterator[None]:
    real = audit.enqueue

    def post(db: Any, mac: Any, id_: str, n: int, topic: str, *rest: Any) -> None:
        if topic != "payment.returned":
            real(db, mac, id_, n, topic, *rest)

    with patch.object(audit, "enqueue", post):
        yield


@bug
def a_message_sent_twice() -> Iterator[None]:
    real = audit.enqueue

    def post(db: Any, mac: Any, id_: str, n: int, *rest: Any) -> None:
        real(db, mac, id_, n, *rest)
        real(db, mac, id_, n + 1000, *rest)

    with patch.object(audit, "enqueue", post):
        yield


@bug
def told_before_it_is_written() -> Iterator[None]:
    real = dispatch._record

    async def record_later(context: Context, record: PaymentRecord, change: Change) -> PaymentRecord:
        asyncio.ensure_future(real(context, record, change)).add_done_callback(ended)
        return events.apply_change(record, change, "me", context.now())

    with patch.object(dispatch, "_record", record_later):
        yield


@bug
def pending_told_as_success() -> Iterator[None]:
    real = PaymentEngine._answer

    async def answer(self: PaymentEngine, record: PaymentRecord) -> PaymentRecord:
        answered = await real(self, record)
        return replace(answered, state=State.SETTLED) if answered.state is State.PENDING else answered

    with patch.object(PaymentEngine, "_answer", answer):
        yield


@bug
def a_code_that_joins_nothing() -> Iterator[None]:
    async def joins(*what: Any) -> None:
        return None

    with patch.object(confirm, "_replay_of", joins):
        yield


@bug
def a_limit_looked_at_before_the_transaction() -> Iterator[None]:
    real, refusal = SqliteJournal.open_challenge, reservations.limit_reached

    async def look_first(self: SqliteJournal, challenge: Challenge, *rest: Any, **more: Any) -> Any:
        full = await self._writer.read(lambda db: refusal(db, challenge, more["reservations"]))
        return full or await real(self, challenge, *rest, **more)

    with (
        patch.object(SqliteJournal, "open_challenge", look_first),
        patch.object(reservations, "limit_reached", lambda *what: None),
    ):
        yield


@bug
def a_hold_not_given_back() -> Iterator[None]:
    with patch.object(reservations, "release", lambda *what: None):
        yield


@bug
def a_hold_given_back_twice() -> Iterator[None]:
    real = reservations.release

    def twice(*what: Any) -> None:
        real(*what)
        real(*what)

    with patch.object(reservations, "release", twice):
        yield


@seen_in("lateness")
@bug
def late_money_not_held_again() -> Iterator[None]:
    real = reservations.follow_transition

    def follow(db: Any, before: str, now: PaymentRecord) -> None:
        if before != State.REJECTED:
            real(db, before, now)

    with patch.object(reservations, "follow_transition", follow):
        yield


@bug
def refunds_not_summed_up() -> Iterator[None]:
    with patch.object(creation, "_refund_refusal", lambda *what: None):
        yield
