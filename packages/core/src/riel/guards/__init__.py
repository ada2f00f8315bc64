"""May this happen at all? Guards are asked before a person is, and once more before the code is compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from riel.confirm.terms import Terms
from riel.errors import NotAllowed

__all__ = ["Guard", "QuotaGuard", "Reservation"]


class Guard(Protocol):
    """Something that may refuse."""

    name: str

    def check(self, terms: Terms, now: datetime) -> None:
        """Return where it may happen.

        :raises NotAllowed: with the limit that refused it, and what is left of it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What one payment takes of a limit, from when a person is asked until it ends without having moved money.

    The journal takes it in the transaction that opens the question, so that no two payments take the same rest.

    :param scope: what is counted together, and nothing else: ``day|live|rail spei|MXN``.
    :param bucket: the period it counts in: its beginning in milliseconds since 1970, UTC.
    :param since: the oldest bucket that still counts; earlier than ``bucket`` where a limit looks back. Later ones
        always do, so that a clock which is behind another, or was set back, finds nothing free.
    :param takes: minor units, or one where payments are counted.
    :param most: what all holds of the scope may come to, from ``since`` on.
    :param refused: what an agent is told where it does not fit, given how much is left.
    :param until_paid: an account of the rail: once a payment to it has settled, this limit is lifted.
    """

    scope: str
    bucket: int
    since: int
    amount: int
    limit: int
    error: Callable[[int], NotAllowed] = field(compare=False, repr=False)
    lifted_by: str = ""


@runtime_checkable
class QuotaGuard(Protocol):
    """A guard whose limits are shared by many payments, so that the journal must count them."""

    def reservations(self, terms: Terms, now: datetime) -> Sequence[Reservation]:
        """What these terms take of each limit."""
