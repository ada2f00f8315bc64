"""Reconciliation: compare the journal with the provider's statement of a day.

Nothing here writes. A look-up clears a difference that the provider's answer can settle, and records the evidence
(``riel recover``); a person settles every other one.
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
from riel.reconcile.comparison import Comparison, Difference, DifferenceKind, Key, compare, severity

__all__ = ["Difference", "DifferenceKind", "ReconciliationReport", "compare", "reconcile"]

DAY_MARGIN = timedelta(hours=1)
"""An order this close to the start or end of a day may stand in the statement of the day beside it."""

DAY = timedelta(days=1)

LONGEST = timedelta(minutes=15)
"""How long a rail may take over the list of a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationReport:
    """A reconciled day: how many lines each side has, and every difference, the most severe first."""

    since: datetime
    until: datetime
    provider_count: int
    journal_count: int
    is_complete: bool
    differences: Sequence[Difference]


async def reconcile(
    journal: Journal, rail: ActiveRail, client: Client, day: date, now: datetime
) -> ReconciliationReport:
    """Compare ``day``, as the provider counts its days. The provider is asked at ``now``, the journal after that.

    :raises NothingLearned: the provider gave no statement.
    :raises BrokenRail: the rail's client returned something that is no statement.
    """
    statement = await fetch_statement(rail, client, day)
    comparison, name = Comparison(statement.lines), rail.declaration.name
    differences: list[Difference] = []
    count = 0
    async for record in iterate_payments(journal, rail=name, since=statement.since, until=statement.until):
        if belongs_to(rail, record) and record.kind in statement.covers:
            count += 1
            differences += comparison.match(record)
    for _, reference in comparison.unmatched():  # born before the day, or by its clock: a copy may leave a day later
        known = await journal.by_reference(name, rail.mode, reference)
        if known is not None and belongs_to(rail, known):
            differences += [one for one in comparison.match(known) if one.kind is not DifferenceKind.MISSING]
    differences = [one for one in differences if not _may_be_stale(rail, one, now)]
    missing = [one.record for one in differences if one.kind is DifferenceKind.MISSING and one.record]
    elsewhere = await _on_adjacent_days(rail, client, day, statement, missing, now)
    differences = [
        one for one in differences if one.kind is not DifferenceKind.MISSING or one.reference not in elsewhere
    ]
    return ReconciliationReport(
        since=statement.since,
        until=statement.until,
        provider_count=len(statement.lines),
        journal_count=count,
        is_complete=statement.until <= now,
        differences=sorted([*differences, *comparison.unconfirmed()], key=severity),
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


def belongs_to(rail: ActiveRail, record: PaymentRecord) -> bool:
    """Whether the provider can know of the payment: it has the same mode and payer."""
    return (record.mode, record.payer) == (rail.mode, rail.payer)


def _may_be_stale(rail: ActiveRail, difference: Difference, now: datetime) -> bool:
    """Whether the difference may only show that the payment changed shortly before the statement, or since."""
    record = difference.record
    lag = rail.guarantees.lookup_lag
    return (
        difference.kind in {DifferenceKind.MISSING, DifferenceKind.STATE}
        and record is not None
        and record.updated_at + lag >= now
    )


async def _on_adjacent_days(
    rail: ActiveRail, client: Client, day: date, statement: Statement, missing: Sequence[PaymentRecord], now: datetime
) -> set[str]:
    """The references of ``missing`` that stand in the statement of the day before or after."""
    days = set()
    if any(record.created_at < statement.since + DAY_MARGIN for record in missing):
        days.add(day - DAY)
    if now >= statement.until and any(
        max(record.created_at, record.sent_at) >= statement.until - DAY_MARGIN for record in missing
    ):
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
