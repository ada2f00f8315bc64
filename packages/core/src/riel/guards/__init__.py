"""May this happen at all? Guards are asked before a person is, and once more before the code is compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from riel.confirm.digest import Terms

__all__ = ["Guard", "Hold", "Rationing"]


class Guard(Protocol):
    """Something that may refuse."""

    name: str

    def check(self, terms: Terms, now: datetime) -> None:
        """Return where it may happen.

        :raises NotAllowed: with the limit that refused it, and what is left of it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What one payment takes of a limit, from when a person is asked until it ends without having moved money.

    The journal takes it in the transaction that opens the question, so that no two payments take the same rest.

    :param limit: the code an agent is told when nothing is left: ``LIMIT_PER_DAY``.
    :param scope: what is counted together, and nothing else: ``day|spei|MXN``.
    :param bucket: the period it counts in: its beginning in milliseconds since 1970, UTC.
    :param since: the oldest bucket that still counts; earlier than ``bucket`` where a limit looks back.
    :param takes: minor units, or one where payments are counted.
    :param most: what all holds of the scope may come to, from ``since`` to ``bucket``.
    :param counts: payments are counted, and not their money.
    :param until_paid: an account of the rail: once a payment to it has settled, this limit is lifted.
    """

    limit: str
    scope: str
    bucket: int
    since: int
    takes: int
    most: int
    counts: bool = False
    until_paid: str = ""


@runtime_checkable
class Rationing(Protocol):
    """A guard whose limits are shared by many payments, so that the journal must count them."""

    def holds(self, terms: Terms, now: datetime) -> Sequence[Hold]:
        """What these terms take of each limit."""
