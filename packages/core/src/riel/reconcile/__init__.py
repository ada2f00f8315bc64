"""Reconciliation: compare the journal with the provider's statement of a day.

Nothing here writes. A look-up clears a difference that the provider's answer can settle, and records the evidence
(``riel recover``); a person settles every other one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from riel.catalog import ActiveRail
from riel.errors import NothingLearned
from riel.journal import Journal, PaymentRecord, State
from riel.journal.pagination import iterate_payments
from riel.payments import rail_calls
from riel.payments.rules import NEVER_SENT
from riel.rail import Client, Statement, StatementLine, Status
from riel.reconcile.comparison import Comparison, Difference, DifferenceKind, Key, compare, severity

__all__ = ["Difference", "DifferenceKind", "ReconciliationReport", "compare", "reconcile"]

DAY_MARGIN = timedelta(hours=1)
"""An order this close to the start or end of a day may stand in the statement of the day beside it."""

DAY = timedelta(days=1)

LONGEST_GAP = 7
"""How many dates there are at most from one day of a provider to the next: a weekend with holidays."""


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
    statement = await rail_calls.statement(rail, client, day)
    comparison, name = Comparison(statement.lines), rail.declaration.name
    differences: list[Difference] = []
    count = 0
    perhaps_twice: list[tuple[PaymentRecord, StatementLine]] = []
    async for record in iterate_payments(journal, rail=name, since=statement.since, until=statement.until):
        if belongs_to(rail, record) and record.kind in statement.covers and not await _was_asked_again(journal, record):
            count += 1
            differences += comparison.match(record)
            line = comparison.line_of(record)
            if line and record.provider_id and line.provider_id and line.provider_id != record.provider_id:
                perhaps_twice.append((record, line))
    for _, reference in comparison.unmatched():  # created on another day by our clock: a copy may leave a day later
        known = await journal.by_reference(name, rail.mode, reference)
        if known is not None and belongs_to(rail, known):
            differences += [one for one in comparison.match(known) if one.kind is not DifferenceKind.MISSING]
            if line := comparison.line_of(known):
                perhaps_twice.append((known, line))
    differences += await _booked_on_two_days(rail, client, day, statement, perhaps_twice, now)
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


async def _was_asked_again(journal: Journal, record: PaymentRecord) -> bool:
    """Whether the payment never left, and another one has its reference now."""
    if (record.state, record.code) != (State.REJECTED, NEVER_SENT):
        return False
    newest = await journal.by_reference(record.rail, record.mode, record.reference)
    return newest is not None and newest.id != record.id


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


async def _booked_on_two_days(
    rail: ActiveRail,
    client: Client,
    day: date,
    statement: Statement,
    suspects: Sequence[tuple[PaymentRecord, StatementLine]],
    now: datetime,
) -> list[Difference]:
    """``TWICE`` for each suspect whose reference another order on a day beside it has: one key, booked on two days.

    Each of the two days, by itself, holds one order of that payment and shows no difference.
    """
    if not suspects:
        return []
    beside = await _days_beside(rail, client, day, statement, -1)
    if now >= statement.until:
        beside += await _days_beside(rail, client, day, statement, 1)
    booked: dict[Key, list[StatementLine]] = {}
    for line in (line for other in beside for line in other.lines if line.status is not Status.REJECTED):
        booked.setdefault((line.kind, line.reference), []).append(line)
    return [
        Difference(kind=DifferenceKind.TWICE, record=record, line=line, count=1 + len(others))
        for record, line in suspects
        if (others := [other for other in booked.get((record.kind, record.reference), ()) if not _same(line, other)])
    ]


def _same(line: StatementLine, other: StatementLine) -> bool:
    """Whether two lines are one order, which a provider may list on two days."""
    return bool(line.provider_id) and line.provider_id == other.provider_id


async def _days_beside(
    rail: ActiveRail, client: Client, day: date, statement: Statement, step: Literal[-1, 1]
) -> list[Statement]:
    """The statements before or after ``day`` up to the first that is contiguous with it.

    A date on which the provider counts no day has no statement, and a list of such dates may be wrong: so each date is
    asked for, and a missing answer is one only where no contiguous day follows.

    :raises NothingLearned: no statement is contiguous.
    """
    found: list[Statement] = []
    missing: NothingLearned | None = None
    for distance in range(1, LONGEST_GAP + 1):
        try:
            other = await rail_calls.statement(rail, client, day + step * distance * DAY)
        except NothingLearned as failure:
            missing = failure
            continue
        found.append(other)
        if (other.until >= statement.since) if step < 0 else (other.since <= statement.until):
            return found
    if missing is None:
        return found
    raise missing


async def _on_adjacent_days(
    rail: ActiveRail, client: Client, day: date, statement: Statement, missing: Sequence[PaymentRecord], now: datetime
) -> set[str]:
    """The references of ``missing`` that stand in the statement of the day before or after."""
    days = set[Literal[-1, 1]]()
    if any(record.created_at < statement.since + DAY_MARGIN for record in missing):
        days.add(-1)
    if now >= statement.until and any(
        max(record.created_at, record.sent_at) >= statement.until - DAY_MARGIN for record in missing
    ):
        days.add(1)
    there: set[Key] = set()
    for step in sorted(days):
        for other in await _days_beside(rail, client, day, statement, step):
            there |= {(entry.kind, entry.reference) for entry in other.lines}
    return {record.reference for record in missing if (record.kind, record.reference) in there}
