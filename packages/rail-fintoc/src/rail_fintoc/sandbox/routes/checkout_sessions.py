"""The addresses of checkout sessions: v2 for those who are new enough for it, v1 for everybody."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body, parse_time
from rail_fintoc.sandbox.http.filters import wrong_state
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response, require_version
from rail_fintoc.sandbox.ledger.checkout_session import CheckoutSession
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent, change_status
from rail_fintoc.sandbox.routes.customers import Customer, new_customer
from rail_fintoc.sandbox.routes.line_items import line_items, total
from rail_fintoc.sandbox.routes.party_fields import read_account, read_tax_number
from rail_fintoc.sandbox.routes.payment_intents import NEWEST

FLOWS = ("payment", "subscription", "setup")
SHORTEST, USUAL = timedelta(minutes=10), timedelta(hours=24)
"""A session's life."""

CEILING_V1 = 7_000_000
"""Pesos; a v1 session is below it."""


def create(request: ApiRequest) -> ApiResponse:
    """``POST /v2/checkout_sessions``"""
    require_version(NEWEST, request)
    return ApiResponse(
        _new_session(request, request.body.choice("flow", FLOWS) or "payment").to_json(request.store), 201
    )


def create_v1(request: ApiRequest) -> ApiResponse:
    """``POST /v1/checkout_sessions``: payments only, in Chile below seven million pesos."""
    amount, currency = request.body.integer("amount", required=True) or 0, request.body.currency()
    if currency == "CLP" and amount >= CEILING_V1:
        raise ApiError(400, "invalid_amount", "amount must be below 7000000", "amount")
    return ApiResponse(_new_session(request, "payment").to_json(request.store), 201)


def _new_session(request: ApiRequest, flow: str) -> CheckoutSession:
    body, store, organisation = request.body, request.store, request.organisation
    currency = body.currency()
    items = line_items(body, currency)
    amount, expires_at, metadata = total(body, flow, items), _expires_at(request), body.metadata()
    options, types = _options(body), _types(body)
    profile = _profile(body)
    urls = {name: _url(body, name) for name in ("success_url", "cancel_url")}
    customer = _customer(store, body)
    id_ = organisation.id("cs")
    session = CheckoutSession(
        id=id_,
        flow=flow,
        amount=amount,
        currency=currency,
        token=organisation.id(f"{id_}_sec"),
        success_url=urls["success_url"],
        cancel_url=urls["cancel_url"],
        customer=customer.id if customer else None,
        customer_email=body.text("customer_email") or (customer.email if customer else None),
        business_profile=profile,
        line_items=items,
        payment_method_types=types,
        payment_method_options=options,
        metadata=metadata,
        created_at=request.now,
        expires_at=expires_at,
        intent=None,
    )
    if flow == "payment" and amount is not None:
        session.intent = store.table(PaymentIntent).add(
            PaymentIntent(
                id=organisation.id("pi"),
                amount=amount,
                currency=currency,
                created_at=request.now,
                payment_type=types[0],
                recipient_account=options.get("bank_transfer", {}).get("recipient_account"),
                customer=session.customer,
                customer_email=session.customer_email,
                business_profile=profile,
                expires_at=expires_at,
                metadata=metadata,
            )
        )
    organisation.schedule((expires_at - request.now).total_seconds(), lambda: end_session(store, session, "expired"))
    return store.table(CheckoutSession).add(session)


def end_session(store: ModeStore, session: CheckoutSession, status: str) -> None:
    """Let a session that is open end; a payment that has not begun ends with it."""
    if session.status not in {"created", "in_progress"}:
        return
    session.status = status
    if status == "expired" and session.intent and session.intent.status in {"created", "in_progress"}:
        change_status(store, session.intent, "expired")
    store.emit(f"checkout_session.{status}", session.to_json(store))


def _expires_at(request: ApiRequest) -> datetime:
    text = request.body.text("expires_at")
    try:
        at = parse_time("expires_at", text) or request.now + USUAL
    except ApiError:
        at = request.now
    if at - request.now < SHORTEST:
        raise ApiError(400, "invalid_expires_at", "expires_at must be at least 10 minutes ahead", "expires_at")
    return at


def _customer(store: ModeStore, body: Body) -> Customer | None:
    id_, data = body.text("customer"), body.object("customer_data")
    if id_ and data:
        raise ApiError(400, "invalid_params", "Give customer or customer_data, not both", "customer_data")
    if id_:
        return store.table(Customer).get(id_)
    return new_customer(store, data) if data else None


def _types(body: Body) -> list[str]:
    types = body.get("payment_method_types") or ["bank_transfer"]
    if not isinstance(types, list) or not all(isinstance(word, str) and word for word in types):
        raise ApiError(400, "invalid_array", "payment_method_types must be an array", "payment_method_types")
    return types


def _options(body: Body) -> Json:
    options = body.object("payment_method_options")
    transfer = options.object("bank_transfer")
    recipient = read_account(transfer, "recipient_account")
    return dict(options) | ({"bank_transfer": dict(transfer) | {"recipient_account": recipient}} if recipient else {})


def _profile(body: Body) -> Json | None:
    profile = body.object("business_profile")
    if profile.get("tax_id") is not None:
        try:
            read_tax_number(profile.required_text("tax_id"), "business_profile.tax_id")
        except ApiError as wrong:
            raise ApiError(400, "invalid_business_profile_tax_id", wrong.message, wrong.param) from None
    return dict(profile) or None


def _url(body: Body, name: str) -> str | None:
    url = body.text(name, longest=2000)
    if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
        raise ApiError(400, "invalid_params", f"{name} must be a URL", name)
    return url


def expire(request: ApiRequest) -> ApiResponse:
    """``POST /v1/checkout_sessions/{id}/expire``"""
    session = request.store.table(CheckoutSession).get(request.path["id"])
    if session.status not in {"created", "in_progress"}:
        raise wrong_state(f"A checkout session that is {session.status} does not expire")
    end_session(request.store, session, "expired")
    return ApiResponse(session.to_json(request.store))


def expire_v2(request: ApiRequest) -> ApiResponse:
    """``POST /v2/checkout_sessions/{id}/expire``"""
    require_version(NEWEST, request)
    return expire(request)


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v1/checkout_sessions/{id}``"""
    return ApiResponse(request.store.table(CheckoutSession).get(request.path["id"]).to_json(request.store))


def get_v2(request: ApiRequest) -> ApiResponse:
    """``GET /v2/checkout_sessions/{id}``"""
    require_version(NEWEST, request)
    return get(request)


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v2/checkout_sessions``: v1 has no list."""
    require_version(NEWEST, request)
    return list_response(
        request, request.store.table(CheckoutSession).newest_first(), lambda row: row.to_json(request.store)
    )


ROUTES = (
    ApiRoute(method="POST", path="/v1/checkout_sessions", handler=create_v1),
    ApiRoute(method="GET", path="/v1/checkout_sessions/{id}", handler=get),
    ApiRoute(method="POST", path="/v1/checkout_sessions/{id}/expire", handler=expire),
    ApiRoute(method="GET", path="/v2/checkout_sessions", handler=list_all),
    ApiRoute(method="POST", path="/v2/checkout_sessions", handler=create),
    ApiRoute(method="GET", path="/v2/checkout_sessions/{id}", handler=get_v2),
    ApiRoute(method="POST", path="/v2/checkout_sessions/{id}/expire", handler=expire_v2),
)
