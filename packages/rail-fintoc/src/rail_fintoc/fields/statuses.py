"""What Fintoc's word for where a transfer stands means. A word that nobody explained is ``pending``, and is flagged.

``succeeded`` is not the end: an outbound transfer can still become ``returned``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from riel import Status


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a transfer stands: the core's word, and whether Fintoc's word was not to be expected here."""

    status: Status
    strange: bool = False


OUTBOUND: Final[Mapping[str, Status]] = {
    "pending": Status.PENDING,
    "succeeded": Status.SETTLED,
    "rejected": Status.REJECTED,
    "failed": Status.REJECTED,
    "returned": Status.RETURNED,
}
"""Of a transfer that pays somebody. Of one that was ``rejected``, ``failed`` or ``returned`` the money is back."""

GIVING_BACK: Final[Mapping[str, Status]] = {
    "return_pending": Status.PENDING,
    "returned": Status.SETTLED,
}
"""Of a received transfer that is being given back. When that fails it is ``succeeded`` again, as before it began: only
the event ``transfer.inbound.return_failed`` tells the two apart, so the word alone counts as strange."""

FINAL: Final = frozenset({"rejected", "failed", "returned"})
"""Words after which nothing more happens."""

FILTERS: Final = ("succeeded", "rejected", "failed", "pending", "returned", "return_pending", "reject_failed")
"""Every word of a transfer that the list can be filtered by."""


def paying_out(status: str) -> Standing:
    """Where a transfer stands that pays somebody."""
    return _standing(OUTBOUND, status)


def giving_back(status: str) -> Standing:
    """Where the return of a received transfer stands."""
    return _standing(GIVING_BACK, status)


def _standing(words: Mapping[str, Status], status: str) -> Standing:
    known = words.get(status)
    return Standing(Status.PENDING, strange=True) if known is None else Standing(known)
