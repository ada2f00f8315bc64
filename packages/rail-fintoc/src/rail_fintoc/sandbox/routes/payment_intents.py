"""The addresses of payment intents: v1 is for everybody, v2 for those whose API version is new enough."""

from datetime import datetime
from typing import Any

from rail_fintoc.sandbox.http.filters import filter_by_time, filter_by_value, wrong_state
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response, require_version
from rail_fintoc.sandbox.ledger.payment_intent import FINAL_STATUSES, OPEN_STATUSES, PaymentIntent, change_status
from rail_fintoc.sandbox.routes.customers import Customer
from rail_fintoc.sandbox.routes.party_fields import read_account
from rail_fintoc.sandbox.routes.stubs import PaymentMethod

NEWEST = "2026-02-01"
"""The API version from which v2 has payments."""

LISTED = (*FINAL_STATUSES, "pending")
"""What v1 can be asked for."""


def create_v1(request: ApiRequest) -> ApiResponse:
    """``POST /v1/payment_intents``: the payer goes on in the widget."""
    body = request.body
    intent = PaymentIntent(
        id=request.organisation.id("pi"),
        amount=body.integer("amount", required=True) or 0,
        currency=body.currency(),
        created_at=request.now,
        payment_type=body.text("payment_type") or "bank_transfer",
        recipient_account=read_account(body, "recipient_account"),
        customer_email=body.text("customer_email"),
        business_profile=dict(body.object("business_profile")) or None,
        metadata=body.metadata(),
    )
    request.store.table(PaymentIntent).add(intent)
    token = request.organisation.id(f"{intent.id}_sec")
    return ApiResponse(intent.to_json(request.store) | {"widget_token": token}, 201)


def charge(request: ApiRequest) -> ApiResponse:
    """``POST /v2/payment_intents``: charges a payment method that a customer has left."""
    require_version(NEWEST, request)
    body, store = request.body, request.store
    amount, currency = body.integer("amount", required=True) or 0, body.currency()
    intent = PaymentIntent(
        id=request.organisation.id("pi"),
        amount=amount,
        currency=currency,
        created_at=request.now,
        status="in_progress",
        customer=store.table(Customer).get(body.required_text("customer")).id,
        payment_method=store.table(PaymentMethod).get(body.required_text("payment_method")).id,
        payment_type="card",
        metadata=body.metadata(),
    )
    store.table(PaymentIntent).add(intent)
    request.organisation.schedule(
        request.organisation.behaviour.settled_seconds, lambda: change_status(store, intent, "succeeded")
    )
    return ApiResponse(intent.to_json(store), 201)


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v1/payment_intents/{id}``"""
    return ApiResponse(_requested(request).to_json(request.store))


def get_v2(request: ApiRequest) -> ApiResponse:
    """``GET /v2/payment_intents/{id}``"""
    require_version(NEWEST, request)
    return get(request)


def list_v1(request: ApiRequest) -> ApiResponse:
    """``GET /v1/payment_intents``: by time and by state."""
    rows = filter_by_time(request, request.store.table(PaymentIntent).newest_first(), _created_at)
    return list_response(
        request, filter_by_value(request, rows, "status", LISTED, lambda row: row.status), _to_json(request)
    )


def list_v2(request: ApiRequest) -> ApiResponse:
    """``GET /v2/payment_intents``: by time only."""
    require_version(NEWEST, request)
    return list_response(
        request,
        filter_by_time(request, request.store.table(PaymentIntent).newest_first(), _created_at),
        _to_json(request),
    )


def expire(request: ApiRequest) -> ApiResponse:
    """``POST /v1/payment_intents/{id}/expire``"""
    intent = _requested(request)
    if intent.status not in OPEN_STATUSES:
        raise wrong_state(f"A payment intent that is {intent.status} does not expire")
    change_status(request.store, intent, "expired")
    return ApiResponse(intent.to_json(request.store))


def _requested(request: ApiRequest) -> PaymentIntent:
    return request.store.table(PaymentIntent).get(request.path["id"])


def _created_at(row: PaymentIntent) -> datetime:
    return row.created_at


def _to_json(request: ApiRequest) -> Any:
    return lambda row: row.to_json(request.store)


ROUTES = (
    ApiRoute(method="GET", path="/v1/payment_intents", handler=list_v1),
    ApiRoute(method="POST", path="/v1/payment_intents", handler=create_v1),
    ApiRoute(method="GET", path="/v1/payment_intents/{id}", handler=get),
    ApiRoute(method="POST", path="/v1/payment_intents/{id}/expire", handler=expire),
    ApiRoute(method="GET", path="/v2/payment_intents", handler=list_v2),
    ApiRoute(method="POST", path="/v2/payment_intents", handler=charge),
    ApiRoute(method="GET", path="/v2/payment_intents/{id}", handler=get_v2),
)
