"""Bugs in the dispatch of orders: what is sent, when, and how often."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from riel.journal import Attempt, Change, PaymentRecord, events
from riel.payments import Context, PaymentEngine, PaymentRequest, confirm, dispatch, rail_calls, recovery, rules
from riel.rail.guarantees import Guarantees

from .registry import bug, ended, seen_in


@bug
def sent_before_it_is_written() -> Iterator[None]:
    real = confirm._create

    async def create(open_attempt: Any, attempt: Attempt, proof: Any, prepared: Any) -> Any:
        context, id_ = open_attempt.context, open_attempt.challenge.id
        client = await context.clients.of("sim")
        record = events.new_payment(
            open_attempt.challenge, confirm._intent(context, open_attempt.request, prepared), id_, context.now()
        )
        asyncio.ensure_future(client.send(record.order())).add_done_callback(ended)
        return await real(open_attempt, attempt, proof, prepared)

    with patch.object(confirm, "_create", create):
        yield


@bug
def sent_again_under_a_new_reference() -> Iterator[None]:
    real = recovery.dispatch

    async def redispatch(context: Context, record: PaymentRecord) -> PaymentRecord:
        new = f"R{context.below(10**12)}"
        body = record.body.replace(record.reference.encode(), new.encode())
        return await real(context, replace(record, reference=new, body=body))

    with patch.object(recovery, "dispatch", redispatch):
        yield


@seen_in("stops")
@bug
def sent_again_after_the_window() -> Iterator[None]:
    def may(record: PaymentRecord, guarantees: Guarantees, now: datetime, backoff: Any) -> bool:
        return guarantees.dedupe != "no"

    with patch.object(rules, "may_send_again", may):
        yield


@bug
def sent_again_where_copies_are_booked() -> Iterator[None]:
    real = rules.may_send_again

    def may(record: PaymentRecord, guarantees: Guarantees, now: datetime, backoff: Any) -> bool:
        return guarantees.dedupe == "no" or real(record, guarantees, now, backoff)

    with patch.object(rules, "may_send_again", may):
        yield


@bug
def a_copy_not_counted() -> Iterator[None]:
    real = events.apply_change

    def after(known: PaymentRecord, change: Change, me: str, at: datetime) -> PaymentRecord:
        return replace(real(known, change, me, at), sends=known.sends)

    with patch.object(events, "apply_change", after):
        yield


@seen_in("stops")
@bug
def sent_however_long_it_was_held_up() -> Iterator[None]:
    with patch.object(rail_calls, "_time_left", lambda context, record, started: timedelta(seconds=6)):
        yield


@bug
def a_joined_payment_sent_again() -> Iterator[None]:
    async def confirm_again(self: PaymentEngine, request: PaymentRequest, code: str) -> PaymentRecord:
        async with self._lock(request):
            record, _ = await confirm.confirm(self.context, request, code)
            if record.id not in self._work:
                self._start(record, dispatch.dispatch)
            return record

    with patch.object(PaymentEngine, "_confirm", confirm_again):
        yield
