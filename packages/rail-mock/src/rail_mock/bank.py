"""The pretend bank behind its counter: what it refuses, what it books, and what it remembers of a copy.

It knows nothing of HTTP and has no clock: every question comes with the time at which it is asked. Nothing here
awaits, so one event loop makes each order whole.
"""

import heapq
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from rail_mock.ledger import CURRENCY, Booking, Ledger
from rail_mock.magic import Fate, Kind, fate_of
from rail_mock.settings import Behaviour
from riel import Debit

NOTHING = timedelta(0)

MEANINGS = {
    "account_blocked": "The account may not receive money.",
    "duplicate_reference": "An order with that reference was made before.",
    "insufficient_funds": "The balance does not suffice.",
    "invalid_account": "An account has ten digits.",
    "key_in_use": "An order with that key is being worked on.",
    "key_reused": "That key was used before, for another order.",
}
"""The bank's own words for some of its codes; for the others it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One order as it reached the bank. ``said`` is all of it, to tell a copy from another order under its key."""

    kind: Kind
    key: str
    reference: str
    amount: int
    currency: str
    account: str
    note: str
    said: bytes
    original: Booking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the bank answers after ``wait``, and what becomes of the answer on its way."""

    status: int
    body: dict[str, Any]
    booked_at: datetime | None = None
    wait: timedelta = NOTHING
    damage: Literal["whole", "lost", "nonsense", "error", "stranger"] = "whole"


@dataclass(frozen=True, slots=True)
class _Remembered:
    since: datetime
    said: bytes
    reply: Reply


LOST = Reply(status=0, body={}, damage="lost")


def refused(status: int, code: str, words: str = "") -> Reply:
    """A refusal, in the one form that the bank gives it."""
    return Reply(status=status, body={"error": {"code": code, "message": words or MEANINGS.get(code, "")}})


class Bank:
    """One bank with its books, its memory of copies, and the requests that are still on their way to it."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.ledger = Ledger()
        self._remembered: dict[tuple[str, str], _Remembered] = {}
        self._met: set[tuple[Kind, str]] = set()
        self._under_way: list[tuple[datetime, int, Asked]] = []

    def receive(self, asked: Asked, now: datetime) -> Reply:
        """What whoever sent ``asked`` gets for it, if anything."""
        self.catch_up(now)
        fate = fate_of(asked.kind, asked.account)
        first = (asked.kind, asked.reference) not in self._met
        self._met.add((asked.kind, asked.reference))
        if not fate.arrives:
            return LOST
        if first and fate.delays == "arrival":
            late = timedelta(seconds=fate.seconds)
            if late < self.behaviour.longest_journey:
                heapq.heappush(self._under_way, (now + late, len(self._met), asked))
            return LOST
        reply = self._decide(asked, fate, now, first)
        return replace(reply, damage=fate.answer) if first and reply.booked_at is not None else reply

    def catch_up(self, now: datetime) -> None:
        """Let in what was under way and has arrived by now; nobody waits for its answer any more."""
        while self._under_way and self._under_way[0][0] <= now:
            arrived, _, asked = heapq.heappop(self._under_way)
            self._decide(asked, fate_of(asked.kind, asked.account), arrived, first=True)

    def original(self, reference: str, now: datetime) -> Booking | None:
        """The payment that a refund is asked for."""
        self.catch_up(now)
        return self.ledger.find("payment", now, reference=reference)

    def seen(self, now: datetime) -> datetime:
        """The time as of which look-ups are answered."""
        self.catch_up(now)
        return now - timedelta(seconds=self.behaviour.lookup_lag_seconds)

    def debits(self, now: datetime) -> list[Debit]:
        """The money that has left the payer's account."""
        self.catch_up(now)
        return self.ledger.debits(now)

    def _decide(self, asked: Asked, fate: Fate, now: datetime, first: bool) -> Reply:
        earlier = self._answer_to_a_copy(asked, now)
        if earlier is not None:
            return earlier
        code = self._refusal(asked, fate, now, first)
        if code:
            reply = refused(404 if code == "payment_not_found" else 422, code, fate.words)
        else:
            reply = self._book(asked, fate, now)
        if reply.booked_at is not None or self.behaviour.refusals_stored:
            self._remembered[self._name(asked)] = _Remembered(now, asked.said, reply)
        return reply

    def _name(self, asked: Asked) -> tuple[str, str]:
        return ("key", asked.key) if self.behaviour.dedupe == "by_key" else (asked.kind, asked.reference)

    def _answer_to_a_copy(self, asked: Asked, now: datetime) -> Reply | None:
        known = self._remembered.get(self._name(asked))
        if known is None or now - known.since >= self.behaviour.dedupe_window:
            return None
        by_key = self.behaviour.dedupe == "by_key"
        if by_key and known.said != asked.said:
            return refused(422, "key_reused")
        booked_at = known.reply.booked_at
        if booked_at is not None and not by_key:
            return refused(409, "duplicate_reference")
        if booked_at is not None and booked_at > now:
            return refused(409, "key_in_use")
        return replace(known.reply, wait=NOTHING)

    def _refusal(self, asked: Asked, fate: Fate, now: datetime, first: bool) -> str:
        if asked.kind == "refund":
            if asked.original is None:
                return "payment_not_found"
            if asked.original.status(now) != "settled":
                return "not_refundable"
            if self.ledger.refunded(asked.original, now) + asked.amount > asked.original.amount:
                return "refund_too_large"
        elif re.fullmatch(r"[0-9]{10}", asked.account) is None:
            return "invalid_account"
        if asked.currency != CURRENCY:
            return "unsupported_currency"
        return fate.refuses if first or not fate.once else ""

    def _book(self, asked: Asked, fate: Fate, now: datetime) -> Reply:
        later = timedelta(seconds=fate.seconds)
        may_settle_later = self.behaviour.settles == "later"
        longest_work = timedelta(seconds=self.behaviour.watch_seconds)
        booked_at = now + min(later, longest_work) if fate.delays == "booking" else now
        rejected_at = booked_at + later if fate.delays == "rejection" and may_settle_later else None
        settles_at = booked_at + later if fate.delays == "settlement" and may_settle_later else booked_at
        comes_back = fate.delays == "return" and 0 < self.behaviour.returns_seconds >= fate.seconds
        booking = Booking(
            number=self.ledger.next_number,
            kind=asked.kind,
            key=asked.key,
            reference=asked.reference,
            amount=asked.amount + fate.adds,
            account=asked.account,
            note=asked.note,
            booked_at=booked_at,
            settles_at=None if rejected_at else settles_at,
            rejected_at=rejected_at,
            returns_at=settles_at + later if comes_back else None,
            original=asked.original,
            unlisted=fate.unlisted,
        )
        self.ledger.book(booking)
        return Reply(status=201, body=booking.told(booked_at), booked_at=booked_at, wait=booked_at - now)
