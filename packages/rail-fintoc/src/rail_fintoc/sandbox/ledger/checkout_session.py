"""A checkout session: the page on which a payer pays, and what it is told to collect."""

from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore, timestamp
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent


@dataclass(slots=True, kw_only=True)
class CheckoutSession:
    """One session. ``intent`` is its payment, where its flow has one."""

    id: str
    flow: str
    amount: int | None
    currency: str
    token: str
    success_url: str | None
    cancel_url: str | None
    customer: str | None
    customer_email: str | None
    business_profile: Json | None
    line_items: list[Json]
    payment_method_types: list[str]
    payment_method_options: Json
    metadata: Json
    created_at: datetime
    expires_at: datetime
    intent: PaymentIntent | None
    status: str = "created"

    def to_json(self, store: ModeStore) -> Json:
        """What Fintoc says of it. That it is ``finished`` does not mean that it is paid: the payment tells."""
        intent = self.intent
        return {
            "id": self.id,
            "object": "checkout_session",
            "mode": store.mode,
            "status": self.status,
            "flow": self.flow,
            "amount": self.amount,
            "currency": self.currency,
            "redirect_url": f"https://pay.fintoc.com/sandbox/{self.id}",
            "session_token": self.token,
            "success_url": self.success_url,
            "cancel_url": self.cancel_url,
            "customer": self.customer,
            "customer_email": self.customer_email,
            "business_profile": self.business_profile,
            "line_items": self.line_items,
            "payment_method": intent.payment_method if intent else None,
            "payment_method_types": self.payment_method_types,
            "payment_method_options": self.payment_method_options,
            "payment_resource": {"payment_intent": {"id": intent.id, "status": intent.status}} if intent else None,
            "metadata": self.metadata,
            "created_at": timestamp(self.created_at),
            "expires_at": timestamp(self.expires_at),
        }
