"""Payouts: what Fintoc has collected for the merchant goes to their bank. Nobody asks for one: Fintoc makes them."""

from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.http.filters import filter_by_time, filter_by_value
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.merchant_balance import BalanceEntry, MerchantBalance
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore, timestamp

STATUSES = ("in_progress", "succeeded", "canceled", "returned")
NEVER_LEFT = ("canceled", "returned")
MERCHANT: dict[str, Json] = {
    "CLP": {
        "holder_id": "771806538",
        "institution_id": "cl_banco_de_chile",
        "number": "1530108000",
        "type": "checking_account",
    },
    "MXN": {"holder_id": "EDE200101AB1", "institution_id": "40012", "number": "012969100000000110", "type": "clabe"},
}


@dataclass(slots=True, kw_only=True)
class Payout:
    """One settlement."""

    id: str
    amount: int
    currency: str
    created_at: datetime
    updated_at: datetime
    status: str = "in_progress"
    succeeded_at: datetime | None = None

    def to_json(self, store: ModeStore) -> Json:
        """What Fintoc says of it."""
        return {
            "id": self.id,
            "object": "payout",
            "mode": store.mode,
            "status": self.status,
            "amount": self.amount,
            "currency": self.currency,
            "recipient_account": MERCHANT[self.currency],
            "created_at": timestamp(self.created_at),
            "succeeded_at": timestamp(self.succeeded_at) if self.succeeded_at else None,
            "updated_at": timestamp(self.updated_at),
        }


def create_payout(store: ModeStore, payout: Payout) -> Payout:
    """Take the money of a payout from what Fintoc holds."""
    store.single(MerchantBalance).add(
        BalanceEntry(payout.created_at, -payout.amount, payout.currency, "payout", payout.id)
    )
    return store.table(Payout).add(payout)


def end_payout(store: ModeStore, payout: Payout, status: str) -> None:
    """Let a payout end; one that was canceled or came back is the merchant's balance again."""
    now = store.organisation.now
    if status in NEVER_LEFT:
        store.single(MerchantBalance).add(
            BalanceEntry(now, payout.amount, payout.currency, "payout_returned", payout.id)
        )
    payout.status, payout.updated_at = status, now
    if status == "succeeded":
        payout.succeeded_at = now


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v1/payouts/{id}``"""
    return ApiResponse(request.store.table(Payout).get(request.path["id"]).to_json(request.store))


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v1/payouts``: by time and by state."""
    rows = filter_by_time(request, request.store.table(Payout).newest_first(), lambda row: row.created_at)
    rows = filter_by_value(request, rows, "status", STATUSES, lambda row: row.status)
    return list_response(request, rows, lambda row: row.to_json(request.store))


ROUTES = (
    ApiRoute(method="GET", path="/v1/payouts", handler=list_all),
    ApiRoute(method="GET", path="/v1/payouts/{id}", handler=get),
)
