"""The differences between payments of the journal and lines of a statement, as pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from riel.journal import PaymentRecord, State
from riel.rail import Kind, Status
from riel.rail.statement import StatementLine

UNRESOLVED = frozenset({State.SENDING, State.UNKNOWN, State.REVIEW})
AGREEING = {
    (State.PENDING, Status.PENDING),
    (State.SETTLED, Status.SETTLED),
    (State.REJECTED, Status.REJECTED),
    (State.RETURNED, Status.RETURNED),
}

Key = tuple[Kind, str]


class DifferenceKind(StrEnum):
    """How the two sides differ, the most severe first."""

    UNCONFIRMED = "unconfirmed"
    """In the statement and not in the journal: nobody confirmed it here."""
    TWICE = "twice"
    """In the statement more than once under one reference."""
    MISSING = "missing"
    """Settled in the journal, and not in the statement."""
    MONEY = "money"
    """Another amount, or another currency."""
    ACCOUNT = "account"
    """Another payee's account."""
    STATE = "state"
    """Final on both sides, with different results."""
    UNRESOLVED = "unresolved"
    """Open in the journal, and final in the statement."""


SEVERITY = {kind: place for place, kind in enumerate(DifferenceKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference, with the payment of the journal and the line of the statement."""

    kind: DifferenceKind
    record: PaymentRecord | None = None
    line: StatementLine | None = None
    count: int = 1

    @property
    def reference(self) -> str:
        """The reference on both sides."""
        return self.record.reference if self.record else self.line.reference if self.line else ""


class Comparison:
    """The lines of a day, matched payment by payment, since a day may have many."""

    def __init__(self, lines: Iterable[StatementLine]) -> None:
        self._lines: defaultdict[Key, list[StatementLine]] = defaultdict(list)
        for line in lines:
            self._lines[line.kind, line.reference].append(line)
        self._without_reference = self._lines.pop(("payment", ""), []) + self._lines.pop(("refund", ""), [])
        self._matched: set[Key] = set()

    def match(self, record: PaymentRecord) -> list[Difference]:
        """The differences between a payment and its line; ``MISSING`` where it should have a line and has none."""
        key: Key = (record.kind, record.reference)
        lines = self._lines.get(key)
        if not lines:
            missing = record.state in {State.SETTLED, State.RETURNED}
            return [Difference(kind=DifferenceKind.MISSING, record=record)] if missing else []
        self._matched.add(key)
        moved = [line for line in lines if line.status is not Status.REJECTED]
        line = (moved or lines)[0]
        return [Difference(kind=kind, record=record, line=line) for kind in _differences_between(record, line)] + [
            Difference(kind=DifferenceKind.TWICE, record=record, line=line, count=len(moved)) for _ in moved[1:2]
        ]

    def line_of(self, record: PaymentRecord) -> StatementLine | None:
        """The line of a payment that moved money or may move it."""
        lines = self._lines.get((record.kind, record.reference), ())
        return next((line for line in lines if line.status is not Status.REJECTED), None)

    def unmatched(self) -> list[Key]:
        """The keys of the lines that no payment has matched so far."""
        return [key for key in self._lines if key not in self._matched]

    def unconfirmed(self) -> Iterator[Difference]:
        """Every unmatched line that moved money or may move it."""
        unmet = [line for key in self.unmatched() for line in self._lines[key]]
        for line in unmet + self._without_reference:
            if line.status is not Status.REJECTED:
                yield Difference(kind=DifferenceKind.UNCONFIRMED, line=line)


def compare(records: Iterable[PaymentRecord], lines: Iterable[StatementLine]) -> list[Difference]:
    """Every difference between payments and lines, the most severe first."""
    comparison = Comparison(lines)
    differences = [difference for record in records for difference in comparison.match(record)]
    return sorted([*differences, *comparison.unconfirmed()], key=severity)


def _differences_between(record: PaymentRecord, line: StatementLine) -> Iterator[DifferenceKind]:
    if (line.amount, line.currency) != (record.money.amount, record.money.currency):
        yield DifferenceKind.MONEY
    if line.account is not None and line.account != record.payee.account:
        yield DifferenceKind.ACCOUNT
    if record.state in UNRESOLVED or (record.state is State.PENDING and line.status is not Status.PENDING):
        yield DifferenceKind.UNRESOLVED
    elif (record.state, line.status) not in AGREEING:
        yield DifferenceKind.STATE


def severity(difference: Difference) -> tuple[int, str, str]:
    """The sort key of a difference."""
    line = difference.line
    return SEVERITY[difference.kind], difference.reference, line.provider_id if line else ""
