"""Compare the journal with the rail's own list of a day: what stands on one side only, and what the two tell apart.

Nothing here writes. A difference that the rail's word can clear away is left to the ordinary look-up, which records it
with its evidence (``riel recover``); every other one is for a person.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from riel.catalog import ActiveRail
from riel.errors import BrokenRail, NothingLearned
from riel.journal import Journal, PaymentRecord
from riel.journal.pagination import iterate_payments
from riel.rail import Client, Status
from riel.rail.statement import Statement, StatementClient, StatementLine
from riel.reconcile.comparison import Comparison, Difference, DifferenceKind, Key, compare, loudness

__all__ = ["Difference", "DifferenceKind", "ReconciliationReport", "compare", "reconcile"]

AROUND = timedelta(hours=1)
"""How near to the turn of the day an order must be that the rail may have counted to the day beside it."""

DAY = timedelta(days=1)

LONGEST = timedelta(minutes=15)
"""How long a rail may take over the list of a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationReport:
    """A day compared: how much each side has of it, and every difference, the loudest first."""

    since: datetime
    until: datetime
    at_the_rail: int
    in_the_journal: int
    over: bool
    differences: Sequence[Difference]


async def reconcile(
    journal: Journal, rail: ActiveRail, client: Client, day: date, now: datetime
) -> ReconciliationReport:
    """Compare ``day``, as the rail counts its days. The rail is asked at ``now`` and the journal after that.

    :raises NothingLearned: the rail did not tell its list.
    :raises BrokenRail: what it told is no list.
    """
    told = await fetch_statement(rail, client, day)
    comparison, name = Comparison(told.lines), rail.declaration.name
    found: list[Difference] = []
    count = 0
    async for record in iterate_payments(journal, rail=name, since=told.since, until=told.until):
        if ours(rail, record) and record.kind in told.covers:
            count += 1
            found += comparison.meet(record)
    for _, reference in comparison.unmet():  # born before the day, or by its clock: a copy may leave a day later
        known = await journal.by_reference(name, rail.mode, reference)
        if known is not None and ours(rail, known):
            found += [one for one in comparison.meet(known) if one.kind is not DifferenceKind.MISSING]
    found = [one for one in found if not _fresh(rail, one, now)]
    missing = [one.record for one in found if one.kind is DifferenceKind.MISSING and one.record]
    elsewhere = await _beside(rail, client, day, told, missing, now)
    found = [one for one in found if one.kind is not DifferenceKind.MISSING or one.reference not in elsewhere]
    return ReconciliationReport(
        since=told.since,
        until=told.until,
        at_the_rail=len(told.lines),
        in_the_journal=count,
        over=told.until <= now,
        differences=sorted([*found, *comparison.nobodys()], key=loudness),
    )


async def fetch_statement(rail: ActiveRail, client: Client | StatementClient, day: date) -> Statement:
    """The rail's own list of a day, whole and in form.

    :raises NothingLearned: whatever the rail's client did instead.
    :raises BrokenRail: what it told is no list.
    """
    name = rail.declaration.name
    asking = getattr(client, "statement", None)
    if not callable(asking):
        raise BrokenRail(f"the rail {name!r} declares that it tells what it took on a day, but its client does not.")
    try:
        async with asyncio.timeout(LONGEST.total_seconds()):
            told = await asking(day)
    except NothingLearned:
        raise
    except (Exception, SystemExit) as failure:
        raise NothingLearned(type(failure).__name__) from failure
    if wrong := _out_of_form(told):
        raise BrokenRail(f"the rail {name!r} told no list of a day: {wrong}.")
    statement: Statement = told
    return statement


def ours(rail: ActiveRail, record: PaymentRecord) -> bool:
    """Whether the rail could know of it: the same money, of the same payer."""
    return (record.mode, record.payer) == (rail.mode, rail.payer)


def _fresh(rail: ActiveRail, difference: Difference, now: datetime) -> bool:
    """Whether it may differ only because it changed so shortly before the rail was asked, or since."""
    record = difference.record
    lag = rail.guarantees.lookup_lag
    return (
        difference.kind in {DifferenceKind.MISSING, DifferenceKind.STATE}
        and record is not None
        and record.updated_at + lag >= now
    )


async def _beside(
    rail: ActiveRail, client: Client, day: date, told: Statement, missing: Sequence[PaymentRecord], now: datetime
) -> set[str]:
    """Of what is missing, what the rail counts to the day before or after: an order may be taken after its midnight."""
    days = set()
    if any(record.created_at < told.since + AROUND for record in missing):
        days.add(day - DAY)
    if now >= told.until and any(max(record.created_at, record.sent_at) >= told.until - AROUND for record in missing):
        days.add(day + DAY)
    there: set[Key] = set()
    for other in sorted(days):
        there |= {(entry.kind, entry.reference) for entry in (await fetch_statement(rail, client, other)).lines}
    return {record.reference for record in missing if (record.kind, record.reference) in there}


def _out_of_form(told: Any) -> str:
    """What a rail's client returned instead of a statement, or nothing."""
    if not isinstance(told, Statement):
        return f"it is {type(told).__name__}"
    if not all(isinstance(at, datetime) and at.utcoffset() is not None for at in (told.since, told.until)):
        return "its day has no beginning or no end in time"
    if told.since >= told.until:
        return "its day ends before it begins"
    if not isinstance(told.lines, Sequence) or not isinstance(told.covers, frozenset):
        return "its entries or the kinds it covers are of another type"
    return "" if all(map(_is_entry, told.lines)) else "an entry of it is none"


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, StatementLine)
        and entry.kind in ("payment", "refund")
        and isinstance(entry.status, Status)
        and type(entry.amount) is int
        and all(isinstance(text, str) for text in (entry.reference, entry.currency, entry.provider_id))
        and isinstance(entry.account, str | None)
        and isinstance(entry.at, datetime | None)
    )
