"""Webhooks are signed over what is sent, repeated until they are taken, and go nowhere but to this machine."""

import asyncio
import hashlib
import hmac
import json
import re
from typing import Any

import httpx
import pytest

from rail_fintoc.sandbox.behaviour import FintocBehaviour
from rail_fintoc.sandbox.keys import WEBHOOK_SECRET
from rail_fintoc.sandbox.magic import payee_for
from rail_fintoc.sandbox.seed.companies import ACCOUNT, fixed_id

from .sandbox_support import SandboxDriver

pytestmark = pytest.mark.anyio

HOOK = "http://127.0.0.1:9/hook"
PAYEE = "072691004495711499"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> SandboxDriver:
    return SandboxDriver(behaviour={"webhook_url": HOOK})


async def order(world: SandboxDriver, payee: str = PAYEE) -> Any:
    body = {"account_id": ACCOUNT, "amount": 500, "currency": "MXN", "counterparty": {"account_number": payee}}
    return await world.post("/v2/transfers", body, key=payee, signed=True)


async def calm() -> None:
    """Let every task do what it can."""
    for _ in range(200):
        await asyncio.sleep(0)


def told(world: SandboxDriver) -> list[str]:
    return [json.loads(request.content)["type"].removeprefix("transfer.outbound.") for request in world.heard]


def good(request: httpx.Request, secret: str = WEBHOOK_SECRET) -> bool:
    """Whether the signature is the documented one."""
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["Fintoc-Signature"])
    assert found
    said = f"{found[1]}.".encode() + request.content
    return hmac.compare_digest(hmac.new(secret.encode(), said, hashlib.sha256).hexdigest(), found[2])


async def test_the_end_of_a_transfer_is_told_when_it_comes(world: SandboxDriver) -> None:
    made = await order(world)
    await calm()
    (request,) = world.heard
    event = json.loads(request.content)
    assert str(request.url) == HOOK
    assert event.pop("id").startswith("evt_")
    data = event.pop("data")
    assert event == {
        "object": "event",
        "type": "transfer.outbound.succeeded",
        "mode": "test",
        "created_at": "2026-03-04T18:00:01Z",
    }
    assert (data["id"], data["status"], data["object"]) == (made["id"], "succeeded", "transfer")
    assert data == await world.get(f"/v2/transfers/{made['id']}")


async def test_a_message_is_signed_over_its_bytes_and_the_time_of_sending(world: SandboxDriver) -> None:
    await order(world)
    await calm()
    (request,) = world.heard
    assert good(request)
    assert not good(request, "whsec_other")
    assert f"t={int(world.now.timestamp())}," in request.headers["Fintoc-Signature"]


async def test_an_event_that_is_not_taken_comes_again_each_time_later_and_at_last_no_more(world: SandboxDriver) -> None:
    world.replies = [500, 302] + [503] * 100
    await order(world)
    await calm()
    assert len(world.heard) == 18
    assert len({request.content for request in world.heard}) == 1
    assert all(good(request) for request in world.heard)
    assert len({request.headers["Fintoc-Signature"] for request in world.heard}) == 18
    assert world.slept[1:6] == [3, 6, 12, 24, 48]


async def test_an_event_that_is_taken_comes_no_more(world: SandboxDriver) -> None:
    world.replies = [500, 204]
    await order(world)
    await calm()
    assert len(world.heard) == 2


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (3, ["rejected"]),
        (10, ["failed"]),
        (12, ["succeeded", "returned"]),
        (14, []),
        (15, []),
        (31, ["succeeded", "succeeded"]),
        (32, ["returned", "succeeded"]),
    ],
)
async def test_what_happens_is_told_in_the_order_that_the_payee_chooses(
    world: SandboxDriver, number: int, expected: list[str]
) -> None:
    await order(world, payee_for("MXN", number))
    await calm()
    assert told(world) == expected


async def test_an_event_that_comes_twice_is_the_same_event(world: SandboxDriver) -> None:
    await order(world, payee_for("MXN", 31))
    await calm()
    assert len({json.loads(request.content)["id"] for request in world.heard}) == 1


async def test_a_webhook_can_come_before_the_answer(world: SandboxDriver) -> None:
    made = await order(world, payee_for("MXN", 30))
    assert made["status"] == "pending"
    assert world.happened == ["transfer.outbound.succeeded", "answer"]


async def test_both_sides_of_a_received_transfer_are_told(world: SandboxDriver) -> None:
    for amount in (500, 40_400):
        body = {"account_number_id": fixed_id("acno", "MXN"), "amount": amount, "currency": "MXN"}
        received = await world.post("/v2/simulate/receive_transfer", body)
        await calm()
        await world.post("/v2/transfers/return", {"transfer_id": received["id"]}, signed=True)
        await calm()
    names = [json.loads(request.content)["type"] for request in world.heard]
    assert names == [
        "transfer.inbound.succeeded",
        "transfer.inbound.returned",
        "transfer.inbound.succeeded",
        "transfer.inbound.return_failed",
    ]


async def test_a_verification_is_told_and_its_centavo_is_not(world: SandboxDriver) -> None:
    for payee in (PAYEE, payee_for("MXN", 3)):
        await world.post("/v2/account_verifications", {"account_number": payee}, signed=True)
        await calm()
    names = [json.loads(request.content)["type"] for request in world.heard]
    assert names == ["account_verification.succeeded", "account_verification.failed"]


async def test_a_deleted_number_is_told(world: SandboxDriver) -> None:
    made = await world.post("/v2/account_numbers", {"account_id": ACCOUNT})
    await world.send("DELETE", f"/v2/account_numbers/{made['id']}")
    await calm()
    assert [json.loads(request.content)["type"] for request in world.heard] == ["account_number.deleted"]


async def test_events_follow_the_pinned_version_whatever_a_request_asks_for() -> None:
    world = SandboxDriver(behaviour={"webhook_url": HOOK, "pinned_version": "2023-11-15"})
    body = {
        "account_id": ACCOUNT,
        "amount": 500,
        "currency": "MXN",
        "counterparty": {"account_number": payee_for("MXN", 3)},
    }
    await world.post("/v2/transfers", body, signed=True, version="2026-02-01")
    await calm()
    data = json.loads(world.heard[0].content)["data"]
    assert data["return_reason"] == "non_existent_account"
    assert "error_reason" not in data


async def test_nobody_is_woken_where_nobody_listens() -> None:
    world = SandboxDriver()
    await order(world)
    await calm()
    assert not world.slept


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "http://127.0.0.1.example.com", "http://10.0.0.1/", "ftp://127.0.0.1", "hook"]
)
async def test_nobody_outside_this_machine_is_ever_told(url: str) -> None:
    with pytest.raises(ValueError, match="on this machine"):
        FintocBehaviour(webhook_url=url)
