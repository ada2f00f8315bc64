"""What Chile's "the same transfer today" can be about: one of the same Chilean day that has not come to nothing."""

import json
from datetime import datetime
from typing import Any

import pytest

from rail_fintoc.duplicates import is_copy, likeness

PAYEE = {"account_number": "1"}
BODY = json.dumps({"amount": 500, "currency": "CLP", "counterparty": PAYEE, "comment": "Rent"}).encode()


def transfer(at: str, **change: Any) -> dict[str, Any]:
    return {
        "amount": 500,
        "currency": "CLP",
        "counterparty": PAYEE,
        "comment": "Rent",
        "status": "succeeded",
        "transaction_date": at,
        **change,
    }


@pytest.mark.parametrize(
    ("status", "copy"),
    [("succeeded", True), ("pending", True), ("failed", False), ("rejected", False), ("returned", False)],
)
def test_a_transfer_that_came_to_nothing_is_not_the_one_that_ours_copies(status: str, copy: bool) -> None:
    at = datetime.fromisoformat("2026-03-06T15:00:00Z")
    assert is_copy(transfer("2026-03-06T14:00:00Z", status=status), likeness(BODY), at) is copy


@pytest.mark.parametrize(
    ("theirs", "ours", "copy"),
    [
        ("2026-03-06T15:00:00Z", "2026-03-07T01:30:00Z", True),  # 12:00 and 22:30 in Santiago, in summer time
        ("2026-03-07T02:59:00Z", "2026-03-07T03:00:00Z", False),  # 23:59 and midnight
        ("2026-03-07T03:00:00Z", "2026-03-07T23:59:00Z", True),  # midnight and 20:59
        ("2026-03-07T03:00:00Z", "2026-03-08T02:59:00Z", True),  # midnight and 23:59
        ("2026-07-06T12:00:00Z", "2026-07-07T00:30:00Z", True),  # 08:00 and 20:30, in winter time
        ("2026-07-07T03:30:00Z", "2026-07-07T04:00:00Z", False),  # 23:30 and midnight
    ],
)
def test_the_day_of_a_copy_is_santiagos_also_between_eight_in_the_evening_and_midnight(
    theirs: str, ours: str, copy: bool
) -> None:
    assert is_copy(transfer(theirs), likeness(BODY), datetime.fromisoformat(ours)) is copy
