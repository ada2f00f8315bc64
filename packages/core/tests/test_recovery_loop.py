"""What is not resolved is looked at again: ever more rarely, whoever crashes, and each rail for itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from riel import Answer, NothingLearned, OutcomeUnknown, Status
from riel.cli.recover import no_answers, run_recovery
from riel.journal import PaymentRecord, State
from riel.journal.sqlite import SqliteJournal
from riel.payments import Clients, PaymentEngine
from riel.payments.engine import MAX_RECOVERING

from .engine_support import LOST, NOON, SETTLED, EngineFixture, Gate, Scripted, answers, first, working

pytestmark = pytest.mark.anyio

NOTHING = NothingLearned("overloaded")
PENDING = Answer(status=Status.PENDING)
NOW, SECOND = timedelta(0), timedelta(seconds=1)
NOT_DEDUPED: dict[str, Any] = {"dedupe": "no", "dedupe_window": timedelta(0)}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def drawing(world: EngineFixture, chance: int) -> None:
    """From now on randomness is this number, or the greatest that is asked for."""
    world.engine.context = replace(world.engine.context, below=lambda n: min(chance, n - 1))


async def pause(world: EngineFixture, record: PaymentRecord) -> timedelta:
    """How long it is left alone from now."""
    known = await world.known(record)
    assert known.next_at is not None
    return known.next_at - world.now


async def fallen_due(world: EngineFixture, record: PaymentRecord) -> timedelta:
    """Let time pass until it is due, look at it, and say how long it is left alone then."""
    world.now += await pause(world, record)
    await world.round()
    return await pause(world, record)


@pytest.mark.parametrize("what", ["unknown", "pending"])
async def test_pauses_double_from_a_second_whether_it_is_unknown_or_accepted(tmp_path: Path, what: str) -> None:
    sends, finds = (LOST, NOTHING) if what == "unknown" else (PENDING, PENDING)
    async with working(tmp_path, sends=answers(sends), finds=answers(finds)) as world:
        drawing(world, 0)
        record = await world.paid(world.request())
        assert record.state.value == what
        assert await pause(world, record) == SECOND
        assert [await fallen_due(world, record) // SECOND for _ in range(10)] == [
            2,
            4,
            8,
            16,
            32,
            64,
            128,
            256,
            300,
            300,
        ]


async def test_pauses_are_drawn_so_that_what_failed_together_is_not_asked_after_together(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST), finds=answers(NOTHING)) as world:
        drawing(world, 500)
        record = await world.paid(world.request())
        assert await pause(world, record) == SECOND / 2
        assert await fallen_due(world, record) == SECOND
        drawing(world, 250)
        assert await fallen_due(world, record) == 3 * SECOND


async def test_a_settled_payment_is_looked_up_a_few_times_and_what_is_told_later_is_kept(tmp_path: Path) -> None:
    named = replace(SETTLED, facts={"nameMatches": "same"}, settled_at=NOON - SECOND)
    finds = first(SETTLED, SETTLED, named)
    async with working(tmp_path, sends=answers(SETTLED), finds=finds, return_window=timedelta(days=5)) as world:
        drawing(world, 0)
        record = await world.paid(world.request())
        assert (record.facts, record.settled_at) == ({}, NOON)
        pauses = [await pause(world, record), await fallen_due(world, record), await fallen_due(world, record)]
        assert [each // timedelta(minutes=1) for each in pauses] == [5, 15, 60]
        assert (await world.known(record)).facts == {}
        assert await fallen_due(world, record) == timedelta(hours=6)
        known = await world.known(record)
        assert (known.state, known.facts, known.settled_at) == (
            State.SETTLED,
            {"nameMatches": "same"},
            NOON - SECOND,
        )
        for _ in range(30):
            world.later(hours=6)
            await world.round()
        assert (await world.known(record)).next_at is None
        names = [event.event for event in await world.journal.events(record.id)]
        assert names.count("payment.learned") == 1
    assert len(world.client.looked) < 30, "2,890 look-ups in five days were too many"


async def test_a_link_that_comes_while_a_payment_is_pending_is_kept_and_taken_back_when_it_is_over(
    tmp_path: Path,
) -> None:
    linked = replace(PENDING, facts={"approvalUrl": "https://bank.example/1"})
    over = replace(SETTLED, facts={"approvalUrl": "", "payeeName": "Ana"})
    finds = first(PENDING, linked, linked, over)
    async with working(tmp_path, sends=answers(PENDING), finds=finds, return_window=timedelta(days=5)) as world:
        drawing(world, 0)
        record = await world.paid(world.request())
        told = []
        for _ in range(4):
            await fallen_due(world, record)
            known = await world.known(record)
            told.append((known.state, known.facts))
        link = {"approvalUrl": "https://bank.example/1"}
        assert told == [
            (State.PENDING, {}),
            (State.PENDING, link),
            (State.PENDING, link),
            (State.SETTLED, {"payeeName": "Ana"}),
        ]
        names = [event.event for event in await world.journal.events(record.id)]
        assert names.count("payment.learned") == 1


@pytest.mark.parametrize("lookup", ["by_reference", "no"])
async def test_while_the_clock_is_not_the_journals_no_payment_is_given_up_or_sent_again(
    tmp_path: Path, lookup: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rules: dict[str, Any] = {"lookup": lookup, "absence_after": None if lookup == "no" else SECOND}
    monkeypatch.setattr(SqliteJournal, "clock_difference", timedelta(seconds=31))
    async with working(tmp_path, sends=answers(LOST), finds=answers(None), **rules) as world:
        record = await world.paid(world.request())
        for minutes in (1, 5, 30):
            world.later(minutes=minutes)
            await world.round()
        assert (await world.state(record), len(world.client.sent)) == (State.UNKNOWN, 1)
        assert "31 s away from the journal's" in caplog.text
        monkeypatch.setattr(SqliteJournal, "clock_difference", timedelta(seconds=29))
        world.later(minutes=10)
        await world.round()
        assert len(world.client.sent) == 2, "its window is still open"


async def test_a_process_that_dies_does_not_begin_the_doubling_anew(tmp_path: Path) -> None:
    finds = answers(NOTHING)
    async with working(tmp_path, sends=answers(LOST), finds=finds) as world:
        drawing(world, 0)
        record = await world.paid(world.request())
        for _ in range(5):
            await fallen_due(world, record)
        now = world.now
    async with working(tmp_path, finds=finds, now=now) as world:
        drawing(world, 0)
        assert await pause(world, record) == 32 * SECOND
        await world.round()
        assert world.client.looked == [], "it waits as long as it would have waited"
        assert await fallen_due(world, record) == 64 * SECOND


async def test_an_outage_that_never_ends_is_handed_to_an_operator(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST), finds=answers(NOTHING), **NOT_DEDUPED) as world:
        record = await world.paid(world.request())
        for _ in range(9):
            world.later(hours=7)
            await world.round()
        world.later(hours=9, seconds=-1)
        await world.round()
        assert await world.state(record) is State.UNKNOWN
        world.later(minutes=10)
        await world.round()
        known = await world.known(record)
        assert (known.state, known.next_at) == (State.REVIEW, None)


async def test_after_days_in_which_no_server_ran_one_look_up_that_fails_ends_no_watch(tmp_path: Path) -> None:
    finds = first(NOTHING, Answer(status=Status.RETURNED))
    async with working(tmp_path, sends=answers(SETTLED), finds=finds, return_window=timedelta(days=1)) as world:
        record = await world.paid(world.request())
        world.later(days=30)
        await world.round()
        world.now += await pause(world, record)
        await world.round()
        assert await world.state(record) is State.RETURNED


async def test_a_watch_ends_once_ten_look_ups_in_a_row_had_no_answer_days_after_its_time(tmp_path: Path) -> None:
    finds = answers(NOTHING)
    async with working(tmp_path, sends=answers(SETTLED), finds=finds, return_window=timedelta(days=1)) as world:
        record = await world.paid(world.request())
        world.later(days=30)
        for _ in range(9):
            await world.round()
            world.now += await pause(world, record)
        await world.round()
        known = await world.known(record)
        assert (known.state, known.next_at) == (State.SETTLED, None)


async def test_an_accepted_order_on_a_rail_that_cannot_be_asked_is_handed_to_an_operator(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(PENDING), lookup="no", absence_after=None) as world:
        record = await world.paid(world.request())
        for _ in range(3):
            world.later(minutes=10)
            await world.round()
        assert await world.state(record) is State.PENDING
        world.later(hours=1)
        await world.round()
        assert await world.state(record) is State.REVIEW
        assert len(world.client.sent) == 1


@asynccontextmanager
async def two_rails(folder: Path, slow: Gate, **how: Any) -> AsyncIterator[EngineFixture]:
    """A world with a second rail, ``slow``, whose look-ups wait for the gate."""
    async with working(folder, sends=answers(LOST), finds=answers(NOTHING), **how) as world:
        other = Scripted(answers(LOST), answers(LOST), slow)

        @asynccontextmanager
        async def connect(settings: object, http: object) -> AsyncIterator[Scripted]:
            yield other

        active = replace(world.rail, declaration=replace(world.rail.declaration, name="aslow", connect=connect))
        rails = {"toy": world.rail, "aslow": active}
        world.engine.context = replace(world.engine.context, rails=rails, clients=Clients(rails))
        world.slow, world.slow_client = active, other  # type: ignore[attr-defined]
        yield world


async def test_a_rail_that_hangs_holds_up_no_other_however_much_of_it_is_due(tmp_path: Path) -> None:
    gate = Gate()
    async with two_rails(tmp_path, gate) as world:
        slow = world.slow  # type: ignore[attr-defined]
        for amount in range(1, MAX_RECOVERING + 9):
            request = replace(world.request(amount, rail="aslow"), rail=slow)
            await world.paid(request)
        world.later(seconds=2)
        quick = await world.paid(world.request(999))
        world.client.finds = answers(SETTLED)
        world.later(seconds=2)
        await world.engine.run_once()
        async with asyncio.timeout(120):
            while await world.state(quick) is not State.SETTLED:  # noqa: ASYNC110  # the journal tells nobody
                await asyncio.sleep(0.001)
        await world.engine.run_once()
        assert len(world.slow_client.looked) == MAX_RECOVERING, "and not more of it at a time"  # type: ignore[attr-defined]
        gate.open.set()
        await world.quiet()


# riel recover


async def test_recover_looks_once_at_each_that_is_due(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST), finds=answers(NOTHING)) as world:
        due = [await world.paid(world.request(amount)) for amount in range(1, 2 * MAX_RECOVERING)]
        world.later(seconds=2)
        later = await world.paid(world.request(999))
        found = await run_recovery(world.engine, again=False, within=NOW)
        assert set(found.looked_up) == {record.id for record in due}
        assert (found.unresolved, found.pending) == (len(due) + 1, 0)
        assert len(world.client.looked) == len(due)
        assert later.id not in found.looked_up


async def test_recover_says_whose_provider_gave_no_answer_and_why(tmp_path: Path) -> None:
    finds = first(NothingLearned("connection refused"), NothingLearned("connection refused"), PENDING)
    async with working(tmp_path, sends=answers(LOST), finds=finds) as world:
        for amount in (1, 2, 3):
            await world.paid(world.request(amount))
        found = await run_recovery(world.engine, again=True, within=NOW)
        assert no_answers(found) == [("toy", "connection refused", 2)]
        world.client.finds = answers(SETTLED)
        world.later(minutes=1)
        found = await run_recovery(world.engine, again=True, within=NOW)
        assert no_answers(found) == []


async def test_recover_now_looks_at_what_is_not_due_as_well_and_once(tmp_path: Path) -> None:
    finds = first(NOTHING, SETTLED)
    async with working(tmp_path, sends=answers(LOST), finds=finds) as world:
        records = [await world.paid(world.request(amount)) for amount in range(1, 2 * MAX_RECOVERING)]
        found = await run_recovery(world.engine, again=True, within=NOW)
        assert set(found.looked_up) == {record.id for record in records}
        assert len(world.client.looked) == len(records)
        assert (found.unresolved, found.pending) == (1, 0)


async def test_recover_goes_on_while_there_is_time_and_something_is_open(tmp_path: Path) -> None:
    finds = first(NOTHING, PENDING, PENDING, SETTLED)
    async with working(tmp_path, sends=answers(LOST), finds=finds) as world:
        world.engine.context = replace(
            world.engine.context,
            timing=replace(world.engine.context.timing, poll_interval=timedelta(milliseconds=1)),
            now=lambda: passing(world),
        )
        record = await world.paid(world.request())
        found = await run_recovery(world.engine, again=False, within=timedelta(hours=1))
        before, after = found.looked_up[record.id]
        assert (before.state, after.state) == (State.UNKNOWN, State.SETTLED)
        assert (found.unresolved, found.pending) == (0, 0)
        assert world.now < record.created_at + timedelta(minutes=30), "it ends as soon as nothing is open"


async def test_recover_ends_when_its_time_is_over(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST), finds=answers(PENDING)) as world:
        world.engine.context = replace(
            world.engine.context,
            timing=replace(world.engine.context.timing, poll_interval=timedelta(milliseconds=1)),
            now=lambda: passing(world),
        )
        await world.paid(world.request())
        found = await run_recovery(world.engine, again=False, within=timedelta(minutes=1))
        assert (found.unresolved, found.pending) == (0, 1)


async def test_recover_leaves_to_others_what_is_not_of_its_payer_and_says_so(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(OutcomeUnknown("lost"))) as world:
        await world.paid(world.request())
        settings = world.rail.settings.model_copy(update={"merchant": "2"})
        other = {"toy": replace(world.rail, settings=settings)}
        world.engine.context = replace(world.engine.context, rails=other)
        world.later(hours=1)
        found = await run_recovery(world.engine, again=True, within=NOW)
        assert (found.looked_up, found.unresolved, world.client.looked) == ({}, 1, [])


def passing(world: EngineFixture) -> datetime:
    """A clock that goes on whenever it is read."""
    world.later(milliseconds=100)
    return world.now


async def test_a_read_only_server_looks_up_and_never_sends(tmp_path: Path) -> None:
    async with working(tmp_path, sends=first(LOST, SETTLED), finds=answers(None)) as world:
        record = await world.paid(world.request())
        reader = PaymentEngine(replace(world.engine.context, may_send=False))
        for _ in range(3):
            world.later(seconds=5)
            await reader.run_once()
            await world.quiet()
        assert len(world.client.looked) == 3
        assert len(world.client.sent) == 1
        assert await world.state(record) is State.UNKNOWN
        world.later(seconds=20)
        await world.round()
        assert len(world.client.sent) == 2
        assert await world.state(record) is State.SETTLED
