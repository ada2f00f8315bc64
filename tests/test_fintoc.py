"""Fintoc pays once whatever is killed and whatever fails: real servers, and a pretend Fintoc of its own process."""

from collections.abc import Iterator
from typing import Any

import pytest

from rail_fintoc.sandbox.magic import payee_for
from rail_fintoc.sandbox.seed.companies import fixed_id

from .support.kill_stories import StoryRunner
from .support.processes import ForkServer
from .support.retrying_agent import RetryingAgent
from .support.shares import in_shares, share_of
from .support.tested_rails import FINTOC

pytestmark = pytest.mark.anyio

AT_ONCE = {"settled_seconds": "0"}
REFUNDED_AT_ONCE = {"refund_pending_seconds": "0", "refunded_seconds": "0"}
FAULTS: dict[str, dict[str, Any]] = {
    "lost": {"kind": "lost"},
    "down": {"kind": "down", "on": "money"},
    "down for all": {"kind": "down", "times": 2},
    "error": {"kind": "error"},
    "nonsense": {"kind": "nonsense"},
    "slow": {"kind": "slow", "seconds": 2},
}
SCENARIOS = {"502 of a proxy": 21, "502, and stored": 22, "cut": 23, "garbage": 24, "a stored 500": 25, "429": 28}
"""Payees of which Fintoc's first answer says nothing, or nothing true."""


@pytest.fixture(scope="module")
def stage(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoryRunner]:
    stage = StoryRunner(fork_server, tmp_path_factory.mktemp("fintoc"), module="short_backoff", rail=FINTOC)
    yield stage
    stage.close()


async def a_payment(agent: RetryingAgent) -> None:
    assert (await agent.pay())["data"]["status"] == "success"
    assert len(agent.bank.debits()) == 1


@in_shares
async def test_a_transfer_whose_server_is_killed_between_its_birth_and_its_record_is_made_once(
    stage: StoryRunner, share: int
) -> None:
    places = await stage.places(a_payment, "create_payment@create:before", **AT_ONCE)
    assert await stage.play_each(a_payment, share_of(places, share), **AT_ONCE) == {}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_transfer_of_which_the_connection_fails_is_made_once(stage: StoryRunner, fault: str) -> None:
    await stage.play(a_payment, fault=FAULTS[fault], **AT_ONCE)


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_transfer_whose_first_answer_tells_nothing_is_made_once(stage: StoryRunner, scenario: str) -> None:
    async def story(agent: RetryingAgent) -> None:
        paid = await agent.pay(accountNumber=payee_for("MXN", SCENARIOS[scenario]))
        assert paid["data"]["status"] == "success"
        assert len(agent.bank.debits()) == 1

    await stage.play(story, **AT_ONCE)


@in_shares
async def test_a_transfer_whose_answer_was_lost_and_whose_server_is_killed_is_made_once(
    stage: StoryRunner, share: int
) -> None:
    places = await stage.places(a_payment, "send:before", fault=FAULTS["lost"], **AT_ONCE)
    assert await stage.play_each(a_payment, share_of(places, share, 1), fault=FAULTS["lost"], **AT_ONCE) == {}


async def a_refund(agent: RetryingAgent) -> None:
    what = {"resource_id": fixed_id("pi", "CLP"), "resource_type": "payment_intent", "amount": 10}
    assert (await agent.confirmed("create_refund", what))["data"]["status"] == "success"
    assert [debit["amount"] for debit in agent.bank.debits()] == [10]


@in_shares
async def test_a_refund_whose_answer_was_lost_and_whose_server_is_killed_is_made_once(
    stage: StoryRunner, share: int
) -> None:
    places = await stage.places(a_refund, "send:before", fault=FAULTS["lost"], **REFUNDED_AT_ONCE)
    assert await stage.play_each(a_refund, share_of(places, share, 2), fault=FAULTS["lost"], **REFUNDED_AT_ONCE) == {}


@pytest.mark.long
@pytest.mark.parametrize("fault", [None, *FAULTS])
async def test_every_fault_at_every_point(stage: StoryRunner, fault: str | None) -> None:
    how: dict[str, Any] = {**AT_ONCE, "rounds": True} | ({"fault": FAULTS[fault]} if fault else {})
    places = await stage.places(a_payment, **how)
    print(f"one payment through Fintoc is killed at {len(places)} places")
    assert await stage.play_each(a_payment, places, **how) == {}
