"""Invoices of the billing product: lines that add up, which change only while nobody has paid."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from rail_fintoc.sandbox.errors import Refused, missing
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.filters import by_word, not_now
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.organisation import Books, Json, stamp

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Invoice:
    """One invoice; its total is the sum of its lines."""

    id: str
    currency: str
    customer: str
    created_at: datetime
    status: str = "draft"
    subscription: str | None = None
    payment_method: str | None = None
    collection_method: str = "charge_automatically"
    attempts: int = 0
    lines: list[Json] = field(default_factory=list)
    payments: list[Json] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)

    def told(self, books: Books) -> Json:
        """What Fintoc says of it."""
        return {
            "id": self.id,
            "object": "invoice",
            "mode": books.mode,
            "status": self.status,
            "total": sum(line["amount"] for line in self.lines),
            "currency": self.currency,
            "customer": self.customer,
            "subscription": self.subscription,
            "default_payment_method": self.payment_method,
            "collection_method": self.collection_method,
            "attempt_count": self.attempts,
            "hosted_invoice_url": None,
            "lines": [dict(line) for line in self.lines],
            "payments": [dict(payment) for payment in self.payments],
            "metadata": self.metadata,
            "created_at": stamp(self.created_at),
        }


def line(books: Books, currency: str, amount: int, quantity: int = 1) -> Json:
    """A line for the month that begins now."""
    now = books.world.now
    return {
        "id": books.world.id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "quantity": quantity,
        "period_start": stamp(now),
        "period_end": stamp(now + timedelta(days=30)),
    }


def add_lines(asked: Asked) -> Reply:
    """``POST /v2/invoices/{id}/add_lines``: ``{lines: [{amount, quantity}]}``; Fintoc's own shape is not documented."""
    invoice = _open(asked)
    said: list[dict[str, Any]] = _lines(asked, dict)
    bodies = [Body(one, f"lines[{place}]") for place, one in enumerate(said)]
    new = [(body.whole("amount", required=True) or 0, body.whole("quantity") or 1) for body in bodies]
    invoice.lines += [line(asked.books, invoice.currency, amount, quantity) for amount, quantity in new]
    return Reply(invoice.told(asked.books))


def remove_lines(asked: Asked) -> Reply:
    """``POST /v2/invoices/{id}/remove_lines``: ``{lines: [id]}``"""
    invoice = _open(asked)
    gone = set(_lines(asked, str))
    for id_ in sorted(gone - {line["id"] for line in invoice.lines}):
        raise missing("line_item", id_)
    invoice.lines = [line for line in invoice.lines if line["id"] not in gone]
    return Reply(invoice.told(asked.books))


def change_line(asked: Asked) -> Reply:
    """``PATCH /v2/invoices/{id}/lines/{line_id}``: ``{amount, quantity}``"""
    invoice = _open(asked)
    found = next((line for line in invoice.lines if line["id"] == asked.path["line_id"]), None)
    if found is None:
        raise missing("line_item", asked.path["line_id"])
    changed = {name: asked.body.whole(name) for name in ("amount", "quantity")}
    found.update({name: value for name, value in changed.items() if value is not None})
    return Reply(invoice.told(asked.books))


def _open(asked: Asked) -> Invoice:
    invoice = asked.books.shelf(Invoice).find(asked.path["id"])
    if invoice.status not in {"draft", "open"}:
        raise not_now(f"An invoice that is {invoice.status} does not change")
    return invoice


def _lines(asked: Asked, kind: type[T]) -> list[T]:
    said = asked.body.get("lines")
    if not said:
        raise Refused(400, "missing_parameter", "Missing required param: lines", "lines")
    if not isinstance(said, list) or not all(isinstance(one, kind) for one in said):
        raise Refused(400, "invalid_array", "lines must be an array", "lines")
    return said


def get(asked: Asked) -> Reply:
    """``GET /v2/invoices/{id}``"""
    return Reply(asked.books.shelf(Invoice).find(asked.path["id"]).told(asked.books))


def every(asked: Asked) -> Reply:
    """``GET /v2/invoices``: those of a subscription, or all."""
    rows = by_word(asked, asked.books.shelf(Invoice).newest(), "subscription", None, lambda row: row.subscription)
    return listed(asked, rows, lambda row: row.told(asked.books))


WAYS = (
    Way(method="GET", path="/v2/invoices", answer=every),
    Way(method="GET", path="/v2/invoices/{id}", answer=get),
    Way(method="POST", path="/v2/invoices/{id}/add_lines", answer=add_lines),
    Way(method="POST", path="/v2/invoices/{id}/remove_lines", answer=remove_lines),
    Way(method="PATCH", path="/v2/invoices/{id}/lines/{line_id}", answer=change_line),
)
