"""Reconciliation: compare the journal with the provider's statement of a day.

Nothing here writes. A look-up clears a difference that the provider's answer can settle, and records the evidence
(``riel recover``); a person settles every other one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from riel.catalog import ActiveRail
from riel.journal import Journal, PaymentRecord
from riel.journal.pagination import iterate_payments
from riel.payments import rail_calls
from riel.rail import Client, Statement
from riel.reconcile.comparison import Comparison, Difference, DifferenceKind, Key, compare, severity

__all__ = ["Difference", "DifferenceKind", "ReconciliationReport", "compare", "reconcile"]

DAY_MARGIN = timedelta(hours=1)
"""An order this close to the start or end of a day may stand in the statement of the day beside it."""

DAY = timedelta(days=1)


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
        there |= {(entry.kind, entry.reference) for entry in (await rail_calls.statement(rail, client, other)).lines}
    return {record.reference for record in missing if (record.kind, record.reference) in there}
