"""The journal held against the rail's own list: nothing where both say the same, and each difference by its name."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel import Money, NothingLearned, Payee, Statement, StatementLine, Status, yes
from riel.catalog import ActiveRail, validate
from riel.errors import BrokenRail
from riel.journal import Journal, PaymentRecord, State
from riel.journal.pagination import iterate_payments
from riel.journal.sqlite import SqliteJournal, payments
from riel.reconcile import DifferenceKind, compare, reconcile
from riel.testing.journal_contract import create_payment, move, new_intent
from riel.testing.keys import ROW_MAC

from .bad_rails.toy import GUARANTEES, toy
from .rules_support import RECORD

D, S = DifferenceKind, State
DAY = date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
LATER = MIDNIGHT + 3 * ONE_DAY
ACCOUNT = "012180001234567895"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def recorded(state: State = S.SETTLED, **changes: Any) -> PaymentRecord:
    return replace(RECORD, state=state, **changes)


def listed(record: PaymentRecord = RECORD, status: Status = Status.SETTLED, **changes: Any) -> StatementLine:
    """The entry that says the same."""
    told = StatementLine(
        kind=record.kind,
        reference=record.reference,
        status=status,
        amount=record.money.amount,
        currency=record.money.currency,
        account=record.payee.account,
    )
    return replace(told, **changes)


def kinds(records: list[PaymentRecord], entries: list[StatementLine]) -> list[DifferenceKind]:
    return [one.kind for one in compare(records, entries)]


# Pure


STATES = """
                settled     pending     rejected    returned    not_listed
    sending     unresolved  unresolved  unresolved  unresolved  -
    unknown     unresolved  unresolved  unresolved  unresolved  -
    review      unresolved  unresolved  unresolved  unresolved  -
    pending     unresolved  -           unresolved  unresolved  -
    settled     -           state       state       state       missing
    rejected    state       state       -           state       -
    returned    state       state       state       -           missing
    nothing     unconfirmed unconfirmed -           unconfirmed -
