"""Guards may refuse a payment: they are asked before the approver is, and again before a code is compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from riel.confirm.terms import Terms
from riel.errors import NotAllowed

__all__ = ["Guard", "QuotaGuard", "Reservation"]


class Guard(Protocol):
    """May refuse a payment; a package contributes guards by the hook ``riel_guards``."""

    name: str

    def check(self, terms: Terms, now: datetime) -> None:
        """Return if the payment is allowed.

        :raises NotAllowed: the limit that refuses it, and how much of it is left.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The part of a limit that one payment takes, from its challenge until it is sure that it moves no money.

    The journal makes it in the transaction that opens the challenge, so that two payments never take the same rest.

    :param scope: reservations of one scope are added up: ``day|live|rail spei|MXN``.
    :param bucket: the period that it counts in: its start in milliseconds since 1970, UTC.
    :param since: the oldest bucket that still counts; earlier than ``bucket`` where a limit looks back. Later buckets
        always count, so that a clock which is behind another, or was set back, finds nothing free.
    :param amount: minor units, or one where payments are counted.
    :param limit: the most that all reservations of the scope may add up to, from ``since`` on.
    :param error: makes the refusal for the agent, given how much is left.
    :param lifted_by: an account of the rail. Once a payment to it has settled, this limit no longer applies.
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
    """A guard with limits that many payments share, so that the journal must add them up."""

    def reservations(self, terms: Terms, now: datetime) -> Sequence[Reservation]:
        """The reservations that these terms need."""
