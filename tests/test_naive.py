"""The harness sees: an engine that calls first and writes later pays twice in it, at just the expected points."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.bank_process import BankProcess
from .support.kill_stories import StoryRunner, named
from .support.processes import ForkServer
from .support.retrying_agent import PAYEE, RetryingAgent
from .support.server import SEND, Installation

pytestmark = pytest.mark.anyio


@pytest.fixture
def stage(fork_server: ForkServer, tmp_path: Path) -> Iterator[StoryRunner]:
    stage = StoryRunner(fork_server, tmp_path, module="naive_engine", victim="naive_engine")
    yield stage
    stage.close()


async def one_confirmed_payment(agent: RetryingAgent) -> None:
    held = await agent.call(SEND, **PAYEE, amount=50_000)
    code = agent.home.code(held["data"]["paymentId"])
    await agent.call(SEND, **PAYEE, amount=50_000, verificationCode=code)


async def debits_of(fork_server: ForkServer, home: Installation, bank: BankProcess, *deaths: tuple[str, int]) -> int:
    agent = RetryingAgent(fork_server, home, bank, deaths, module="naive_engine")
    try:
        await one_confirmed_payment(agent)
    finally:
        await agent.close()
    assert agent.killed == len(deaths)
    return len(bank.debits())


async def test_a_naive_engine_pays_once_where_nothing_goes_wrong(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    assert await debits_of(fork_server, home, bank) == 1


async def test_a_naive_engine_pays_twice_where_an_answer_is_lost(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    bank.fault("lost")
    assert await debits_of(fork_server, home, bank) == 2


async def test_a_naive_engine_pays_twice_where_it_is_killed_before_it_writes(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    assert await debits_of(fork_server, home, bank, ("send:after", 1)) == 2


async def test_whoever_enumerates_its_crash_points_finds_every_one_at_which_it_pays_twice(stage: StoryRunner) -> None:
    (passed,) = await stage.play(one_confirmed_payment)
    steps = [point for point in passed if not point[0].startswith("commit:")]
    names = [name for name, _ in steps]
    confirmed, left, written = map(
        names.index, ("challenges@confirm:before", "send:after", "create_payment@confirm:after")
    )
    violations = await stage.play_each(one_confirmed_payment, [[point] for point in steps[confirmed:written]])
    assert list(violations) == [named([point]) for point in steps[left:written]]
    assert all("a debit without a payment" in why for why in violations.values())
