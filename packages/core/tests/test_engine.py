"""One confirmed payment is one payment: whoever calls again, goes away, or fails beside it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from riel import (
    NothingLearned,
    Rejected,
)
from riel.crash_points import at_crash_points
from riel.errors import NotFound
from riel.journal import State

from .engine_support import LOST, PATIENCE, SETTLED, SOON, WRONG, Gate, answers, first, working

pytestmark = [pytest.mark.anyio, pytest.mark.alone]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# A call that is repeated


async def test_the_same_call_joins_its_payment_and_pays_nothing_more(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        records = await asyncio.gather(*(world.engine.confirm(world.request(), code) for _ in range(50)))
        again = await world.engine.confirm(world.request(), code)
        assert {record.id for record in records} == {again.id}
        assert again.state is State.SETTLED
        assert len(world.client.sent) == 1


async def test_a_call_is_answered_in_time_and_the_next_one_says_what_became_of_it(tmp_path: Path) -> None:
    gate = Gate()
    async with working(tmp_path, sends=gate, answer_within=SOON) as world:
        code = await world.asked(world.request())
        assert (await world.engine.confirm(world.request(), code)).state is State.SENDING
        assert (await world.engine.confirm(world.request(), code)).state is State.SENDING
        gate.open.set()
        await world.quiet()
        assert (await world.engine.confirm(world.request(), code)).state is State.SETTLED
        assert len(world.client.sent) == 1


async def test_a_rejected_payment_stays_rejected_for_the_call_that_is_repeated(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(Rejected("NO", "not today"))) as world:
        code = await world.asked(world.request())
        for _ in range(2):
            record = await world.engine.confirm(world.request(), code)
            assert (record.state, record.code, record.provider_message) == (State.REJECTED, "NO", "not today")
        assert len(world.client.sent) == 1


async def test_another_engine_on_the_same_journal_joins_too(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        code = await one.asked(one.request())
        records = await asyncio.gather(
            *(world.engine.confirm(world.request(), code) for _ in range(20) for world in (one, other))
        )
        assert len({record.id for record in records}) == 1
        assert len(one.client.sent) + len(other.client.sent) == 1


@pytest.mark.parametrize("verb", ["ask", "confirm", "status"])
async def test_a_caller_that_goes_away_at_any_moment_changes_nothing(
    tmp_path: Path, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(tmp_path, sends=answers(LOST), crash_points=True) as world:

        async def begin(amount: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
            """What the caller does who goes away, and what its next call finds."""
            request = world.request(amount)
            if verb == "ask":
                return lambda: world.engine.ask(request), lambda: world.paid(request)
            code = await world.asked(request)
            if verb == "confirm":
                return lambda: world.engine.confirm(request, code), lambda: world.engine.confirm(request, code)
            record = await world.engine.confirm(request, code)
            await world.quiet()
            world.later(seconds=10)
            look = lambda: world.engine.status("toy", record.reference, "ana")  # noqa: E731
            return look, look

        passed = await _points(*await begin(1))
        assert len(passed) >= 4
        for amount, point in enumerate(dict.fromkeys(passed), 2):
            leaves, comes_back = await begin(amount)
            await _goes_away_at(point, leaves)
            await world.quiet()
            await comes_back()
            await world.quiet()
            world.later(hours=1)
            await world.round()
        records = await world.journal.payments(most=100)
        assert len(records) == len(set(passed)) + 1
        assert {record.state for record in records} == {State.SETTLED}
        assert {record.sends for record in records} == {1}
        assert len(world.client.sent) == len(records)
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def _points(work: Callable[[], Any], after: Callable[[], Any]) -> list[str]:
    passed: list[str] = []
    at_crash_points(passed.append)
    try:
        await work()
    finally:
        at_crash_points(None)
    await after()
    return [name for name in passed if not name.startswith("commit")]


async def _goes_away_at(point: str, work: Callable[[], Any]) -> None:
    loop = asyncio.get_running_loop()
    caller = asyncio.ensure_future(work())
    at_crash_points(lambda name: loop.call_soon_threadsafe(caller.cancel) and None if name == point else None)
    try:
        await asyncio.gather(caller, return_exceptions=True)
    finally:
        at_crash_points(None)


async def test_a_refusal_of_which_nobody_hears_is_not_logged_as_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(tmp_path, crash_points=True) as world:
        await world.asked(world.request())
        await _goes_away_at("challenges@challenges:before", lambda: world.engine.confirm(world.request(), WRONG))
        await world.quiet()
    assert [one.message for one in caplog.records] == []


async def test_what_is_being_sent_is_finished_before_the_engine_closes(tmp_path: Path) -> None:
    gate = Gate()
    async with working(tmp_path, sends=gate, answer_within=SOON) as world:
        record = await world.engine.confirm(world.request(), await world.asked(world.request()))
        closing = asyncio.create_task(world.engine.close(timedelta(seconds=PATIENCE)))
        await asyncio.sleep(0)
        gate.open.set()
        await closing
    async with working(tmp_path) as world:
        assert await world.state(record) is State.SETTLED
        assert world.client.looked == []


async def test_a_confirmation_under_way_is_carried_out_before_the_engine_closes(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        request = world.request()
        code = await world.asked(request)
        caller = asyncio.create_task(world.engine.confirm(request, code))
        await asyncio.sleep(0)
        await world.engine.close(timedelta(seconds=PATIENCE))
        assert len(world.client.sent) == 1
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)


async def test_what_cannot_be_finished_in_time_is_left_to_recovery(tmp_path: Path) -> None:
    gate = Gate()
    async with working(tmp_path, sends=gate, answer_within=SOON) as world:
        record = await world.engine.confirm(world.request(), await world.asked(world.request()))
        await world.engine.close(timedelta(0))
    async with working(tmp_path) as world:
        assert await world.state(record) is State.SENDING
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert world.client.sent == []


# Whose payment it is


async def test_nobody_sees_the_payment_of_somebody_else(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        challenge, _ = await world.engine.ask(world.request(7))
        record = await world.paid(world.request())
        for name in (record.reference, record.id, challenge.id):
            assert await world.engine.status("toy", name, "ana")
            with pytest.raises(NotFound) as theirs:
                await world.engine.status("toy", name, "berta")
            with pytest.raises(NotFound) as nobodys:
                await world.engine.status("toy", "R000000000000", "berta")
            assert theirs.value.error == nobodys.value.error


async def test_a_status_looks_where_that_can_tell_more_and_not_too_often(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST), finds=first(NothingLearned("later"), SETTLED)) as world:
        record = await world.paid(world.request())
        for _ in range(5):
            assert (await world.engine.status("toy", record.reference, "ana")).state is State.UNKNOWN
        assert len(world.client.looked) == 1
        world.later(seconds=2)
        assert (await world.engine.status("toy", record.reference, "ana")).state is State.SETTLED
