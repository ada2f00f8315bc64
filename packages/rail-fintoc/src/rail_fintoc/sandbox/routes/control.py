"""Control routes for tests and trials, which the real Fintoc does not have: they do what payers and banks would do.

A payment is paid or fails, a session is finished, a payout ends, a holder connects a bank account, and a transfer, an
account or an entity enters a status, so that a test need not wait for it.
"""

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.filters import not_now
from rail_fintoc.sandbox.http.request import Asked, Reply, Way
from rail_fintoc.sandbox.ledger.accounts import Account, Entity
from rail_fintoc.sandbox.ledger.checkout_session import CheckoutSession
from rail_fintoc.sandbox.ledger.payment_intent import OPEN, PaymentIntent, moved
from rail_fintoc.sandbox.ledger.transfer import STATUSES as TRANSFER_STATUSES
from rail_fintoc.sandbox.ledger.transfer import Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import Ledger
from rail_fintoc.sandbox.routes.accounts import ACCOUNT_STATUSES, ENTITY_STATUSES
from rail_fintoc.sandbox.routes.checkout_sessions import ended
from rail_fintoc.sandbox.routes.links import connected
from rail_fintoc.sandbox.routes.payouts import NEVER_LEFT, Payout, came_to

STATUSES = ("in_progress", "requires_action", "pending", "succeeded", "failed", "rejected", "expired")


def pay(asked: Asked) -> Reply:
    """``POST /_sandbox/payment_intents/{id}``: it enters a state, for an ``error_reason`` where it fails."""
    intent = asked.books.shelf(PaymentIntent).find(asked.path["id"])
    status, reason = asked.body.one_of("status", STATUSES, required=True), asked.body.text("error_reason")
    _enter(asked, intent, status, reason)
    return Reply(intent.told(asked.books))


def finish(asked: Asked) -> Reply:
    """``POST /_sandbox/checkout_sessions/{id}``: the payer is through, and the payment enters ``status``."""
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
    """``POST /_sandbox/payouts/{id}``: it ends."""
    payout = asked.books.shelf(Payout).find(asked.path["id"])
    status = asked.body.one_of("status", ("succeeded", *NEVER_LEFT), required=True)
    if payout.status in NEVER_LEFT or payout.status == status:
        raise not_now(f"A payout that is {payout.status} has ended")
    came_to(asked.books, payout, status)
    asked.books.tell(f"payout.{status}", payout.told(asked.books))
    return Reply(payout.told(asked.books))


def connect(asked: Asked) -> Reply:
    """``POST /_sandbox/links``: a holder logs in; the answer has the token that can be exchanged once."""
    link = connected(asked.books, asked.body.text("username") or "416148503")
    asked.books.tell("link.created", link.told(asked.books, accounts=True, token=True))
    return Reply({"id": link.id, "exchange_token": link.exchange_token}, 201)


def move(asked: Asked) -> Reply:
    """``POST /_sandbox/transfers/{id}``: a transfer ends as it is told."""
    transfer = asked.books.shelf(Transfer).find(asked.path["id"])
    status = asked.body.one_of("status", TRANSFER_STATUSES, required=True)
    if transfer.status not in {"pending", "succeeded"} or transfer.direction != "outbound":
        raise Refused(409, "invalid_transfer_status", "Only an outbound transfer that has not come back can be moved")
    Ledger(asked.books).become(transfer, status, asked.body.text("reason"))
    return Reply(transfer.told(asked.version))


def hold(asked: Asked) -> Reply:
    """``POST /_sandbox/accounts/{id}``: an account is blocked, closed or active again."""
    account = asked.books.shelf(Account).find(asked.path["id"])
    account.status = asked.body.one_of("status", ACCOUNT_STATUSES, required=True)
    return Reply(account.told(asked.version))


def pause(asked: Asked) -> Reply:
    """``POST /_sandbox/entities/{id}``: an entity enters a status."""
    entity = asked.books.shelf(Entity).find(asked.path["id"])
    entity.status = asked.body.one_of("status", ENTITY_STATUSES, required=True)
    return Reply(entity.told(asked.version))


WAYS = (
    Way(method="POST", path="/_sandbox/transfers/{id}", answer=move),
    Way(method="POST", path="/_sandbox/accounts/{id}", answer=hold),
    Way(method="POST", path="/_sandbox/entities/{id}", answer=pause),
    Way(method="POST", path="/_sandbox/payment_intents/{id}", answer=pay),
    Way(method="POST", path="/_sandbox/checkout_sessions/{id}", answer=finish),
    Way(method="POST", path="/_sandbox/payouts/{id}", answer=settle),
    Way(method="POST", path="/_sandbox/links", answer=connect),
)
