"""The events that Fintoc tells, and test mode's way of making one without anything having happened."""

from collections.abc import Callable
from typing import Any

from rail_fintoc.sandbox.http.request import Asked, Reply, Way
from rail_fintoc.sandbox.ledger.accounts import AccountNumber
from rail_fintoc.sandbox.ledger.checkout_session import CheckoutSession
from rail_fintoc.sandbox.ledger.organisation import Books, Json
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent
from rail_fintoc.sandbox.ledger.refund import Refund
from rail_fintoc.sandbox.ledger.transfer import Transfer
from rail_fintoc.sandbox.routes.account_verifications import AccountVerification
from rail_fintoc.sandbox.routes.links import Link
from rail_fintoc.sandbox.routes.payouts import Payout
from rail_fintoc.sandbox.routes.stubs import Charge, RefreshIntent, Subscription, SubscriptionIntent

FAMILIES = {
    "transfer.inbound": ("succeeded", "rejected", "returned", "return_failed"),
    "transfer.outbound": ("succeeded", "rejected", "failed", "returned"),
    "account_number": ("deleted",),
    "account_verification": ("succeeded", "failed"),
    "payment_intent": ("succeeded", "rejected", "failed", "pending", "expired"),
    "checkout_session": ("finished", "expired"),
    "charge": ("succeeded", "failed"),
    "refund": ("in_progress", "succeeded", "failed"),
    "payout": ("created", "succeeded", "canceled", "returned"),
    "subscription": ("activated", "canceled"),
    "subscription_intent": ("succeeded", "rejected", "failed"),
    "link": ("created", "credentials_changed"),
    "link.refresh_intent": ("succeeded", "failed"),
    "account.refresh_intent": ("succeeded", "failed", "rejected", "movements_removed", "movements_modified"),
}
TYPES = frozenset(f"{family}.{what}" for family, all_ in FAMILIES.items() for what in all_)

Told = Callable[[Any, Books, str], Json]


def _by_books(row: Any, books: Books, version: str) -> Json:
    return dict(row.told(books))


def _by_version(row: Any, books: Books, version: str) -> Json:
    return dict(row.told(version))


SHOWN: dict[str, tuple[type[Any], Told]] = {
    "transfer.inbound": (Transfer, _by_version),
    "transfer.outbound": (Transfer, _by_version),
    "account_number": (AccountNumber, _by_version),
    "account_verification": (AccountVerification, lambda row, books, version: row.told()),
    "payment_intent": (PaymentIntent, _by_books),
    "checkout_session": (CheckoutSession, _by_books),
    "charge": (Charge, _by_books),
    "refund": (Refund, lambda row, books, version: row.told(books, version)),
    "payout": (Payout, _by_books),
    "subscription": (Subscription, _by_books),
    "subscription_intent": (SubscriptionIntent, _by_books),
    "link": (Link, _by_books),
    "link.refresh_intent": (RefreshIntent, _by_books),
    "account.refresh_intent": (RefreshIntent, _by_books),
}


def example(books: Books, type_: str) -> Json:
    """What an event of a type could tell: the newest object of its kind, in the state that the type names."""
    family, _, what = type_.rpartition(".")
    of, told = SHOWN[family]
    rows = [row for row in books.shelf(of).newest() if getattr(row, "direction", "") in {"", family.rpartition(".")[2]}]
    data = told(rows[0], books, books.world.behaviour.pinned_version) if rows else {"object": family, "id": None}
    return data | ({"status": what} if "status" in data else {})


def trigger(asked: Asked) -> Reply:
    """``POST /v1/events/trigger``: told to whoever asked for its type; ``overrides`` replaces fields of the object."""
    type_ = asked.body.one_of("type", TYPES, required=True)
    overrides = dict(asked.body.within("overrides"))
    return Reply(asked.books.tell(type_, example(asked.books, type_) | overrides).told(), 201)


WAYS = (Way(method="POST", path="/v1/events/trigger", answer=trigger),)