"""


def table() -> list[tuple[str, str, str]]:
    heads, *rows = [line.split() for line in STATES.strip().splitlines()]
    return [(row[0], head, cell) for row in rows for head, cell in zip(heads, row[1:], strict=True)]


@pytest.mark.parametrize(("ours", "theirs", "expected"), table())
def test_the_two_sides_differ_as_the_table_says(ours: str, theirs: str, expected: str) -> None:
    records = [] if ours == "nothing" else [recorded(State(ours))]
    entries = [] if theirs == "not_listed" else [listed(status=Status(theirs))]
    assert kinds(records, entries) == ([] if expected == "-" else [D(expected)])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"amount": 50_001}, [D.MONEY]),
        ({"currency": "CLP"}, [D.MONEY]),
        ({"account": "9" * 18}, [D.ACCOUNT]),
        ({"account": None}, []),
        ({"account": ""}, [D.ACCOUNT]),
        ({"provider_id": "B-1", "at": MIDNIGHT}, []),
        ({"amount": 1, "account": "1", "status": Status.PENDING}, [D.MONEY, D.ACCOUNT, D.STATE]),
        ({"reference": "REF-b"}, [D.UNCONFIRMED, D.MISSING]),
        ({"reference": ""}, [D.UNCONFIRMED, D.MISSING]),
        ({"reference": RECORD.reference.lower()}, [D.UNCONFIRMED, D.MISSING]),
        ({"kind": "refund"}, [D.UNCONFIRMED, D.MISSING]),
    ],
    ids=str,
)
def test_every_field_that_differs_is_told(changes: dict[str, Any], expected: list[DifferenceKind]) -> None:
    assert kinds([recorded()], [listed(**changes)]) == expected


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("settled", "settled"), [(D.TWICE, 2)]),
        (("settled", "pending", "returned"), [(D.TWICE, 3)]),
        (("rejected", "settled"), []),
        (("rejected", "rejected"), [(D.STATE, 1)]),
    ],
    ids=str,
)
def test_what_the_rail_took_twice_is_told_but_not_what_it_refused_first(
    statuses: tuple[str, ...], expected: list[tuple[DifferenceKind, int]]
) -> None:
    found = compare([recorded()], [listed(status=Status(status)) for status in statuses])
    assert [(one.kind, one.count) for one in found] == expected


def test_orders_without_a_reference_are_each_nobodys() -> None:
    nameless = listed(reference="")
    found = compare([], [nameless, nameless, replace(nameless, kind="refund")])
    assert [(one.kind, one.count) for one in found] == [(D.UNCONFIRMED, 1)] * 3


def test_the_loudest_comes_first_whatever_the_order() -> None:
    records = [recorded(reference=f"R{n}") for n in range(4)]
    entries = [
        listed(records[0], status=Status.RETURNED),
        listed(records[1], amount=1),
        *[listed(records[2])] * 2,
        listed(reference="STRANGER"),
    ]
    expected = [D.UNCONFIRMED, D.TWICE, D.MISSING, D.MONEY, D.STATE]
    assert kinds(records, entries) == kinds(records[::-1], entries[::-1]) == expected


statuses = {
    S.PENDING: Status.PENDING,
    S.SETTLED: Status.SETTLED,
    S.REJECTED: Status.REJECTED,
    S.RETURNED: Status.RETURNED,
}


@st.composite
def journals(draw: st.DrawFn) -> list[PaymentRecord]:
    states = draw(st.lists(st.sampled_from(list(statuses)), min_size=1, max_size=12))
    return [
        recorded(
            state,
            reference=f"R{number}",
            kind=draw(st.sampled_from(["payment", "refund"])),
            money=Money(draw(st.integers(1, 10**9)), "MXN"),
            payee=Payee(draw(st.sampled_from(["1" * 18, "2" * 18]))),
        )
        for number, state in enumerate(states)
    ]


@given(journals(), st.randoms(use_true_random=False))
def test_a_list_made_from_the_journal_differs_in_nothing(records: list[PaymentRecord], chance: Any) -> None:
    entries = [listed(record, statuses[record.state]) for record in records]
    chance.shuffle(entries)
    assert compare(records, entries) == []
    known = [entry for entry in entries if entry.status is not Status.REJECTED]
    assert compare(records, known) == [], "what was refused may be left out"


MUTATIONS: dict[str, Callable[[StatementLine], list[StatementLine]]] = {
    "amount": lambda entry: [replace(entry, amount=entry.amount + 1)],
    "currency": lambda entry: [replace(entry, currency="CLP")],
    "account": lambda entry: [replace(entry, account="3" * 18)],
    "gone": lambda entry: [],
    "twice": lambda entry: [entry, entry],
    "renamed": lambda entry: [replace(entry, reference="OTHER")],
    **{status.value: lambda entry, status=status: [replace(entry, status=status)] for status in Status},  # type: ignore[misc]
}


def told_of(name: str, record: PaymentRecord) -> set[tuple[DifferenceKind, str]]:
    """What one mutation of the entry of ``record`` must be called."""
    move = record.state is not S.REJECTED
    should_be_there = record.state in {S.SETTLED, S.RETURNED}
    missing = {(D.MISSING, record.reference)} if should_be_there else set()
    match name:
        case "amount" | "currency":
            return {(D.MONEY, record.reference)}
        case "account":
            return {(D.ACCOUNT, record.reference)}
        case "gone":
            return missing
        case "twice":
            return {(D.TWICE, record.reference)} if move else set()
        case "renamed":
            return missing | ({(D.UNCONFIRMED, "OTHER")} if move else set())
        case status if Status(status) is statuses[record.state]:
            return set()
        case _:
            return {(D.UNRESOLVED if record.state is S.PENDING else D.STATE, record.reference)}


@given(journals(), st.data())
def test_any_single_change_of_the_list_is_told_and_nothing_else_is(records: list[PaymentRecord], data: Any) -> None:
    place = data.draw(st.integers(0, len(records) - 1))
    name = data.draw(st.sampled_from(list(MUTATIONS)))
    entries = [listed(record, statuses[record.state]) for record in records]
    changed = [*entries[:place], *MUTATIONS[name](entries[place]), *entries[place + 1 :]]
    found = compare(records, changed)
    assert {(one.kind, one.reference) for one in found} == told_of(name, records[place])
    assert len(found) == len(told_of(name, records[place]))


@given(journals(), st.data())
def test_money_that_nobody_confirmed_is_always_told_first(records: list[PaymentRecord], data: Any) -> None:
    entries = [listed(record, statuses[record.state]) for record in records]
    status = data.draw(st.sampled_from([Status.SETTLED, Status.PENDING, Status.RETURNED]))
    entries.insert(data.draw(st.integers(0, len(entries))), listed(status=status, reference="STRANGER"))
    (found,) = compare(records, entries)
    assert (found.kind, found.line and found.line.reference) == (D.UNCONFIRMED, "STRANGER")


# With a journal and a rail


class StatementBank:
    """A rail's client that lists what it is told, day by day, and remembers which days it was asked for."""

    def __init__(self, **days: list[StatementLine]) -> None:
        self.days = {int(day.removeprefix("day")): entries for day, entries in days.items()}
        self.asked: list[date] = []

    async def statement(self, day: date) -> Any:
        self.asked.append(day)
        since = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return Statement(since=since, until=since + ONE_DAY, lines=self.days.get(day.day, []))


