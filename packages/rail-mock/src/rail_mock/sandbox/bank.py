"""The pretend bank without HTTP: its refusals, its bookings, and the replies that it repeats to a copy.

It has no clock: every call has the time as an argument. Nothing here awaits, so no order is interrupted by another.
"""

import heapq
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from rail_mock.sandbox.ledger import CURRENCY, Booking, MockLedger
from rail_mock.sandbox.magic import Kind, MockScenario, scenario_of
from rail_mock.settings import BankBehaviour
from riel import Debit

NOTHING = timedelta(0)

MESSAGES = {
    "account_blocked": "The account may not receive money.",
    "duplicate_reference": "An order with that reference was made before.",
    "insufficient_funds": "The balance does not suffice.",
    "invalid_account": "An account has ten digits.",
    "key_in_use": "An order with that key is being worked on.",
    "key_reused": "That key was used before, for another order.",
}
"""The bank's messages for some of its codes; the others have an empty message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankRequest:
    """One order as it reached the bank. ``fingerprint`` tells a copy from another order under the same key."""

    kind: Kind
    key: str
    reference: str
    amount: int
    currency: str
    account: str
    note: str
    fingerprint: bytes
    original: Booking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankReply:
    """The bank's answer, which it sends after ``wait``, and the damage to it on its way."""

    status: int
    body: dict[str, Any]
    booked_at: datetime | None = None
    wait: timedelta = NOTHING
    damage: Literal["whole", "lost", "nonsense", "error", "stranger"] = "whole"


@dataclass(frozen=True, slots=True)
class _StoredReply:
    since: datetime
    fingerprint: bytes
    reply: BankReply


LOST = BankReply(status=0, body={}, damage="lost")


def refusal(status: int, code: str, words: str = "") -> BankReply:
    """Build a refusal."""
    return BankReply(status=status, body={"error": {"code": code, "message": words or MESSAGES.get(code, "")}})


class MockBank:
    """One bank: its ledger, the replies that it repeats, and the requests in transit to it."""

    def __init__(self, behaviour: BankBehaviour) -> None:
        self.behaviour = behaviour
        self.ledger = MockLedger()
        self._replies: dict[tuple[str, str], _StoredReply] = {}
        self._references: set[tuple[Kind, str]] = set()
        self._in_transit: list[tuple[datetime, int, BankRequest]] = []

    def receive(self, request: BankRequest, now: datetime) -> BankReply:
        """Handle one request, and return the reply to its sender."""
        self.catch_up(now)
        scenario = scenario_of(request.kind, request.account)
        first = (request.kind, request.reference) not in self._references
        self._references.add((request.kind, request.reference))
        if not scenario.arrives:
            return LOST
        if first and scenario.delays == "arrival":
            late = timedelta(seconds=scenario.seconds)
            if late < self.behaviour.longest_journey:
                heapq.heappush(self._in_transit, (now + late, len(self._references), request))
            return LOST
        reply = self._decide(request, scenario, now, first)
        return replace(reply, damage=scenario.answer) if first and reply.booked_at is not None else reply

    def catch_up(self, now: datetime) -> None:
        """Decide the delayed requests that have arrived by now. Their senders no longer wait for an answer."""
        while self._in_transit and self._in_transit[0][0] <= now:
            arrived, _, request = heapq.heappop(self._in_transit)
            self._decide(request, scenario_of(request.kind, request.account), arrived, first=True)

    def original(self, reference: str, now: datetime) -> Booking | None:
        """The payment that a refund names."""
        self.catch_up(now)
        return self.ledger.find("payment", now, reference=reference)

    def visible_at(self, now: datetime) -> datetime:
        """The time of the ledger's state that look-ups show."""
        self.catch_up(now)
        return now - timedelta(seconds=self.behaviour.lookup_lag_seconds)

    def debits(self, now: datetime) -> list[Debit]:
        """The money that has left the payer's account."""
        self.catch_up(now)
        return self.ledger.debits(now)

    def _decide(self, request: BankRequest, scenario: MockScenario, now: datetime, first: bool) -> BankReply:
        stored_reply = self._reply_to_copy(request, now)
        if stored_reply is not None:
            return stored_reply
        code = self._refusal(request, scenario, now, first)
        if code:
            reply = refusal(404 if code == "payment_not_found" else 422, code, scenario.words)
        else:
            reply = self._book(request, scenario, now)
        if reply.booked_at is not None or self.behaviour.refusals_stored:
            self._replies[self._dedupe_key(request)] = _StoredReply(now, request.fingerprint, reply)
        return reply

    def _dedupe_key(self, request: BankRequest) -> tuple[str, str]:
        return ("key", request.key) if self.behaviour.dedupe == "by_key" else (request.kind, request.reference)

    def _reply_to_copy(self, request: BankRequest, now: datetime) -> BankReply | None:
        stored = self._replies.get(self._dedupe_key(request))
        if stored is None or now - stored.since >= self.behaviour.dedupe_window:
            return None
        by_key = self.behaviour.dedupe == "by_key"
        if by_key and stored.fingerprint != request.fingerprint:
            return refusal(422, "key_reused")
        booked_at = stored.reply.booked_at
        if booked_at is not None and not by_key:
            return refusal(409, "duplicate_reference")
        if booked_at is not None and booked_at > now:
            return refusal(409, "key_in_use")
        return replace(stored.reply, wait=NOTHING)

    def _refusal(self, request: BankRequest, scenario: MockScenario, now: datetime, first: bool) -> str:
        if request.kind == "refund":
            if request.original is None:
                return "payment_not_found"
            if request.original.status(now) != "settled":
                return "not_refundable"
            if self.ledger.refunded_amount(request.original, now) + request.amount > request.original.amount:
                return "refund_too_large"
        elif re.fullmatch(r"[0-9]{10}", request.account) is None:
            return "invalid_account"
        if request.currency != CURRENCY:
            return "unsupported_currency"
        return scenario.refuses if first or not scenario.first_only else ""

    def _book(self, request: BankRequest, scenario: MockScenario, now: datetime) -> BankReply:
        later = timedelta(seconds=scenario.seconds)
        may_settle_later = self.behaviour.settles == "later"
        longest_work = timedelta(seconds=self.behaviour.watch_seconds)
        booked_at = now + min(later, longest_work) if scenario.delays == "booking" else now
        rejected_at = booked_at + later if scenario.delays == "rejection" and may_settle_later else None
        settles_at = booked_at + later if scenario.delays == "settlement" and may_settle_later else booked_at
        comes_back = scenario.delays == "return" and 0 < self.behaviour.returns_seconds >= scenario.seconds
        booking = Booking(
            number=self.ledger.next_number,
            kind=request.kind,
            key=request.key,
            reference=request.reference,
            amount=request.amount + scenario.adds,
            account=request.account,
            note=request.note,
            booked_at=booked_at,
            settles_at=None if rejected_at else settles_at,
            rejected_at=rejected_at,
            returns_at=settles_at + later if comes_back else None,
            original=request.original,
            unlisted=scenario.unlisted,
        )
        self.ledger.book(booking)
        return BankReply(status=201, body=booking.as_json(booked_at), booked_at=booked_at, wait=booked_at - now)
