"""A refund and its life: money that goes back to a payer out of what Fintoc holds for the merchant.

A refund waits, is paid for when the balance suffices, and then ends well or badly. While the balance is short it is
tried again each working day, five times, as Fintoc documents it.
"""

from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.ledger.merchant_balance import Entry, Purse, working_days_later
from rail_fintoc.sandbox.ledger.organisation import Books, Json, stamp
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent
from rail_fintoc.sandbox.refund_magic import fate_of
from riel import Debit

WORKING_DAYS = 5
OLDER = {"in_progress": "pending", "canceled": "rejected"}
"""How a version that had neither word says it."""

LAST_OLDER = "2023-11-15"


@dataclass(slots=True, kw_only=True)
class Refund:
    """One refund. ``key`` is the idempotency key that it was asked for with; an ``example`` was there at the start."""

    id: str
    payment: PaymentIntent
    amount: int
    recipient_account: Json | None
    metadata: Json
    created_at: datetime
    updated_at: datetime
    status: str = "pending"
    failure_code: str | None = None
    tries: int = 0
    key: str = ""
    example: bool = False

    def status_in(self, version: str) -> str:
        """Its state, in the words of a version."""
        return OLDER.get(self.status, self.status) if version <= LAST_OLDER else self.status

    def told(self, books: Books, version: str) -> Json:
        """What Fintoc says of it."""
        return {
            "id": self.id,
            "object": "refund",
            "mode": books.mode,
            "status": self.status_in(version),
            "amount": self.amount,
            "currency": self.payment.currency,
            "resource_id": self.payment.id,
            "resource_type": "payment_intent",
            "recipient_account": self.recipient_account,
            "failure_code": self.failure_code,
            "metadata": self.metadata,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
        }


def remaining(books: Books, payment: PaymentIntent) -> int:
    """What of a payment can still be given back: refunds that failed or were canceled give nothing back."""
    given = (row for row in books.shelf(Refund) if row.payment is payment and row.status not in {"failed", "canceled"})
    return payment.amount - sum(row.amount for row in given)


def refunded(books: Books) -> list[Debit]:
    """The money that has left for payers: each refund that was asked for and paid, but for those that end badly.

    ``riel.Debit`` has no kind: these are told from the debits of payments by their references.
    """
    out = {entry.resource_id: entry.at for entry in books.the(Purse).entries if entry.why == "refund"}
    return [
        Debit(
            reference=row.key or row.id,
            amount=row.amount,
            currency=row.payment.currency,
            beneficiary=str((row.recipient_account or {}).get("number", "")),
            at=out[row.id],
        )
        for row in books.shelf(Refund)
        if row.id in out and not row.example and fate_of(row.amount).fails_with is None
    ]


def waits(books: Books, refund: Refund) -> None:
    """Let a refund be paid for in its time."""
    if fate_of(refund.amount).starts:
        books.world.due(books.world.behaviour.refund_pending_seconds, lambda: _try(books, refund))


def enter(books: Books, refund: Refund, status: str, failure_code: str | None = None) -> None:
    """Put a refund into a state, with the money that this moves."""
    was, now = refund.status, books.world.now
    refund.status, refund.failure_code, refund.updated_at = status, failure_code, now
    if status == "in_progress":
        books.the(Purse).put(Entry(now, -refund.amount, refund.payment.currency, "refund", refund.id))
    if status == "failed" and was == "in_progress":
        books.the(Purse).put(Entry(now, refund.amount, refund.payment.currency, "refund_failed", refund.id))


def _try(books: Books, refund: Refund) -> None:
    """Pay for a refund, or wait for the next working day, or give up."""
    if refund.status != "pending":
        return
    world, fate = books.world, fate_of(refund.amount)
    refund.tries += 1
    short = refund.tries <= fate.short_for or books.the(Purse).balance(refund.payment.currency) < refund.amount
    if not short:
        _become(books, refund, "in_progress")
        world.due(world.behaviour.refunded_seconds, lambda: _end(books, refund))
    elif refund.tries <= WORKING_DAYS:
        again = working_days_later(world.now, 1) - world.now
        world.due(again.total_seconds(), lambda: _try(books, refund))
    else:
        _become(books, refund, "failed", "insufficient_funds")


def _end(books: Books, refund: Refund) -> None:
    code = fate_of(refund.amount).fails_with
    _become(books, refund, "failed" if code else "succeeded", code)


def _become(books: Books, refund: Refund, status: str, failure_code: str | None = None) -> None:
    enter(books, refund, status, failure_code)
    books.tell(f"refund.{status}", refund.told(books, books.world.behaviour.pinned_version))
