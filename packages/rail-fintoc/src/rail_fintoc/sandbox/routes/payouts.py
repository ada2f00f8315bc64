"""Payouts: what Fintoc has collected for the merchant goes to their bank. Nobody asks for one: Fintoc makes them."""

from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.http.filters import by_time, by_word
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.merchant_balance import Entry, Purse
from rail_fintoc.sandbox.ledger.organisation import Books, Json, stamp

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

    def told(self, books: Books) -> Json:
        """What Fintoc says of it."""
        return {
            "id": self.id,
            "object": "payout",
            "mode": books.mode,
            "status": self.status,
            "amount": self.amount,
            "currency": self.currency,
            "recipient_account": MERCHANT[self.currency],
            "created_at": stamp(self.created_at),
            "succeeded_at": stamp(self.succeeded_at) if self.succeeded_at else None,
            "updated_at": stamp(self.updated_at),
        }


def pay_out(books: Books, payout: Payout) -> Payout:
    """Take the money of a payout from what Fintoc holds."""
    books.the(Purse).put(Entry(payout.created_at, -payout.amount, payout.currency, "payout", payout.id))
    return books.shelf(Payout).put(payout)


def came_to(books: Books, payout: Payout, status: str) -> None:
    """Let a payout end; one that was canceled or came back is the merchant's balance again."""
    now = books.world.now
    if status in NEVER_LEFT:
        books.the(Purse).put(Entry(now, payout.amount, payout.currency, "payout_returned", payout.id))
    payout.status, payout.updated_at = status, now
    if status == "succeeded":
        payout.succeeded_at = now


def get(asked: Asked) -> Reply:
    """``GET /v1/payouts/{id}``"""
    return Reply(asked.books.shelf(Payout).find(asked.path["id"]).told(asked.books))


def every(asked: Asked) -> Reply:
    """``GET /v1/payouts``: by time and by state."""
    rows = by_time(asked, asked.books.shelf(Payout).newest(), lambda row: row.created_at)
    rows = by_word(asked, rows, "status", STATUSES, lambda row: row.status)
    return listed(asked, rows, lambda row: row.told(asked.books))


WAYS = (
    Way(method="GET", path="/v1/payouts", answer=every),
    Way(method="GET", path="/v1/payouts/{id}", answer=get),
)
