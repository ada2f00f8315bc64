"""The addresses of payment intents: v1 is for everybody, v2 for those whose API version is new enough."""

from datetime import datetime
from typing import Any

from rail_fintoc.sandbox.http.filters import by_time, by_word, not_now
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed, only_from
from rail_fintoc.sandbox.ledger.payment_intent import ENDS, OPEN, PaymentIntent, moved
from rail_fintoc.sandbox.routes.customers import Customer
from rail_fintoc.sandbox.routes.party_fields import account
from rail_fintoc.sandbox.routes.stubs import PaymentMethod

NEWEST = "2026-02-01"
"""The API version from which v2 has payments."""

LISTED = (*ENDS, "pending")
"""What v1 can be asked for."""


def start_v1(asked: Asked) -> Reply:
    """``POST /v1/payment_intents``: the payer goes on in the widget."""
    body = asked.body
    intent = PaymentIntent(
        id=asked.world.id("pi"),
        amount=body.whole("amount", required=True) or 0,
        currency=body.currency(),
        created_at=asked.now,
        payment_type=body.text("payment_type") or "bank_transfer",
        recipient_account=account(body, "recipient_account"),
        customer_email=body.text("customer_email"),
        business_profile=dict(body.within("business_profile")) or None,
        metadata=body.metadata(),
    )
    asked.books.shelf(PaymentIntent).put(intent)
    token = asked.world.id(f"{intent.id}_sec")
    return Reply(intent.told(asked.books) | {"widget_token": token}, 201)


def charge(asked: Asked) -> Reply:
    """``POST /v2/payment_intents``: charges a payment method that a customer has left."""
    only_from(NEWEST, asked)
    body, books = asked.body, asked.books
    amount, currency = body.whole("amount", required=True) or 0, body.currency()
    intent = PaymentIntent(
        id=asked.world.id("pi"),
        amount=amount,
        currency=currency,
        created_at=asked.now,
        status="in_progress",
        customer=books.shelf(Customer).find(body.needed("customer")).id,
        payment_method=books.shelf(PaymentMethod).find(body.needed("payment_method")).id,
        payment_type="card",
        metadata=body.metadata(),
    )
    books.shelf(PaymentIntent).put(intent)
    asked.world.due(asked.world.behaviour.settled_seconds, lambda: moved(books, intent, "succeeded"))
    return Reply(intent.told(books), 201)


def get(asked: Asked) -> Reply:
    """``GET /v1/payment_intents/{id}``"""
    return Reply(_found(asked).told(asked.books))


def get_v2(asked: Asked) -> Reply:
    """``GET /v2/payment_intents/{id}``"""
    only_from(NEWEST, asked)
    return get(asked)


def every_v1(asked: Asked) -> Reply:
    """``GET /v1/payment_intents``: by time and by state."""
    rows = by_time(asked, asked.books.shelf(PaymentIntent).newest(), _made)
    return listed(asked, by_word(asked, rows, "status", LISTED, lambda row: row.status), _told(asked))


def every_v2(asked: Asked) -> Reply:
    """``GET /v2/payment_intents``: by time only."""
    only_from(NEWEST, asked)
    return listed(asked, by_time(asked, asked.books.shelf(PaymentIntent).newest(), _made), _told(asked))


def expire(asked: Asked) -> Reply:
    """``POST /v1/payment_intents/{id}/expire``"""
    intent = _found(asked)
    if intent.status not in OPEN:
        raise not_now(f"A payment intent that is {intent.status} does not expire")
    moved(asked.books, intent, "expired")
    return Reply(intent.told(asked.books))


def _found(asked: Asked) -> PaymentIntent:
    return asked.books.shelf(PaymentIntent).find(asked.path["id"])


def _made(row: PaymentIntent) -> datetime:
    return row.created_at


def _told(asked: Asked) -> Any:
    return lambda row: row.told(asked.books)


WAYS = (
    Way(method="GET", path="/v1/payment_intents", answer=every_v1),
    Way(method="POST", path="/v1/payment_intents", answer=start_v1),
    Way(method="GET", path="/v1/payment_intents/{id}", answer=get),
    Way(method="POST", path="/v1/payment_intents/{id}/expire", answer=expire),
    Way(method="GET", path="/v2/payment_intents", answer=every_v2),
    Way(method="POST", path="/v2/payment_intents", answer=charge),
    Way(method="GET", path="/v2/payment_intents/{id}", answer=get_v2),
)
