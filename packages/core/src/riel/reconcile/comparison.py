"""What differs between payments of the journal and entries of the rail's list: pure, so that every kind is a test."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from riel.journal import PaymentRecord, State
from riel.rail import Kind, Status
from riel.rail.statement import StatementLine

UNRESOLVED = frozenset({State.SENDING, State.UNKNOWN, State.REVIEW})
SAME = {
    (State.PENDING, Status.PENDING),
    (State.SETTLED, Status.SETTLED),
    (State.REJECTED, Status.REJECTED),
    (State.RETURNED, Status.RETURNED),
}

Key = tuple[Kind, str]


class DifferenceKind(StrEnum):
    """How the two sides differ, the loudest first."""

    UNCONFIRMED = "unconfirmed"
    """At the rail, and not in the journal: nobody confirmed it here."""
    TWICE = "twice"
    """At the rail more than once under one reference."""
    MISSING = "missing"
    """Settled in the journal, and not at the rail."""
    MONEY = "money"
    """Another amount, or another currency."""
    ACCOUNT = "account"
    """Another payee's account."""
    STATE = "state"
    """Both know what became of it, and not the same."""
    UNRESOLVED = "unresolved"
    """Not resolved in the journal, and told by the rail."""


LOUDNESS = {kind: place for place, kind in enumerate(DifferenceKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference, with what the journal and the rail have of it."""

    kind: DifferenceKind
    record: PaymentRecord | None = None
    entry: StatementLine | None = None
    times: int = 1

    @property
    def reference(self) -> str:
        """What both sides call it."""
        return self.record.reference if self.record else self.entry.reference if self.entry else ""


class Comparison:
    """The rail's entries of a day, against which the journal is held payment by payment: a day may have many."""

    def __init__(self, entries: Iterable[StatementLine]) -> None:
        self._entries: defaultdict[Key, list[StatementLine]] = defaultdict(list)
        for entry in entries:
            self._entries[entry.kind, entry.reference].append(entry)
        self._nameless = self._entries.pop(("payment", ""), []) + self._entries.pop(("refund", ""), [])
        self._met: set[Key] = set()

    def meet(self, record: PaymentRecord) -> list[Difference]:
        """What differs between this payment and its entry; ``MISSING`` where it should have one and has none."""
        key: Key = (record.kind, record.reference)
        entries = self._entries.get(key)
        if not entries:
            missing = record.state in {State.SETTLED, State.RETURNED}
            return [Difference(kind=DifferenceKind.MISSING, record=record)] if missing else []
        self._met.add(key)
        moved = [entry for entry in entries if entry.status is not Status.REJECTED]
        entry = (moved or entries)[0]
        return [Difference(kind=kind, record=record, entry=entry) for kind in _apart(record, entry)] + [
            Difference(kind=DifferenceKind.TWICE, record=record, entry=entry, times=len(moved)) for _ in moved[1:2]
        ]

    def unmet(self) -> list[Key]:
        """What no payment was met for so far, by its name."""
        return [key for key in self._entries if key not in self._met]

    def nobodys(self) -> Iterator[Difference]:
        """Every entry that no payment was met for and that moved money, or may: nobody confirmed it."""
        unmet = [entry for key in self.unmet() for entry in self._entries[key]]
        for entry in unmet + self._nameless:
            if entry.status is not Status.REJECTED:
                yield Difference(kind=DifferenceKind.UNCONFIRMED, entry=entry)


def compare(records: Iterable[PaymentRecord], entries: Iterable[StatementLine]) -> list[Difference]:
    """Every difference between these payments and these entries, the loudest first."""
    comparison = Comparison(entries)
    found = [difference for record in records for difference in comparison.meet(record)]
    return sorted([*found, *comparison.nobodys()], key=loudness)


def _apart(record: PaymentRecord, entry: StatementLine) -> Iterator[DifferenceKind]:
    if (entry.amount, entry.currency) != (record.money.amount, record.money.currency):
        yield DifferenceKind.MONEY
    if entry.account is not None and entry.account != record.payee.account:
        yield DifferenceKind.ACCOUNT
    if record.state in UNRESOLVED or (record.state is State.PENDING and entry.status is not Status.PENDING):
        yield DifferenceKind.UNRESOLVED
    elif (record.state, entry.status) not in SAME:
        yield DifferenceKind.STATE


def loudness(difference: Difference) -> tuple[int, str, str]:
    """What differences are sorted by."""
    entry = difference.entry
    return LOUDNESS[difference.kind], difference.reference, entry.provider_id if entry else ""
