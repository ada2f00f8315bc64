"""A clock that is set, by an hour or by a year, in the middle of a payment: it is paid once at most, and found out.

Only our own clock is set; the bank's goes on. What was written under the old time is read under the new one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rail_mock.settings import BankBehaviour
from riel.crash_points import at_crash_points
from riel.errors import NotConfirmed
from riel.journal import State

from .support.office import Office, World, at_work

pytestmark = pytest.mark.anyio

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
JUMPS = {"an hour ahead": HOUR, "an hour back": -HOUR, "a year ahead": YEAR, "a year back": -YEAR}
MOMENTS = ["count_attempt@compare:after", "of@send:after", "send:after", "record@record:after"]
SETTLES, ANSWER_IS_LOST, NEVER_ARRIVES = "0123456789", "4020301000", "4020302000"
LOOKS = 5


@contextmanager
def set_at(world: World, point: str, by: timedelta) -> Iterator[None]:
    """Our clock is set when that point is passed."""

    def watch(name: str) -> None:
        if name == point:
            world.set_by = by

    at_crash_points(watch)
    try:
        yield
    finally:
        at_crash_points(None)
        world.set_by = by


async def asked_about(office: Office, reference: str) -> State:
    """What is known once the agent has asked a few times; the rounds look when it is time by our clock."""
    for _ in range(LOOKS):
        office.world.later(seconds=20)
        await office.engine.run_once()
        await office.quiet()
        await office.engine.status("mock", reference, "ana")
        await office.quiet()
    (known,) = await office.journal.payments()
    return known.state


@pytest.mark.parametrize("dedupe", ["by_key", "no"])
@pytest.mark.parametrize("account", [SETTLES, ANSWER_IS_LOST, NEVER_ARRIVES])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("jump", JUMPS)
async def test_a_clock_that_is_set_in_the_middle_of_a_payment_pays_nothing_twice(
    tmp_path: Path, jump: str, moment: str, account: str, dedupe: str
) -> None:
    world = World(BankBehaviour.model_validate({"dedupe": dedupe, "absence_seconds": 5, "watch_seconds": 60}))
    async with at_work(world, tmp_path / "journal.db") as office:
        request = office.request(account=account)
        _, code = await office.asked(request)
        with set_at(world, moment, JUMPS[jump]):
            try:
                record = await office.engine.confirm(request, code)
            except NotConfirmed:
                assert moment == "count_attempt@compare:after"  # the code is no longer valid by the time it is now
                assert world.debits == []
                return
            await office.quiet()
        state = await asked_about(office, record.reference)
        assert len(world.debits) <= 1
        if world.debits:
            assert state is State.SETTLED
        else:
            assert state in {State.REJECTED, State.UNKNOWN}
        _, broken = await office.journal.verify()
        assert broken is None


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_clock_that_is_set_while_a_code_waits_sends_nothing_that_was_not_confirmed(
    tmp_path: Path, jump: str
) -> None:
    world = World()
    async with at_work(world, tmp_path / "journal.db") as office:
        _, code = await office.asked(office.request())
        world.set_by = JUMPS[jump]
        if world.set_by > timedelta(0):
            with pytest.raises(NotConfirmed):
                await office.engine.confirm(office.request(), code)
            assert world.debits == []
        else:
            await office.engine.confirm(office.request(), code)
            await office.quiet()
            assert len(world.debits) == 1


async def test_nothing_is_sent_again_by_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """How much time has passed since the first send cannot be told, so the bank may have forgotten it."""
    world = World(BankBehaviour.model_validate({"dedupe_seconds": 30, "absence_seconds": 3_600, "watch_seconds": 60}))
    async with at_work(world, tmp_path / "journal.db") as office:
        _, code = await office.asked(request := office.request(account=NEVER_ARRIVES))
        with set_at(world, "record@record:after", -HOUR):
            record = await office.engine.confirm(request, code)
            await office.quiet()
        assert await asked_about(office, record.reference) is State.UNKNOWN
        assert sum(request.startswith("POST") for request in world.asked) == 1