def offering(**guarantees: Any) -> ActiveRail:
    rules = replace(GUARANTEES, **guarantees)
    rail = toy("mock", guarantees=rules)
    return ActiveRail(
        declaration=rail,
        distribution="rail-mock",
        version="1",
        entry_point="mock",
        settings=rail.settings(base_url="http://bank.invalid", api_key="pretend_key"),
        mode="sandbox",
        guarantees=rules,
    )


ACTIVE_RAIL = offering()


@asynccontextmanager
async def journal_in(folder: Path) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal.open(str(folder / "journal.db"), ROW_MAC)
    try:
        yield journal
    finally:
        await journal.close()


async def paid(journal: Journal, name: str, at: datetime, state: State = S.SETTLED, **other: Any) -> PaymentRecord:
    intent = new_intent(f"REF-{name}", payer=other.pop("payer", ACTIVE_RAIL.payer))
    record = await create_payment(journal, name, at=at, intent=intent, **other)
    return record if state is S.SENDING else await move(journal, record, state, at=at)


async def differences(
    journal: Journal, bank: Any, now: datetime = LATER, rail: ActiveRail = ACTIVE_RAIL
) -> list[tuple[str, str]]:
    found = await reconcile(journal, rail, bank, DAY, now)
    return [(one.kind.value, one.reference) for one in found.differences]


