"""A payment intent: a payer's payment to the merchant, from its beginning to one of its ends."""

from dataclasses import dataclass, field
from datetime import datetime

from rail_fintoc.sandbox.ledger.merchant_balance import BalanceEntry, MerchantBalance
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore, timestamp

OPEN_STATUSES = ("created", "in_progress", "requires_action", "pending")
FINAL_STATUSES = ("succeeded", "failed", "rejected", "expired")
EVENT_STATUSES = {*FINAL_STATUSES, "pending"}
PAYER_ACCOUNTS: dict[str, Json] = {
    "CLP": {
        "holder_id": "415792638",
        "institution_id": "cl_banco_estado",
        "number": "41579263",
        "type": "sight_account",
    },
    "MXN": {
        "holder_id": "LFHU290523OG0",
        "institution_id": "40012",
        "number": "012969100000000026",
        "type": "clabe",
    },
}
"""Whoever pays at the pretend Fintoc pays from here."""


@dataclass(slots=True, kw_only=True)
class PaymentIntent:
    """One payment. Money that goes straight to the merchant's bank has a ``recipient_account``."""

    id: str
    amount: int
    currency: str
    created_at: datetime
    status: str = "created"
    payment_type: str = "bank_transfer"
    payment_type_options: Json = field(default_factory=dict)
    recipient_account: Json | None = None
    sender_account: Json | None = None
    reference_id: str | None = None
    transaction_date: datetime | None = None
    expires_at: datetime | None = None
    customer: str | None = None
    customer_email: str | None = None
    payment_method: str | None = None
    business_profile: Json | None = None
    subscription: str | None = None
    error_reason: str | None = None
    metadata: Json = field(default_factory=dict)

    def to_json(self, store: ModeStore) -> Json:
        """What Fintoc says of it; the token of the widget is told only in the creation answer."""
        return {
            "id": self.id,
            "object": "payment_intent",
            "mode": store.mode,
            "status": self.status,
            "amount": self.amount,
            "currency": self.currency,
            "payment_type": self.payment_type,
            "payment_type_options": self.payment_type_options,
            "recipient_account": self.recipient_account,
            "sender_account": self.sender_account,
            "reference_id": self.reference_id,
            "transaction_date": timestamp(self.transaction_date) if self.transaction_date else None,
            "expires_at": timestamp(self.expires_at) if self.expires_at else None,
            "customer": self.customer,
            "customer_email": self.customer_email,
            "payment_method": self.payment_method,
            "next_action": None,
            "business_profile": self.business_profile,
            "subscription": self.subscription,
            "error_reason": self.error_reason,
            "metadata": self.metadata,
            "created_at": timestamp(self.created_at),
            "widget_token": None,
        }


def change_status(store: ModeStore, intent: PaymentIntent, status: str, error_reason: str | None = None) -> None:
    """Let a payment enter a state, with what belongs to it: the payer, the money, the event."""
    intent.status, intent.error_reason = status, error_reason
    if status == "succeeded":
        record_payment(store, intent)
    if status in EVENT_STATUSES:
        store.emit(f"payment_intent.{status}", intent.to_json(store))


def record_payment(store: ModeStore, intent: PaymentIntent) -> None:
    """Write down that the payer has paid: what Fintoc collects itself is the merchant's from now on."""
    now = store.organisation.now
    intent.status, intent.transaction_date = "succeeded", now
    intent.reference_id = intent.reference_id or f"{90_000_000 + len(store.table(PaymentIntent)):08d}"
    if intent.sender_account is None and intent.payment_type == "bank_transfer":
        intent.sender_account = dict(PAYER_ACCOUNTS[intent.currency])
    if intent.recipient_account is None:
        store.single(MerchantBalance).add(BalanceEntry(now, intent.amount, intent.currency, "payment", intent.id))
