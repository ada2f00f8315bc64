"""A server that is killed anywhere loses nothing and pays nothing twice: enumerated, with real processes.

The crash points of a payment are those that a traced server passes. At each of them a server is killed with SIGKILL;
the bank lives on, a new server is started on the same journal, and the agent repeats its call. Whatever must hold is
checked by ``support/proof.py``.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from riel.crash_points import at_crash_points, crash_point

from .support import crash_points
from .support.invariants import refunded_amounts
from .support.kill_stories import OF_AN_AGENT, StoryRunner, firsts, step
from .support.processes import ForkServer
from .support.retrying_agent import RetryingAgent
from .support.shares import in_shares, share_of

pytestmark = pytest.mark.anyio

PROTOTYPE = 27
"""How many different points a prototype of this protocol had."""

SHORT = {"send_deadline_seconds": "1", "absence_seconds": "0.5"}
BANKS: dict[str, dict[str, str]] = {
    "dedupes by key, can be asked": {},
    "dedupes by reference, can be asked": {"dedupe": "by_reference"},
    "dedupes by key, cannot be asked": {"lookup": "no"},
    "does not dedupe, can be asked": {"dedupe": "no", **SHORT},
    "does not dedupe, cannot be asked": {"dedupe": "no", "lookup": "no"},
}
FAULTS: dict[str, dict[str, Any]] = {
    "lost": {"kind": "lost"},
    "down": {"kind": "down", "on": "money"},
    "error": {"kind": "error"},
    "nonsense": {"kind": "nonsense"},
    "slow": {"kind": "slow", "seconds": 2},
}
PARTS = 4
"""Into how many tests the longest enumeration is split, so that they run beside each other."""
USUAL = "dedupes by key, can be asked"
NEVER_SURE = "does not dedupe, cannot be asked"
NEVER_AGAIN = "does not dedupe, can be asked"


@pytest.fixture(scope="module")
def stage(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoryRunner]:
    stage = StoryRunner(fork_server, tmp_path_factory.mktemp("stage"), module="exact_clock")
    yield stage
    stage.close()


async def a_payment(agent: RetryingAgent) -> None:
    assert (await agent.pay())["data"]["status"] == "success"


async def a_payment_that_may_be_rejected(agent: RetryingAgent) -> None:
    """Where the bank does not dedupe, an order that was never seen there is not sent again: it is rejected."""
    answer = await agent.pay()
    if answer["error"] is not None:
        assert answer["error"]["code"] == "NEVER_ARRIVED"
    elif answer["data"]["status"] == "rejected":
        assert answer["data"]["reason"]["code"] == "NEVER_ARRIVED"
    else:
        assert answer["data"]["status"] == "success"


async def a_payment_that_may_need_an_operator(agent: RetryingAgent) -> None:
    """Where nothing can be learned, nothing is claimed: riel says that it does not know, and asks a person."""
    assert (await agent.pay())["data"]["status"] in {"success", "pending"}


async def a_payment_and_part_of_it_back(agent: RetryingAgent) -> None:
    paid = await agent.pay()
    back = await agent.refund(paid["data"]["trackingKey"], 20_000)
    assert back["data"]["status"] == "success"
    assert refunded_amounts(agent.bank, paid["data"]["trackingKey"]) == [20_000]


STORIES = {NEVER_SURE: a_payment_that_may_need_an_operator, NEVER_AGAIN: a_payment_that_may_be_rejected}


@pytest.mark.parametrize("batches", [1, 2])
async def test_a_commit_is_named_by_its_steps_however_many_share_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, batches: int
) -> None:
    monkeypatch.setattr(crash_points.writer, "_QueuedUnit", crash_points._StepUnit)
    monkeypatch.setattr(crash_points.writer, "MAX_BATCH", 2 // batches)
    writer = crash_points._StepWriter(lambda: sqlite3.connect(":memory:", isolation_level=None))

    async def write(name: str) -> None:
        crash_point(f"{name}:before")
        await writer.write(lambda connection: connection.execute("SELECT 1"))

    at_crash_points(crash_points.watcher(str(tmp_path / "trace"), None))
    try:
        calls = [asyncio.create_task(write(name)) for name in ("create", "record")]
        await asyncio.sleep(0)  # both units wait before the writer takes the first
        writer.start()
        await asyncio.gather(*calls)
        await writer.close()
    finally:
        at_crash_points(None)
    passed = (tmp_path / "trace").read_text().splitlines()
    commits = [line for line in passed if line.startswith("commit:before")]
    assert commits == ["commit:before@create:before 1", "commit:before@record:before 1"]


async def test_a_payment_killed_at_any_of_its_points_is_paid_once(stage: StoryRunner) -> None:
    places = await stage.places(a_payment, every=True)
    names = {name for ((name, _),) in places}
    print(f"one payment passes {len(places)} crash points, {len(names)} of them different")
    assert len(names) >= PROTOTYPE
    assert await stage.play_each(a_payment, places) == {}


@in_shares
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_payment_killed_while_its_bank_fails_is_paid_once(stage: StoryRunner, fault: str, share: int) -> None:
    clearing_up = await stage.places(a_payment, "send:before", fault=FAULTS[fault], **SHORT)
    some = share_of(clearing_up, share, list(FAULTS).index(fault))
    assert await stage.play_each(a_payment, some, fault=FAULTS[fault], **SHORT) == {}


@in_shares
@pytest.mark.parametrize("bank", [bank for bank in BANKS if bank != USUAL])
async def test_a_payment_killed_between_its_birth_and_its_record_is_paid_once_at_most(
    stage: StoryRunner, bank: str, share: int
) -> None:
    story = STORIES.get(bank, a_payment)
    places = await stage.places(story, "create_payment@create:before", every=True, **BANKS[bank])
    assert await stage.play_each(story, share_of(places, share, list(BANKS).index(bank)), **BANKS[bank]) == {}


@in_shares
async def test_a_payment_that_only_rounds_take_further_is_paid_once_wherever_they_are_killed(
    stage: StoryRunner, share: int
) -> None:
    how: dict[str, Any] = {"fault": FAULTS["lost"], "lookup": "no", "rounds": True}
    places = await stage.places(a_payment, "send:before", **how)
    assert {"claim", "record@resend:before"} <= {name for ((name, _),) in places}
    assert await stage.play_each(a_payment, share_of(places, share), **how) == {}


@in_shares
async def test_a_refund_killed_between_its_birth_and_its_record_is_made_once(stage: StoryRunner, share: int) -> None:
    refund = await stage.places(
        a_payment_and_part_of_it_back, "payment@original_of:before", every=True, lookup="by_list"
    )
    places = [[("create_payment@create:after", 2)], *refund]
    some = share_of(places, share)
    assert await stage.play_each(a_payment_and_part_of_it_back, some, lookup="by_list") == {}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("bank", BANKS)
async def test_every_kind_of_bank_with_every_fault(stage: StoryRunner, bank: str, fault: str) -> None:
    story, how = STORIES.get(bank, a_payment), {"fault": FAULTS[fault], "rounds": True, **SHORT, **BANKS[bank]}
    places = await stage.places(story, **how)
    assert await stage.play_each(story, places, **how) == {}


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("fault", [None, "lost", "down"])
async def test_a_recovery_killed_at_any_of_its_points_is_recovered_from(
    stage: StoryRunner, fault: str | None, part: int
) -> None:
    how = {"fault": FAULTS[fault]} if fault else {}
    for (first,) in (await stage.places(a_payment, **how))[part::PARTS]:
        _, recovery = await stage.play(a_payment, [first], rounds=False, victims=2, **how)
        places = [[first, second] for second in firsts(recovery) if not step(second[0]).startswith(OF_AN_AGENT)]
        assert await stage.play_each(a_payment, places, **how) == {}
