"""The addresses of refunds. Refused are: more than was paid, a payee where the payer is known, a late cancel."""

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.filters import by_time, by_word, not_now
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.organisation import Json
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent
from rail_fintoc.sandbox.ledger.refund import LAST_OLDER, Refund, enter, remaining, waits
from rail_fintoc.sandbox.routes.party_fields import account

STATUSES = ("pending", "in_progress", "succeeded", "failed", "canceled")
OLDER_STATUSES = ("pending", "succeeded", "failed", "rejected")
NAMELESS = {"card"}
"""Payments whose payer has no account: a refund of one has none, either."""


def create(asked: Asked) -> Reply:
    """``POST /v1/refunds``"""
    body, books = asked.body, asked.books
    payment_id = body.needed("resource_id")
    body.one_of("resource_type", ("payment_intent",), required=True)
    wanted, metadata = body.whole("amount"), body.metadata()
    said = account(body, "recipient_account", named=True)
    payment = books.shelf(PaymentIntent).find(payment_id)
    if payment.status != "succeeded":
        raise not_now(f"A payment intent that is {payment.status} cannot be refunded")
    left = remaining(books, payment)
    amount = left if wanted is None else wanted
    if not 0 < amount <= left:
        raise Refused(400, "invalid_amount", f"amount must be at most what is left of the payment: {left}", "amount")
    refund = Refund(
        id=asked.world.id("re"),
        payment=payment,
        amount=amount,
        recipient_account=recipient_of(payment, said),
        metadata=metadata,
        created_at=asked.now,
        updated_at=asked.now,
        key=asked.key,
    )
    waits(books, books.shelf(Refund).put(refund))
    return Reply(refund.told(books, asked.version), 201)


def recipient_of(payment: PaymentIntent, said: Json | None) -> Json | None:
    """Where the money goes: the payer's account; whoever asks names one where Fintoc knows none, and only there.

    :raises Refused: 400.
    """
    unknown = payment.sender_account is None and payment.payment_type not in NAMELESS
    if unknown and said is None:
        raise Refused(400, "missing_parameter", "Missing required param: recipient_account", "recipient_account")
    if not unknown and said is not None:
        raise Refused(400, "invalid_params", "The payer's account is known: leave it out", "recipient_account")
    return {"holder_name": "Jon Snow", **payment.sender_account} if payment.sender_account else said


def cancel(asked: Asked) -> Reply:
    """``POST /v1/refunds/{id}/cancel``: only while nothing was paid."""
    refund = asked.books.shelf(Refund).find(asked.path["id"])
    if refund.status != "pending":
        raise not_now(f"A refund that is {refund.status} cannot be canceled")
    enter(asked.books, refund, "canceled")
    return Reply(refund.told(asked.books, asked.version))


def get(asked: Asked) -> Reply:
    """``GET /v1/refunds/{id}``"""
    return Reply(asked.books.shelf(Refund).find(asked.path["id"]).told(asked.books, asked.version))


def every(asked: Asked) -> Reply:
    """``GET /v1/refunds``: by time and by state."""
    words = OLDER_STATUSES if asked.version <= LAST_OLDER else STATUSES
    rows = by_time(asked, asked.books.shelf(Refund).newest(), lambda row: row.created_at)
    rows = by_word(asked, rows, "status", words, lambda row: row.status_in(asked.version))
    return listed(asked, rows, lambda row: row.told(asked.books, asked.version))


WAYS = (
    Way(method="GET", path="/v1/refunds", answer=every),
    Way(method="POST", path="/v1/refunds", answer=create, moves_money=True),
    Way(method="GET", path="/v1/refunds/{id}", answer=get),
    Way(method="POST", path="/v1/refunds/{id}/cancel", answer=cancel),
)
