"""The events that Fintoc tells, and test mode's way of making one without anything having happened."""

from collections.abc import Callable
from typing import Any

from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute
from rail_fintoc.sandbox.ledger.accounts import AccountNumber
from rail_fintoc.sandbox.ledger.checkout_session import CheckoutSession
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent
from rail_fintoc.sandbox.ledger.refund import PaymentRefund
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

ToJson = Callable[[Any, ModeStore, str], Json]


def _by_store(row: Any, store: ModeStore, version: str) -> Json:
    return dict(row.to_json(store))


def _by_version(row: Any, store: ModeStore, version: str) -> Json:
    return dict(row.to_json(version))


JSON_OF: dict[str, tuple[type[Any], ToJson]] = {
    "transfer.inbound": (Transfer, _by_version),
    "transfer.outbound": (Transfer, _by_version),
    "account_number": (AccountNumber, _by_version),
    "account_verification": (AccountVerification, lambda row, store, version: row.to_json()),
    "payment_intent": (PaymentIntent, _by_store),
    "checkout_session": (CheckoutSession, _by_store),
    "charge": (Charge, _by_store),
    "refund": (PaymentRefund, lambda row, store, version: row.to_json(store, version)),
    "payout": (Payout, _by_store),
    "subscription": (Subscription, _by_store),
    "subscription_intent": (SubscriptionIntent, _by_store),
    "link": (Link, _by_store),
    "link.refresh_intent": (RefreshIntent, _by_store),
    "account.refresh_intent": (RefreshIntent, _by_store),
}


def example(store: ModeStore, type_: str) -> Json:
    """What an event of a type could tell: the newest object of its kind, in the state that the type names."""
    family, _, what = type_.rpartition(".")
    of, to_json = JSON_OF[family]
    rows = [
        row
        for row in store.table(of).newest_first()
        if getattr(row, "direction", "") in {"", family.rpartition(".")[2]}
    ]
    data = (
        to_json(rows[0], store, store.organisation.behaviour.pinned_version) if rows else {"object": family, "id": None}
    )
    return data | ({"status": what} if "status" in data else {})


def trigger(request: ApiRequest) -> ApiResponse:
    """``POST /v1/events/trigger``: an event for its subscribers; ``overrides`` replaces fields of the object."""
    type_ = request.body.choice("type", TYPES, required=True)
    overrides = dict(request.body.object("overrides"))
    return ApiResponse(request.store.emit(type_, example(request.store, type_) | overrides).to_json(), 201)


ROUTES = (ApiRoute(method="POST", path="/v1/events/trigger", handler=trigger),)
