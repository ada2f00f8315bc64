"""What Fintoc holds for the merchant: collected payments come in, refunds and payouts go out.

The balance is nothing but the sum of the entries; there is no number beside them that could differ.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Why = Literal["payment", "refund", "refund_failed", "payout", "payout_returned"]


@dataclass(frozen=True, slots=True)
class BalanceEntry:
    """Money that came in, or went out where ``amount`` is negative, in minor units."""

    at: datetime
    amount: int
    currency: str
    why: Why
    resource_id: str


class MerchantBalance:
    """The merchant's balance in each currency."""

    def __init__(self) -> None:
        self.entries: list[BalanceEntry] = []

    def add(self, entry: BalanceEntry) -> None:
        """Write it down."""
        self.entries.append(entry)

    def balance(self, currency: str) -> int:
        """What is there, in minor units."""
        return sum(entry.amount for entry in self.entries if entry.currency == currency)


def working_days_later(start: datetime, days: int) -> datetime:
    """The same time of day so many working days on, Monday to Friday; the pretend Fintoc has no holidays."""
    day = start
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day
