"""A checkout session: the page on which a payer pays, and what it is told to collect."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rail_fintoc.sandbox.intent import PaymentIntent
from rail_fintoc.sandbox.reading import Body
from rail_fintoc.sandbox.refusing import Refused
from rail_fintoc.sandbox.world import Books, Json, stamp

INTERVALS = ("day", "week", "month", "year")


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

    def told(self, books: Books) -> Json:
        """What Fintoc says of it. That it is ``finished`` does not mean that it is paid: the payment tells."""
        intent = self.intent
        return {
            "id": self.id,
            "object": "checkout_session",
            "mode": books.mode,
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
            "created_at": stamp(self.created_at),
            "expires_at": stamp(self.expires_at),
        }


def line_items(body: Body, currency: str) -> list[Json]:
    """What is bought, checked; its currency is the session's.

    :raises Refused: 400, with the code of what is wrong.
    """
    said = body.get("line_items") or []
    if not isinstance(said, list) or not all(isinstance(item, dict) for item in said):
        raise Refused(400, "invalid_array", "line_items must be an array of objects", "line_items")
    return [_item(Body(item, f"line_items[{place}]"), currency) for place, item in enumerate(said)]


def _item(item: Body, currency: str) -> Json:
    price = item.within("price_data", required=True)
    if price.currency() != currency:
        raise Refused(400, "currency_mismatch", "A line item has another currency", "line_items")
    told: Json = {
        "currency": currency,
        "unit_amount": price.whole("unit_amount", required=True),
        "product_data": {"name": price.within("product_data", required=True).needed("name")},
    }
    recurring = price.within("recurring")
    if recurring:
        interval = recurring.one_of("interval", INTERVALS, required=True)
        told["recurring"] = {"interval": interval, "interval_count": recurring.whole("interval_count") or 1}
    return {"price_data": told, "quantity": item.whole("quantity") or 1}


def total(body: Body, flow: str, items: list[Json]) -> int | None:
    """What the payer is to pay: ``amount``, or the sum of the items; nothing to set up a payment method.

    :raises Refused: 400: neither, or two that differ.
    """
    said = body.whole("amount", required=flow == "payment" and not items)
    sum_: Any = sum(item["price_data"]["unit_amount"] * item["quantity"] for item in items)
    if flow == "setup":
        if said is not None:
            raise Refused(400, "invalid_params", "A setup session has no amount", "amount")
        return None
    if flow == "subscription" and not items:
        raise Refused(400, "missing_parameter", "Missing required param: line_items", "line_items")
    if items and said not in {None, sum_}:
        raise Refused(400, "invalid_amount", "amount is not the sum of the line items", "amount")
    return int(sum_) if items else said
