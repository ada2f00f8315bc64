"""What Fintoc's word for where a transfer stands means. A word that nobody explained is ``pending``, and is flagged.

``succeeded`` is not the end: an outbound transfer can still become ``returned``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from riel import Status


@dataclass(frozen=True, slots=True)
class TransferState:
    """Where a transfer stands: the core's word, and whether Fintoc's word was not to be expected here."""

    status: Status
    unexpected: bool = False


OUTBOUND_STATUSES: Final[Mapping[str, Status]] = {
    "pending": Status.PENDING,
    "succeeded": Status.SETTLED,
    "rejected": Status.REJECTED,
    "failed": Status.REJECTED,
    "returned": Status.RETURNED,
}
"""Of a transfer that pays somebody. Of one that was ``rejected``, ``failed`` or ``returned`` the money is back."""

RETURN_STATUSES: Final[Mapping[str, Status]] = {
    "return_pending": Status.PENDING,
    "returned": Status.SETTLED,
}
"""Of a received transfer that is being given back. When that fails it is ``succeeded`` again, as before it began: only
the event ``transfer.inbound.return_failed`` tells the two apart, so the word alone counts as strange."""

FINAL: Final = frozenset({"rejected", "failed", "returned"})
"""Words after which nothing more happens."""

FILTERS: Final = ("succeeded", "rejected", "failed", "pending", "returned", "return_pending", "reject_failed")
"""Every word of a transfer that the list can be filtered by."""


def transfer_state(status: str) -> TransferState:
    """Where a transfer stands that pays somebody."""
    return _standing(OUTBOUND_STATUSES, status)


def return_state(status: str) -> TransferState:
    """Where the return of a received transfer stands."""
    return _standing(RETURN_STATUSES, status)


def _standing(words: Mapping[str, Status], status: str) -> TransferState:
    known = words.get(status)
    return TransferState(Status.PENDING, unexpected=True) if known is None else TransferState(known)
