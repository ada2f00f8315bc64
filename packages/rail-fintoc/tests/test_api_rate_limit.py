"""No more than ten transfers leave in any second, and after a 429 everybody waits, longer each time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_fintoc.api.rate_limit import RateLimiter
from riel import NothingLearned, NotSent

from .api_support import MonotonicClock, ScriptedResponses, error, said, talking_to

pytestmark = pytest.mark.anyio


@given(gaps=st.lists(st.floats(0, 0.5), min_size=1, max_size=60))
async def test_no_second_holds_more_than_ten_transfers(gaps: list[float]) -> None:
    clock, left = MonotonicClock(), list[float]()
    pace = clock.pace()
    for gap in gaps:
        clock.at += gap
        await pace.wait_for_transfer()
        left.append(clock.at)
    assert all(later - first >= 1 - 1e-9 for first, later in zip(left, left[10:], strict=False))


async def test_ten_transfers_leave_at_once_and_the_next_ones_wait_for_their_turn() -> None:
    clock = MonotonicClock()
    pace = clock.pace()
    for _ in range(10):
        await pace.wait_for_transfer()
    assert clock.slept == []
    await pace.wait_for_transfer()
    assert clock.slept == [1.0]


async def test_turns_that_are_asked_for_together_are_not_given_twice() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    pace = RateLimiter(now=lambda: 0.0, sleep=sleep, random_below=lambda _: 0)
    await asyncio.gather(*(pace.wait_for_transfer() for _ in range(35)))
    assert waits == [1.0] * 10 + [2.0] * 10 + [3.0] * 5


async def test_a_transfer_that_would_wait_too_long_is_not_sent() -> None:
    clock = MonotonicClock()
    wire = ScriptedResponses([error(429, "rate_limit_exceeded")])
    async with talking_to(wire, clock=clock) as fintoc:
        for _ in range(3):
            with pytest.raises(NothingLearned):
                await fintoc.read("/v2/accounts")
        asked = len(wire.left)
        with pytest.raises(NotSent):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
        assert len(wire.left) == asked


async def test_waits_double_from_one_second_to_sixteen_with_up_to_a_second_by_chance() -> None:
    clock = MonotonicClock()
    pace = clock.pace(chance=250)
    for _ in range(7):
        pace.on_status(429)
        await pace.wait_for_request()
    assert clock.slept == pytest.approx([1.25, 2.25, 4.25, 8.25, 16.25, 16.25, 16.25])


async def test_an_answer_that_is_no_429_ends_the_doubling() -> None:
    clock = MonotonicClock()
    pace = clock.pace()
    pace.on_status(429)
    await pace.wait_for_request()
    pace.on_status(200)
    pace.on_status(429)
    await pace.wait_for_request()
    assert clock.slept == pytest.approx([1.0, 1.0])


async def test_a_question_after_a_429_is_asked_again_after_its_wait() -> None:
    clock = MonotonicClock()
    wire = ScriptedResponses(
        [error(429, "rate_limit_exceeded"), error(429, "rate_limit_exceeded"), said({"id": "acc_1"})]
    )
    async with talking_to(wire, clock=clock) as fintoc:
        assert await fintoc.read("/v2/accounts/acc_1") == {"id": "acc_1"}
    assert clock.slept == pytest.approx([1.0, 2.0])


async def test_a_transfer_that_met_a_429_is_not_made_again_and_the_next_one_waits() -> None:
    clock = MonotonicClock()
    wire = ScriptedResponses([error(429, "rate_limit_exceeded"), said({"id": "tr_1"}, 201)])
    async with talking_to(wire, clock=clock) as fintoc:
        with pytest.raises(Exception, match="429"):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
        assert (len(wire.left), clock.slept) == (1, [])
        await fintoc.send("/v2/transfers", b"{}", "RIEL2")
    assert clock.slept == pytest.approx([1.0])
