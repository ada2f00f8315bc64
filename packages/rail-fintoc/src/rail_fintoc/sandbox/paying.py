"""What the payer and the banks would do, and nobody does at a pretend Fintoc: ``/pretend/…``, for tests and trials.

A payment is paid or fails, a session is finished, a payout ends, and somebody connects a bank account.
"""

from rail_fintoc.sandbox.asked import Asked, Reply, Way
from rail_fintoc.sandbox.checkout import CheckoutSession
from rail_fintoc.sandbox.checkouts import ended
from rail_fintoc.sandbox.intent import OPEN, PaymentIntent, moved
from rail_fintoc.sandbox.links import connected
from rail_fintoc.sandbox.narrowing import not_now
from rail_fintoc.sandbox.payouts import NEVER_LEFT, Payout, came_to

STATUSES = ("in_progress", "requires_action", "pending", "succeeded", "failed", "rejected", "expired")


def pay(asked: Asked) -> Reply:
    """``POST /pretend/payment_intents/{id}``: it enters a state, for an ``error_reason`` where it fails."""
    intent = asked.books.shelf(PaymentIntent).find(asked.path["id"])
    status, reason = asked.body.one_of("status", STATUSES, required=True), asked.body.text("error_reason")
    _enter(asked, intent, status, reason)
    return Reply(intent.told(asked.books))


def finish(asked: Asked) -> Reply:
    """``POST /pretend/checkout_sessions/{id}``: the payer is through, and the payment enters ``status``."""
    session = asked.books.shelf(CheckoutSession).find(asked.path["id"])
    status = asked.body.one_of("status", STATUSES) or "succeeded"
    if session.status not in {"created", "in_progress"}:
        raise not_now(f"A checkout session that is {session.status} cannot be finished")
    if session.intent:
        _enter(asked, session.intent, status, asked.body.text("error_reason"))
    ended(asked.books, session, "finished")
    return Reply(session.told(asked.books))


def _enter(asked: Asked, intent: PaymentIntent, status: str, reason: str | None) -> None:
    if intent.status not in OPEN:
        raise not_now(f"A payment intent that is {intent.status} has ended")
    moved(asked.books, intent, status, reason if status in {"failed", "rejected"} else None)


def settle(asked: Asked) -> Reply:
    """``POST /pretend/payouts/{id}``: it ends."""
    payout = asked.books.shelf(Payout).find(asked.path["id"])
    status = asked.body.one_of("status", ("succeeded", *NEVER_LEFT), required=True)
    if payout.status in NEVER_LEFT or payout.status == status:
        raise not_now(f"A payout that is {payout.status} has ended")
    came_to(asked.books, payout, status)
    asked.books.tell(f"payout.{status}", payout.told(asked.books))
    return Reply(payout.told(asked.books))


def connect(asked: Asked) -> Reply:
    """``POST /pretend/links``: a holder logs in; the answer has the token that can be exchanged once."""
    link = connected(asked.books, asked.body.text("username") or "416148503")
    asked.books.tell("link.created", link.told(asked.books, accounts=True, token=True))
    return Reply({"id": link.id, "exchange_token": link.exchange_token}, 201)


WAYS = (
    Way(method="POST", path="/pretend/payment_intents/{id}", answer=pay),
    Way(method="POST", path="/pretend/checkout_sessions/{id}", answer=finish),
    Way(method="POST", path="/pretend/payouts/{id}", answer=settle),
    Way(method="POST", path="/pretend/links", answer=connect),
)
