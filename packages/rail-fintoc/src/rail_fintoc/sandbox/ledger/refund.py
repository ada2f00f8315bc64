"""A refund and its life: money that goes back to a payer out of what Fintoc holds for the merchant.

A refund waits, is paid for when the balance suffices, and then ends well or badly. While the balance is short it is
tried again each working day, five times, as Fintoc documents it.
"""

from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.ledger.merchant_balance import BalanceEntry, MerchantBalance, working_days_later
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore, timestamp
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent
from rail_fintoc.sandbox.refund_magic import scenario_of
from riel import Debit

WORKING_DAYS = 5
OLDER = {"in_progress": "pending", "canceled": "rejected"}
"""How a version that had neither word says it."""

LAST_OLDER = "2023-11-15"


@dataclass(slots=True, kw_only=True)
class PaymentRefund:
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
    attempts: int = 0
    key: str = ""
    example: bool = False

    def status_in(self, version: str) -> str:
        """Its state, in the words of a version."""
        return OLDER.get(self.status, self.status) if version <= LAST_OLDER else self.status

    def to_json(self, store: ModeStore, version: str) -> Json:
        """What Fintoc says of it."""
        return {
            "id": self.id,
            "object": "refund",
            "mode": store.mode,
            "status": self.status_in(version),
            "amount": self.amount,
            "currency": self.payment.currency,
            "resource_id": self.payment.id,
            "resource_type": "payment_intent",
            "recipient_account": self.recipient_account,
            "failure_code": self.failure_code,
            "metadata": self.metadata,
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.updated_at),
        }


def refundable_amount(store: ModeStore, payment: PaymentIntent) -> int:
    """What of a payment can still be given back: refunds that failed or were canceled give nothing back."""
    given = (
        row for row in store.table(PaymentRefund) if row.payment is payment and row.status not in {"failed", "canceled"}
    )
    return payment.amount - sum(row.amount for row in given)


def refund_debits(store: ModeStore) -> list[Debit]:
    """The money that has left for payers: each refund that was asked for and paid, but for those that end badly.

    ``riel.Debit`` has no kind: these are told from the debits of payments by their references.
    """
    out = {entry.resource_id: entry.at for entry in store.single(MerchantBalance).entries if entry.why == "refund"}
    return [
        Debit(
            reference=row.key or row.id,
            amount=row.amount,
            currency=row.payment.currency,
            beneficiary=str((row.recipient_account or {}).get("number", "")),
            at=out[row.id],
        )
        for row in store.table(PaymentRefund)
        if row.id in out and not row.example and scenario_of(row.amount).failure_code_at_end is None
    ]


def schedule_payment(store: ModeStore, refund: PaymentRefund) -> None:
    """Let a refund be paid for in its time."""
    if scenario_of(refund.amount).starts:
        store.organisation.schedule(
            store.organisation.behaviour.refund_pending_seconds, lambda: _attempt(store, refund)
        )


def change_refund_status(store: ModeStore, refund: PaymentRefund, status: str, failure_code: str | None = None) -> None:
    """Put a refund into a state, with the money that this moves."""
    was, now = refund.status, store.organisation.now
    refund.status, refund.failure_code, refund.updated_at = status, failure_code, now
    if status == "in_progress":
        store.single(MerchantBalance).add(
            BalanceEntry(now, -refund.amount, refund.payment.currency, "refund", refund.id)
        )
    if status == "failed" and was == "in_progress":
        store.single(MerchantBalance).add(
            BalanceEntry(now, refund.amount, refund.payment.currency, "refund_failed", refund.id)
        )


def _attempt(store: ModeStore, refund: PaymentRefund) -> None:
    """Pay for a refund, or wait for the next working day, or give up."""
    if refund.status != "pending":
        return
    organisation, scenario = store.organisation, scenario_of(refund.amount)
    refund.attempts += 1
    short = (
        refund.attempts <= scenario.short_attempts
        or store.single(MerchantBalance).balance(refund.payment.currency) < refund.amount
    )
    if not short:
        _set_status(store, refund, "in_progress")
        organisation.schedule(organisation.behaviour.refunded_seconds, lambda: _end(store, refund))
    elif refund.attempts <= WORKING_DAYS:
        again = working_days_later(organisation.now, 1) - organisation.now
        organisation.schedule(again.total_seconds(), lambda: _attempt(store, refund))
    else:
        _set_status(store, refund, "failed", "insufficient_funds")


def _end(store: ModeStore, refund: PaymentRefund) -> None:
    code = scenario_of(refund.amount).failure_code_at_end
    _set_status(store, refund, "failed" if code else "succeeded", code)


def _set_status(store: ModeStore, refund: PaymentRefund, status: str, failure_code: str | None = None) -> None:
    change_refund_status(store, refund, status, failure_code)
    store.emit(f"refund.{status}", refund.to_json(store, store.organisation.behaviour.pinned_version))
