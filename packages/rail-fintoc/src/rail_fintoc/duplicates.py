"""Chile refuses a second transfer of one day with the same amount, payee and comment: which one it is a copy of."""

import json
from datetime import datetime
from typing import Any, Final

from rail_fintoc.api import JsonObject
from rail_fintoc.time_zones import SANTIAGO

UNDONE_STATUSES: Final = frozenset({"rejected", "failed", "returned"})
"""A transfer that ended so is none that another one could be a copy of."""


Likeness = tuple[Any, ...]
"""Amount, currency, account and comment: what two transfers of one day may not have in common."""


def likeness(body: bytes) -> Likeness:
    """Of an order, by the bytes that were sent."""
    order = json.loads(body)
    return order["amount"], order["currency"], order["counterparty"]["account_number"], order["comment"]


def is_copy(row: JsonObject, like: Likeness, at: datetime) -> bool:
    """Whether a transfer in the list is why another one like it, ordered ``at`` that time, was refused."""
    payee: Any = row.get("counterparty")
    date = row.get("transaction_date")
    if not isinstance(payee, dict) or not isinstance(date, str) or row.get("status") in UNDONE_STATUSES:
        return False
    alike = (row.get("amount"), row.get("currency"), payee.get("account_number"), row.get("comment"))
    return alike == like and _day(datetime.fromisoformat(date)) == _day(at)


def _day(at: datetime) -> str:
    return f"{at.astimezone(SANTIAGO):%Y-%m-%d}"
