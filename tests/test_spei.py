"""SPEI pays once whatever is killed and whatever fails: real servers, and the pretend STP as a process of its own.

Orders around the cut-off are in ``test_spei_cutoff.py``, where a test can move the clock.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from .support.kill_stories import StoryRunner
from .support.processes import ForkServer
from .support.retrying_agent import RetryingAgent
from .support.shares import in_shares, share_of
from .support.tested_rails import SPEI

pytestmark = pytest.mark.anyio

AT_ONCE = {"settled_seconds": "0", "sent_seconds": "0"}
FAULTS: dict[str, dict[str, Any]] = {
    "lost": {"kind": "lost"},
    "down": {"kind": "down", "on": "money"},
    "down for all": {"kind": "down", "times": 2},
    "error": {"kind": "error"},
    "nonsense": {"kind": "nonsense"},
    "slow": {"kind": "slow", "seconds": 2},
}
FATES = {"id -1": 1, "id 0": 13, "HTTP 502": 16, "an unknown id": 27, "garbage": 28, "cut": 29, "id -2": 60}
"""Centavos on which STP takes the order and answers as if it had not."""


@pytest.fixture(scope="module")
def stage(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoryRunner]:
    stage = StoryRunner(fork_server, tmp_path_factory.mktemp("spei"), module="short_backoff", rail=SPEI)
    yield stage
    stage.close()


async def a_payment(agent: RetryingAgent) -> None:
    assert (await agent.pay())["data"]["status"] == "success"
    assert len(agent.bank.debits()) == 1


@in_shares
async def test_an_order_whose_server_is_killed_between_its_birth_and_its_record_is_booked_once(
    stage: StoryRunner, share: int
) -> None:
    places = await stage.places(a_payment, "create_payment@create:before", **AT_ONCE)
    assert await stage.play_each(a_payment, share_of(places, share), **AT_ONCE) == {}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_order_of_which_the_connection_fails_is_booked_once(stage: StoryRunner, fault: str) -> None:
    await stage.play(a_payment, fault=FAULTS[fault], **AT_ONCE)


@pytest.mark.parametrize("fate", FATES)
async def test_an_order_that_stp_takes_and_disowns_is_booked_once(stage: StoryRunner, fate: str) -> None:
    async def story(agent: RetryingAgent) -> None:
        assert (await agent.pay(50_000 + FATES[fate]))["data"]["status"] == "success"
        assert len(agent.bank.debits()) == 1

    await stage.play(story, **AT_ONCE)


@in_shares
async def test_an_order_whose_answer_was_lost_and_whose_server_is_killed_is_booked_once(
    stage: StoryRunner, share: int
) -> None:
    places = await stage.places(a_payment, "send:before", fault=FAULTS["lost"], **AT_ONCE)
    assert await stage.play_each(a_payment, share_of(places, share, 1), fault=FAULTS["lost"], **AT_ONCE) == {}


@pytest.mark.long
@pytest.mark.parametrize("fault", [None, *FAULTS])
async def test_every_fault_at_every_point(stage: StoryRunner, fault: str | None) -> None:
    how: dict[str, Any] = {**AT_ONCE, "rounds": True} | ({"fault": FAULTS[fault]} if fault else {})
    places = await stage.places(a_payment, **how)
    print(f"one payment through SPEI is killed at {len(places)} places")
    assert await stage.play_each(a_payment, places, **how) == {}
