"""The ledger of the pretend bank: its bookings, and the state of each at a given time.

A booking never changes: it holds the times at which it settles, is rejected or comes back. So its state is a function
of the time, and a look-up that lags reads the state of an earlier time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rail_mock.sandbox.magic import Kind
from riel import Debit

CURRENCY = "MXN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One order that was booked. ``note`` is the concept of a payment, the reason of a refund."""

    number: int
    kind: Kind
    key: str
    reference: str
    amount: int
    account: str
    note: str
    booked_at: datetime
    settles_at: datetime | None
    rejected_at: datetime | None = None
    returns_at: datetime | None = None
    original: "Booking | None" = None
    unlisted: bool = False

    @property
    def id(self) -> str:
        """The bank's number of the booking."""
        return f"{'P' if self.kind == 'payment' else 'R'}-{self.number:08d}"

    def status(self, at: datetime) -> str:
        """``pending``, ``settled``, ``rejected`` or ``returned``."""
        if self.rejected_at is not None and self.rejected_at <= at:
            return "rejected"
        if self.returns_at is not None and self.returns_at <= at:
            return "returned"
        return "settled" if self.settles_at is not None and self.settles_at <= at else "pending"

    def as_json(self, at: datetime) -> dict[str, object]:
        """The booking as the bank shows it."""
        status = self.status(at)
        settled_at = self.settles_at if status in {"settled", "returned"} else None
        return {
            "id": self.id,
            "reference": self.reference,
            "status": status,
            "amount": self.amount,
            "currency": CURRENCY,
            "account": self.account,
            "createdAt": self.booked_at.isoformat(),
            "settledAt": settled_at.isoformat() if settled_at else None,
            "code": {"rejected": "account_closed", "returned": "returned_by_payee"}.get(status),
            "payment": self.original.reference if self.original else None,
            "note": self.note,
        }


class MockLedger:
    """Every booking of one bank, oldest first."""

    def __init__(self) -> None:
        self._bookings: list[Booking] = []
        self._by_reference: dict[tuple[Kind, str], list[Booking]] = {}
        self._by_key: dict[tuple[Kind, str], list[Booking]] = {}
        self._refunds: dict[str, list[Booking]] = {}

    @property
    def next_number(self) -> int:
        """The number that the next booking must have."""
        return len(self._bookings) + 1

    def book(self, booking: Booking) -> None:
        """Add a booking, even where an order of that reference was booked before."""
        self._bookings.append(booking)
        self._by_reference.setdefault((booking.kind, booking.reference), []).append(booking)
        self._by_key.setdefault((booking.kind, booking.key), []).append(booking)
        if booking.original is not None:
            self._refunds.setdefault(booking.original.id, []).append(booking)

    def find(self, kind: Kind, at: datetime, *, reference: str = "", key: str = "") -> Booking | None:
        """Find the first booking of that reference, or of that key, that is visible at that time."""
        bookings = self._by_reference.get((kind, reference), []) if reference else self._by_key.get((kind, key), [])
        return next((booking for booking in bookings if booking.booked_at <= at), None)

    def newest(self, kind: Kind, at: datetime, below: int | None = None) -> Iterator[Booking]:
        """Yield the bookings visible at that time with a number lower than ``below``, newest first."""
        top = len(self._bookings) if below is None else min(below - 1, len(self._bookings))
        for number in range(top, 0, -1):
            booking = self._bookings[number - 1]
            if booking.kind == kind and booking.booked_at <= at:
                yield booking

    def of_period(self, since: datetime, until: datetime, at: datetime, after: int = 0) -> Iterator[Booking]:
        """Yield the bookings of a period that are visible ``at`` a time, oldest first, from the one after ``after``."""
        for number in range(after, len(self._bookings)):
            booking = self._bookings[number]
            if since <= booking.booked_at < until and booking.booked_at <= at and not booking.unlisted:
                yield booking

    def refunded_amount(self, payment: Booking, at: datetime) -> int:
        """The centavos of all refunds of a payment that were not rejected."""
        return sum(b.amount for b in self._refunds.get(payment.id, []) if b.status(at) != "rejected")

    def debits(self, at: datetime) -> list[Debit]:
        """The money that has left the payer's account; an order that will be rejected never takes any."""
        return [
            Debit(reference=b.reference, amount=b.amount, currency=CURRENCY, beneficiary=b.account, at=b.booked_at)
            for b in self._bookings
            if b.kind == "payment" and b.booked_at <= at and b.rejected_at is None
        ]