@pytest.mark.anyio
async def test_a_day_in_which_both_say_the_same(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        records = [await paid(journal, f"p{n}", MIDNIGHT + n * HOUR) for n in range(24)]
        bank = StatementBank(day2=[listed(record) for record in records])
        found = await reconcile(journal, ACTIVE_RAIL, bank, DAY, LATER)  # type: ignore[arg-type]
        assert (found.differences, found.provider_count, found.journal_count, found.is_complete) == ([], 24, 24, True)
        assert bank.asked == [DAY]


@pytest.mark.anyio
async def test_only_payments_that_the_rail_could_know_of_are_compared(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        noon = MIDNIGHT + 12 * HOUR
        await paid(journal, "another-payer", noon, payer="another")
        await paid(journal, "another-mode", noon, mode="test")
        await paid(journal, "another-rail", noon, rail="zap")
        await paid(journal, "another-day", noon - ONE_DAY)
        assert await differences(journal, StatementBank()) == []
        stolen = listed(reference="REF-another-payer")
        assert await differences(journal, StatementBank(day2=[stolen])) == [("unconfirmed", "REF-another-payer")]


@pytest.mark.anyio
async def test_an_order_that_the_rail_counts_to_the_day_beside_is_not_missing(tmp_path: Path) -> None:
    """It was confirmed a moment before midnight and taken a moment after, or the clocks differ."""
    async with journal_in(tmp_path) as journal:
        late = await paid(journal, "late", MIDNIGHT + ONE_DAY - timedelta(milliseconds=1))
        early = await paid(journal, "early", MIDNIGHT)
        bank = StatementBank(day1=[listed(early)], day3=[listed(late)])
        assert await differences(journal, bank) == []
        assert bank.asked == [DAY, DAY - ONE_DAY, DAY + ONE_DAY]
        assert await differences(journal, StatementBank(day1=[listed(early)])) == [("missing", "REF-late")]


@pytest.mark.anyio
async def test_an_order_of_another_day_that_the_rail_counts_to_this_one_was_confirmed(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        record = await paid(journal, "early", MIDNIGHT - 5 * HOUR)
        assert await differences(journal, StatementBank(day2=[listed(record)])) == []
        assert await differences(journal, StatementBank(day2=[listed(record, amount=1)])) == [("money", "REF-early")]


@pytest.mark.anyio
@pytest.mark.parametrize("known_id", ["", "B-1", "B-2"])
@pytest.mark.parametrize("created", [MIDNIGHT + 12 * HOUR, MIDNIGHT - HOUR, MIDNIGHT + 25 * HOUR])
@pytest.mark.parametrize("first", ["day1", "day2"])
async def test_one_key_that_was_booked_on_two_days_is_told_on_one_of_them(
    tmp_path: Path, known_id: str, created: datetime, first: str
) -> None:
    """Each of the two days shows one order of the payment, which was created on either of them, or on neither."""
    async with journal_in(tmp_path) as journal:
        record = await create_payment(journal, "p", at=created, intent=new_intent("REF-p", payer=ACTIVE_RAIL.payer))
        record = await move(journal, record, S.SETTLED, at=created, provider_id=known_id)
        days = {"day1": ("day1", "day2"), "day2": ("day2", "day3")}[first]
        lines = [listed(record, provider_id=provider_id) for provider_id in ("B-1", "B-2")]
        bank = StatementBank(**{day: [line] for day, line in zip(days, lines, strict=True)})
        kinds_told: list[str] = []
        for day in (date(2026, 3, n) for n in (1, 2, 3)):
            found = await reconcile(journal, ACTIVE_RAIL, bank, day, LATER)  # type: ignore[arg-type]
            kinds_told += [one.kind.value for one in found.differences if one.kind is not D.MISSING]
        assert set(kinds_told) == {"twice"}


@pytest.mark.anyio
async def test_one_order_that_is_listed_on_two_days_was_not_booked_twice(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        record = await paid(journal, "p", MIDNIGHT - HOUR)
        line = listed(record, provider_id="B-1")
        assert await differences(journal, StatementBank(day1=[line], day2=[line])) == []
        refused = listed(record, Status.REJECTED, provider_id="B-0")
        assert await differences(journal, StatementBank(day1=[refused], day2=[line])) == []


class BusinessDays(StatementBank):
    """A rail that has no statement of the weekend before ``DAY``, and whose first day after it begins on Friday."""

    closed: frozenset[int] = frozenset({28, 1})

    async def statement(self, day: date) -> Any:
        if day.day in self.closed:
            self.asked.append(day)
            raise NothingLearned("no business day")
        told = await super().statement(day)
        return replace(told, since=told.since - 2 * ONE_DAY) if day == DAY else told


@pytest.mark.anyio
async def test_the_day_before_a_monday_is_a_friday(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        record = await paid(journal, "p", MIDNIGHT - 3 * ONE_DAY)
        one, two = (listed(record, provider_id=provider_id) for provider_id in ("B-1", "B-2"))
        bank = BusinessDays(day27=[one], day2=[two])
        assert await differences(journal, bank) == [("twice", "REF-p")]
        assert bank.asked == [DAY, *(DAY - n * ONE_DAY for n in (1, 2, 3)), DAY + ONE_DAY]
        bank.closed = frozenset({24, 25, 26, 27, 28, 1, 23})
        with pytest.raises(NothingLearned):
            await differences(journal, bank)


@pytest.mark.anyio
async def test_what_changed_after_the_rail_was_asked_is_no_difference(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        asked = MIDNIGHT + 12 * HOUR
        await paid(journal, "after", asked)
        settled = await paid(journal, "meanwhile", asked - HOUR, S.PENDING)
        await move(journal, settled, S.SETTLED, at=asked + timedelta(seconds=1))
        pending = listed(settled, status=Status.PENDING)
        assert await differences(journal, StatementBank(day2=[pending]), now=asked) == []
        later = asked + timedelta(minutes=1)
        expected = [("missing", "REF-after"), ("state", "REF-meanwhile")]
        assert await differences(journal, StatementBank(day2=[pending]), now=later) == expected
        lags = offering(lookup_lag=HOUR, absence_after=2 * HOUR)
        assert await differences(journal, StatementBank(day2=[pending]), now=later, rail=lags) == []


@pytest.mark.anyio
async def test_a_day_that_is_not_over_is_said_to_be_so_and_the_next_one_is_not_asked_for(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        await paid(journal, "late", MIDNIGHT + 23.5 * HOUR)
        bank = StatementBank()
        found = await reconcile(journal, ACTIVE_RAIL, bank, DAY, MIDNIGHT + 23.9 * HOUR)  # type: ignore[arg-type]
        assert not found.is_complete
        assert bank.asked == [DAY]


@pytest.mark.anyio
async def test_refunds_are_missing_only_where_the_rail_lists_them(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        original = await paid(journal, "a", MIDNIGHT)
        intent = new_intent("REF-r", payer=ACTIVE_RAIL.payer, refund_of=original.id)
        refund = await create_payment(
            journal, "r", at=MIDNIGHT + HOUR, intent=intent, kind="refund", money=Money(1, "MXN")
        )
        await move(journal, refund, S.SETTLED, at=MIDNIGHT + HOUR)
        bank = StatementBank(day2=[listed(original)])
        assert await differences(journal, bank) == [("missing", "REF-r")]

        async def of_payments(day: date) -> Statement:
            return replace(await StatementBank.statement(bank, day), covers=frozenset({"payment"}))

        bank.statement = of_payments  # type: ignore[method-assign]
        assert await differences(journal, bank) == []


@pytest.mark.anyio
async def test_many_of_one_millisecond_are_each_read_once(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        moments = [MIDNIGHT] * 7 + [MIDNIGHT + timedelta(milliseconds=n // 3) for n in range(20)]
        for n, at in enumerate(moments):
            await paid(journal, f"p{n}", at)
        for page in (1, 2, 3, 5, 27, 28, 100):
            read = [record.id async for record in iterate_payments(journal, page=page)]
            assert sorted(read) == sorted(f"pay_p{n}" for n in range(27))


@pytest.mark.anyio
async def test_a_page_is_read_without_reading_every_payment_of_the_rail(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        await paid(journal, "a", MIDNIGHT)
    db = sqlite3.connect(tmp_path / "journal.db")
    db.row_factory = sqlite3.Row
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    payments.newest(db, ROW_MAC, (), "mock", MIDNIGHT, LATER, 1000)
    db.set_trace_callback(None)
    plan = " ".join(row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {asked[0]}"))
    db.close()
    assert "payments_by_time" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("told", "why"),
    [
        (None, "it is NoneType"),
        ([], "it is list"),
        (Statement(since=MIDNIGHT.replace(tzinfo=None), until=LATER, lines=[]), "no beginning"),
        (Statement(since=LATER, until=MIDNIGHT, lines=[]), "ends before it begins"),
        (Statement(since=MIDNIGHT, until=LATER, lines=[{}]), "one of its lines"),  # type: ignore[list-item]
        (Statement(since=MIDNIGHT, until=LATER, lines=[listed(amount=500.0)]), "one of its lines"),
        (Statement(since=MIDNIGHT, until=LATER, lines=[listed(amount=True)]), "one of its lines"),
        (Statement(since=MIDNIGHT, until=LATER, lines=[listed(status="done")]), "one of its lines"),  # type: ignore[arg-type]
        (Statement(since=MIDNIGHT, until=LATER, lines=[listed(status="settled")]), "one of its lines"),  # type: ignore[arg-type]
        (Statement(since=MIDNIGHT, until=LATER, lines=[listed(account=7)]), "one of its lines"),
        (Statement(since=MIDNIGHT, until=LATER, lines=[listed(at="noon")]), "one of its lines"),
        (Statement(since=MIDNIGHT, until=LATER, lines=None), "another type"),  # type: ignore[arg-type]
        (Statement(since=MIDNIGHT, until=LATER, lines=[], covers=None), "another type"),  # type: ignore[arg-type]
    ],
    ids=[
        *("nothing", "a list", "no zone", "backwards", "no entry", "a float", "a bool", "no status", "a word for one"),
        *("a number for an account", "a word for a time", "no entries", "no kinds"),
    ],
)
async def test_a_list_that_is_none_is_never_compared(tmp_path: Path, told: Any, why: str) -> None:
    class Wrong:
        async def statement(self, day: date) -> Any:
            return told

    async with journal_in(tmp_path) as journal:
        with pytest.raises(BrokenRail, match=why):
            await differences(journal, Wrong())


@pytest.mark.anyio
async def test_a_client_that_cannot_do_what_its_rail_declares_is_said_to_be_so(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        with pytest.raises(BrokenRail, match="declares statements, but its client has no method 'statement'"):
            await differences(journal, object())


@pytest.mark.anyio
async def test_a_list_that_did_not_come_is_no_empty_list(tmp_path: Path) -> None:
    class Down:
        async def statement(self, day: date) -> Any:
            raise NothingLearned("HTTP 503")

    async with journal_in(tmp_path) as journal:
        with pytest.raises(NothingLearned):
            await differences(journal, Down())


@pytest.mark.anyio
async def test_nothing_is_written(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        unknown = await paid(journal, "a", MIDNIGHT, S.UNKNOWN)
        assert await differences(journal, StatementBank(day2=[listed(unknown)])) == [("unresolved", "REF-a")]
        assert await journal.payment(unknown.id) == unknown


def test_a_capability_that_is_none_is_a_fault_of_the_declaration() -> None:
    rail = toy()
    wrong = replace(rail.capabilities, statement=True)  # type: ignore[arg-type]
    assert validate(replace(rail, capabilities=wrong)) == [
        "declares a capability 'statement' that is none of yes, never(...) and not_yet(...)"
    ]
    assert validate(replace(rail, capabilities=replace(rail.capabilities, statement=yes))) == []
