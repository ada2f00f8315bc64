"""Invoices of the billing product: lines that add up, which change only while nobody has paid."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from rail_fintoc.sandbox.errors import ApiError, missing_resource
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.filters import filter_by_value, wrong_state
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore, timestamp

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

    def to_json(self, store: ModeStore) -> Json:
        """What Fintoc says of it."""
        return {
            "id": self.id,
            "object": "invoice",
            "mode": store.mode,
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
            "created_at": timestamp(self.created_at),
        }


def new_line(store: ModeStore, currency: str, amount: int, quantity: int = 1) -> Json:
    """A line for the month that begins now."""
    now = store.organisation.now
    return {
        "id": store.organisation.id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "quantity": quantity,
        "period_start": timestamp(now),
        "period_end": timestamp(now + timedelta(days=30)),
    }


def add_lines(request: ApiRequest) -> ApiResponse:
    """``POST /v2/invoices/{id}/add_lines``: ``{lines: [{amount, quantity}]}``; Fintoc's own shape is not documented."""
    invoice = _open(request)
    lines: list[dict[str, Any]] = _lines(request, dict)
    bodies = [Body(one, f"lines[{place}]") for place, one in enumerate(lines)]
    new = [(body.integer("amount", required=True) or 0, body.integer("quantity") or 1) for body in bodies]
    invoice.lines += [new_line(request.store, invoice.currency, amount, quantity) for amount, quantity in new]
    return ApiResponse(invoice.to_json(request.store))


def remove_lines(request: ApiRequest) -> ApiResponse:
    """``POST /v2/invoices/{id}/remove_lines``: ``{lines: [id]}``"""
    invoice = _open(request)
    gone = set(_lines(request, str))
    for id_ in sorted(gone - {line["id"] for line in invoice.lines}):
        raise missing_resource("line_item", id_)
    invoice.lines = [line for line in invoice.lines if line["id"] not in gone]
    return ApiResponse(invoice.to_json(request.store))


def change_line(request: ApiRequest) -> ApiResponse:
    """``PATCH /v2/invoices/{id}/lines/{line_id}``: ``{amount, quantity}``"""
    invoice = _open(request)
    line_row = next((line for line in invoice.lines if line["id"] == request.path["line_id"]), None)
    if line_row is None:
        raise missing_resource("line_item", request.path["line_id"])
    changed = {name: request.body.integer(name) for name in ("amount", "quantity")}
    line_row.update({name: value for name, value in changed.items() if value is not None})
    return ApiResponse(invoice.to_json(request.store))


def _open(request: ApiRequest) -> Invoice:
    invoice = request.store.table(Invoice).get(request.path["id"])
    if invoice.status not in {"draft", "open"}:
        raise wrong_state(f"An invoice that is {invoice.status} does not change")
    return invoice


def _lines(request: ApiRequest, kind: type[T]) -> list[T]:
    lines = request.body.get("lines")
    if not lines:
        raise ApiError(400, "missing_parameter", "Missing required param: lines", "lines")
    if not isinstance(lines, list) or not all(isinstance(one, kind) for one in lines):
        raise ApiError(400, "invalid_array", "lines must be an array", "lines")
    return lines


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v2/invoices/{id}``"""
    return ApiResponse(request.store.table(Invoice).get(request.path["id"]).to_json(request.store))


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v2/invoices``: those of a subscription, or all."""
    rows = filter_by_value(
        request, request.store.table(Invoice).newest_first(), "subscription", None, lambda row: row.subscription
    )
    return list_response(request, rows, lambda row: row.to_json(request.store))


ROUTES = (
    ApiRoute(method="GET", path="/v2/invoices", handler=list_all),
    ApiRoute(method="GET", path="/v2/invoices/{id}", handler=get),
    ApiRoute(method="POST", path="/v2/invoices/{id}/add_lines", handler=add_lines),
    ApiRoute(method="POST", path="/v2/invoices/{id}/remove_lines", handler=remove_lines),
    ApiRoute(method="PATCH", path="/v2/invoices/{id}/lines/{line_id}", handler=change_line),
)
