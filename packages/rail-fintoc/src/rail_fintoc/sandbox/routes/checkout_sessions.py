"""The addresses of checkout sessions: v2 for those who are new enough for it, v1 for everybody."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import Body, instant
from rail_fintoc.sandbox.http.filters import not_now
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed, only_from
from rail_fintoc.sandbox.ledger.checkout_session import CheckoutSession
from rail_fintoc.sandbox.ledger.organisation import Books, Json
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent, moved
from rail_fintoc.sandbox.routes.customers import Customer, new_customer
from rail_fintoc.sandbox.routes.line_items import line_items, total
from rail_fintoc.sandbox.routes.party_fields import account, tax_number
from rail_fintoc.sandbox.routes.payment_intents import NEWEST

FLOWS = ("payment", "subscription", "setup")
SHORTEST, USUAL = timedelta(minutes=10), timedelta(hours=24)
"""A session's life."""

CEILING_V1 = 7_000_000
"""Pesos; a v1 session is below it."""


def create(asked: Asked) -> Reply:
    """``POST /v2/checkout_sessions``"""
    only_from(NEWEST, asked)
    return Reply(_opened(asked, asked.body.one_of("flow", FLOWS) or "payment").told(asked.books), 201)


def create_v1(asked: Asked) -> Reply:
    """``POST /v1/checkout_sessions``: payments only, in Chile below seven million pesos."""
    amount, currency = asked.body.whole("amount", required=True) or 0, asked.body.currency()
    if currency == "CLP" and amount >= CEILING_V1:
        raise Refused(400, "invalid_amount", "amount must be below 7000000", "amount")
    return Reply(_opened(asked, "payment").told(asked.books), 201)


def _opened(asked: Asked, flow: str) -> CheckoutSession:
    body, books, world = asked.body, asked.books, asked.world
    currency = body.currency()
    items = line_items(body, currency)
    amount, expires_at, metadata = total(body, flow, items), _expires_at(asked), body.metadata()
    options, types = _options(body), _types(body)
    profile = _profile(body)
    urls = {name: _url(body, name) for name in ("success_url", "cancel_url")}
    customer = _customer(books, body)
    id_ = world.id("cs")
    session = CheckoutSession(
        id=id_,
        flow=flow,
        amount=amount,
        currency=currency,
        token=world.id(f"{id_}_sec"),
        success_url=urls["success_url"],
        cancel_url=urls["cancel_url"],
        customer=customer.id if customer else None,
        customer_email=body.text("customer_email") or (customer.email if customer else None),
        business_profile=profile,
        line_items=items,
        payment_method_types=types,
        payment_method_options=options,
        metadata=metadata,
        created_at=asked.now,
        expires_at=expires_at,
        intent=None,
    )
    if flow == "payment" and amount is not None:
        session.intent = books.shelf(PaymentIntent).put(
            PaymentIntent(
                id=world.id("pi"),
                amount=amount,
                currency=currency,
                created_at=asked.now,
                payment_type=types[0],
                recipient_account=options.get("bank_transfer", {}).get("recipient_account"),
                customer=session.customer,
                customer_email=session.customer_email,
                business_profile=profile,
                expires_at=expires_at,
                metadata=metadata,
            )
        )
    world.due((expires_at - asked.now).total_seconds(), lambda: ended(books, session, "expired"))
    return books.shelf(CheckoutSession).put(session)


def ended(books: Books, session: CheckoutSession, status: str) -> None:
    """Let a session that is open end; a payment that has not begun ends with it."""
    if session.status not in {"created", "in_progress"}:
        return
    session.status = status
    if status == "expired" and session.intent and session.intent.status in {"created", "in_progress"}:
        moved(books, session.intent, "expired")
    books.tell(f"checkout_session.{status}", session.told(books))


def _expires_at(asked: Asked) -> datetime:
    said = asked.body.text("expires_at")
    try:
        at = instant("expires_at", said) or asked.now + USUAL
    except Refused:
        at = asked.now
    if at - asked.now < SHORTEST:
        raise Refused(400, "invalid_expires_at", "expires_at must be at least 10 minutes ahead", "expires_at")
    return at


def _customer(books: Books, body: Body) -> Customer | None:
    said, data = body.text("customer"), body.within("customer_data")
    if said and data:
        raise Refused(400, "invalid_params", "Give customer or customer_data, not both", "customer_data")
    if said:
        return books.shelf(Customer).find(said)
    return new_customer(books, data) if data else None


def _types(body: Body) -> list[str]:
    said = body.get("payment_method_types") or ["bank_transfer"]
    if not isinstance(said, list) or not all(isinstance(word, str) and word for word in said):
        raise Refused(400, "invalid_array", "payment_method_types must be an array", "payment_method_types")
    return said


def _options(body: Body) -> Json:
    options = body.within("payment_method_options")
    transfer = options.within("bank_transfer")
    recipient = account(transfer, "recipient_account")
    return dict(options) | ({"bank_transfer": dict(transfer) | {"recipient_account": recipient}} if recipient else {})


def _profile(body: Body) -> Json | None:
    profile = body.within("business_profile")
    if profile.get("tax_id") is not None:
        try:
            tax_number(profile.needed("tax_id"), "business_profile.tax_id")
        except Refused as wrong:
            raise Refused(400, "invalid_business_profile_tax_id", wrong.message, wrong.param) from None
    return dict(profile) or None


def _url(body: Body, name: str) -> str | None:
    said = body.text(name, longest=2000)
    if said is not None and (urlsplit(said).scheme not in {"http", "https"} or not urlsplit(said).netloc):
        raise Refused(400, "invalid_params", f"{name} must be a URL", name)
    return said


def expire(asked: Asked) -> Reply:
    """``POST /v1/checkout_sessions/{id}/expire``"""
    session = asked.books.shelf(CheckoutSession).find(asked.path["id"])
    if session.status not in {"created", "in_progress"}:
        raise not_now(f"A checkout session that is {session.status} does not expire")
    ended(asked.books, session, "expired")
    return Reply(session.told(asked.books))


def expire_v2(asked: Asked) -> Reply:
    """``POST /v2/checkout_sessions/{id}/expire``"""
    only_from(NEWEST, asked)
    return expire(asked)


def get(asked: Asked) -> Reply:
    """``GET /v1/checkout_sessions/{id}``"""
    return Reply(asked.books.shelf(CheckoutSession).find(asked.path["id"]).told(asked.books))


def get_v2(asked: Asked) -> Reply:
    """``GET /v2/checkout_sessions/{id}``"""
    only_from(NEWEST, asked)
    return get(asked)


def every(asked: Asked) -> Reply:
    """``GET /v2/checkout_sessions``: v1 has no list."""
    only_from(NEWEST, asked)
    return listed(asked, asked.books.shelf(CheckoutSession).newest(), lambda row: row.told(asked.books))


WAYS = (
    Way(method="POST", path="/v1/checkout_sessions", answer=create_v1),
    Way(method="GET", path="/v1/checkout_sessions/{id}", answer=get),
    Way(method="POST", path="/v1/checkout_sessions/{id}/expire", answer=expire),
    Way(method="GET", path="/v2/checkout_sessions", answer=every),
    Way(method="POST", path="/v2/checkout_sessions", answer=create),
    Way(method="GET", path="/v2/checkout_sessions/{id}", answer=get_v2),
    Way(method="POST", path="/v2/checkout_sessions/{id}/expire", answer=expire_v2),
)
