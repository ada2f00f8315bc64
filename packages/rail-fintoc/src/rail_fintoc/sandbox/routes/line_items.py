"""What a checkout session is told to collect: its line items, and their total."""

from typing import Any

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.ledger.organisation import Json

INTERVALS = ("day", "week", "month", "year")


def line_items(body: Body, currency: str) -> list[Json]:
    """What is bought, checked; its currency is the session's.

    :raises ApiError: 400, with the code of what is wrong.
    """
    items = body.get("line_items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ApiError(400, "invalid_array", "line_items must be an array of objects", "line_items")
    return [_item(Body(item, f"line_items[{place}]"), currency) for place, item in enumerate(items)]


def _item(item: Body, currency: str) -> Json:
    price = item.object("price_data", required=True)
    if price.currency() != currency:
        raise ApiError(400, "currency_mismatch", "A line item has another currency", "line_items")
    values: Json = {
        "currency": currency,
        "unit_amount": price.integer("unit_amount", required=True),
        "product_data": {"name": price.object("product_data", required=True).required_text("name")},
    }
    recurring = price.object("recurring")
    if recurring:
        interval = recurring.choice("interval", INTERVALS, required=True)
        values["recurring"] = {"interval": interval, "interval_count": recurring.integer("interval_count") or 1}
    return {"price_data": values, "quantity": item.integer("quantity") or 1}


def total(body: Body, flow: str, items: list[Json]) -> int | None:
    """What the payer is to pay: ``amount``, or the sum of the items; nothing to set up a payment method.

    :raises ApiError: 400: neither, or two that differ.
    """
    amount = body.integer("amount", required=flow == "payment" and not items)
    sum_: Any = sum(item["price_data"]["unit_amount"] * item["quantity"] for item in items)
    if flow == "setup":
        if amount is not None:
            raise ApiError(400, "invalid_params", "A setup session has no amount", "amount")
        return None
    if flow == "subscription" and not items:
        raise ApiError(400, "missing_parameter", "Missing required param: line_items", "line_items")
    if items and amount not in {None, sum_}:
        raise ApiError(400, "invalid_amount", "amount is not the sum of the line items", "amount")
    return int(sum_) if items else amount
