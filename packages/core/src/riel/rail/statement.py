"""A rail's own list of a day: every order that its provider took, whoever gave it. The journal is held against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from riel.rail import Kind, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One order as the rail's statement lists it, whoever gave it.

    ``reference`` is the one that ``prepare`` made, or whatever stands in its place; empty where there is none.
    ``amount`` is in minor units. ``account`` is the payee's, written as in :class:`Payee`, or ``None`` where the
    statement does not tell all of it (or, for a refund, whose it is). ``at`` is when the rail took the order.
    """

    kind: Kind
    reference: str
    status: Status
    amount: int
    currency: str
    account: str | None = None
    provider_id: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Every order that the rail took on one day of its own, as it stands there now: what settled, what may still, what
    came back. Orders that it refused may be left out.

    ``since`` (inclusive) and ``until`` are the instants between which the rail counts an order to that day: two
    midnights of its time zone, or two turns of its operating day. ``covers`` says which kinds it lists.
    """

    since: datetime
    until: datetime
    lines: Sequence[StatementLine]
    covers: frozenset[Kind] = frozenset({"payment", "refund"})


class StatementClient(Protocol):
    """What the client of a rail has besides, where its capabilities declare ``statement``."""

    async def statement(self, day: date) -> Statement:
        """All that the rail took on ``day``, whole: every page of it.

        :raises NothingLearned: as ``riel.reading`` raises it; a part of the list is no list.
        """
