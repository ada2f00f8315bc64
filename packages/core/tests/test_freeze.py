"""While payments are frozen nothing new is asked, confirmed or sent; once they are not, everything goes on."""

from pathlib import Path

import pytest

from riel.errors import CATALOGUE, Code, NotConfirmed
from riel.journal import State
from riel.journal.freeze import change_freeze

from .engine_support import LOST, SETTLED, EngineFixture, answers, first, working

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def set_freeze(world: EngineFixture, *, frozen: bool) -> None:
    assert await change_freeze(world.journal, frozen=frozen, by="ana", why="a stolen phone", at=world.now)


async def test_while_frozen_nobody_is_asked_and_a_right_code_pays_nothing(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        await set_freeze(world, frozen=True)
        with pytest.raises(NotConfirmed) as refused:
            await world.engine.ask(world.request(60_000))
        assert refused.value.error.code == Code.FROZEN
        assert await world.refusal(world.request(), code) == Code.FROZEN
        assert world.client.sent == []
        await set_freeze(world, frozen=False)
        record = await world.engine.confirm(world.request(), code)
        await world.quiet()
        assert await world.state(record) is State.SETTLED


async def test_while_frozen_an_unknown_payment_is_looked_up_ever_more_rarely_and_not_sent_again(
    tmp_path: Path,
) -> None:
    async with working(tmp_path, sends=first(LOST, SETTLED), finds=answers(None)) as world:
        record = await world.paid(world.request())
        await set_freeze(world, frozen=True)
        for looked in (1, 2, 3):
            world.later(seconds=30)
            await world.round()
            known = await world.known(record)
            assert (known.state, known.sends, known.owner) == (State.UNKNOWN, 1, None)
            assert known.next_at is not None
            assert known.next_at > world.now
            assert len(world.client.looked) == looked
        assert len(world.client.sent) == 1
        await set_freeze(world, frozen=False)
        world.later(minutes=2)
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 2


def test_the_remedy_of_a_freeze_names_the_command_and_the_call_may_be_repeated() -> None:
    assert CATALOGUE[Code.FROZEN].retryable
    assert "riel thaw" in CATALOGUE[Code.FROZEN].remedy
