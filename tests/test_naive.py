"""The harness sees: an engine that calls first and writes later pays twice in it, at just the expected points."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.agent import PAYEE, Agent
from .support.bank import Bank
from .support.killing import Stage, named
from .support.processes import Nursery
from .support.server import SEND, Home

pytestmark = pytest.mark.anyio


@pytest.fixture
def stage(nursery: Nursery, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(nursery, tmp_path, module="naive", victim="naive")
    yield stage
    stage.close()


async def one_confirmed_payment(agent: Agent) -> None:
    held = await agent.call(SEND, **PAYEE, amount=50_000)
    code = agent.home.code(held["data"]["paymentId"])
    await agent.call(SEND, **PAYEE, amount=50_000, verificationCode=code)


async def debits_of(nursery: Nursery, home: Home, bank: Bank, *deaths: tuple[str, int]) -> int:
    agent = Agent(nursery, home, bank, deaths, module="naive")
    try:
        await one_confirmed_payment(agent)
    finally:
        await agent.close()
    assert agent.killed == len(deaths)
    return len(bank.debits())


async def test_a_naive_engine_pays_once_where_nothing_goes_wrong(nursery: Nursery, home: Home, bank: Bank) -> None:
    assert await debits_of(nursery, home, bank) == 1


async def test_a_naive_engine_pays_twice_where_an_answer_is_lost(nursery: Nursery, home: Home, bank: Bank) -> None:
    bank.fault("lost")
    assert await debits_of(nursery, home, bank) == 2


async def test_a_naive_engine_pays_twice_where_it_is_killed_before_it_writes(
    nursery: Nursery, home: Home, bank: Bank
) -> None:
    assert await debits_of(nursery, home, bank, ("send:after", 1)) == 2


async def test_whoever_enumerates_its_crash_points_finds_every_one_at_which_it_pays_twice(stage: Stage) -> None:
    (passed,) = await stage.play(one_confirmed_payment)
    steps = [point for point in passed if not point[0].startswith("commit:")]
    names = [name for name, _ in steps]
    confirmed, left, written = map(
        names.index, ("challenges@confirm:before", "send:after", "create_payment@confirm:after")
    )
    violations = await stage.play_each(one_confirmed_payment, [[point] for point in steps[confirmed:written]])
    assert list(violations) == [named([point]) for point in steps[left:written]]
    assert all("a debit without a payment" in why for why in violations.values())
