"""The pretend Fintoc over real connections: orders, broken answers, pages and webhooks."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from rail_fintoc.sandbox.app import pretend_fintoc
from rail_fintoc.sandbox.behaviour import FintocBehaviour
from rail_fintoc.sandbox.magic import payee_for
from rail_fintoc.sandbox.seed.companies import ACCOUNT, fixed_id
from riel import Sandbox
from riel.testing.harness import serve_http

from .sandbox_support import KEY, seal

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

PAYEE = "072691004495711499"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def order(url: str, payee: str = PAYEE, key: str = "one") -> httpx.Response:
    body = {"account_id": ACCOUNT, "amount": 500, "currency": "MXN", "counterparty": {"account_number": payee}}
    raw = json.dumps(body).encode()
    headers = {
        "Authorization": KEY,
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "Fintoc-JWS-Signature": seal(raw, datetime.now(UTC)),
    }
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        return await http.post("/v2/transfers", content=raw, headers=headers)


def references(bank: Sandbox) -> list[str]:
    return [debit.reference for debit in bank.debits()]


async def test_an_order_is_taken_and_the_list_leads_on() -> None:
    bank = pretend_fintoc()
    async with serve_http(bank.app) as url:
        made = await order(url)
        assert made.status_code == 201
        async with httpx.AsyncClient(headers={"Authorization": KEY}, trust_env=False) as http:
            first = await http.get(f"{url}/v2/transfers?limit=1")
            assert [row["id"] for row in first.json()] == [made.json()["id"]]
            following = first.links["next"]["url"]
            assert following.startswith(f"{url}/v2/transfers?")
            assert len((await http.get(following)).json()) == 1
    assert references(bank) == ["one"]


async def test_a_connection_that_breaks_has_booked_the_order() -> None:
    bank = pretend_fintoc()
    async with serve_http(bank.app) as url:
        with pytest.raises(httpx.RemoteProtocolError):
            await order(url, payee_for("MXN", 23))
        assert references(bank) == ["one"]
        assert (await order(url, payee_for("MXN", 23))).status_code == 201
    assert references(bank) == ["one"]


async def test_a_slow_answer_comes_after_its_order_was_booked() -> None:
    gate = asyncio.Event()

    async def sleep(_: float) -> None:
        await gate.wait()

    bank = pretend_fintoc(sleep=sleep)
    async with serve_http(bank.app) as url, asyncio.TaskGroup() as group:
        asked = group.create_task(order(url, payee_for("MXN", 20)))
        async with asyncio.timeout(120):
            while not references(bank):  # noqa: ASYNC110  # it is booked behind a connection
                await asyncio.sleep(0.01)
        assert not asked.done()
        gate.set()
        assert (await asked).status_code == 201


async def test_orders_that_come_at_once_with_one_key_are_one_order() -> None:
    bank = pretend_fintoc()
    async with serve_http(bank.app) as url:
        answers = await asyncio.gather(*(order(url) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert references(bank) == ["one"]


async def test_what_happens_later_is_told_without_a_request() -> None:
    """And what is further away keeps nothing waiting that is near."""
    heard: list[Any] = []
    arrived = asyncio.Event()

    async def receiver(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        heard.append((dict(scope["headers"]), json.loads(body)))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        if len(heard) == 2:
            arrived.set()

    async with serve_http(receiver) as hook:
        behaviour = FintocBehaviour(
            webhook_url=f"{hook}/hook", settled_seconds=0.05, returned_seconds=0.05, received_seconds=3600
        )
        async with serve_http(pretend_fintoc(behaviour=behaviour).app) as url:
            async with httpx.AsyncClient(base_url=url, headers={"Authorization": KEY}, trust_env=False) as http:
                money = {"account_number_id": fixed_id("acno", "MXN"), "amount": 5, "currency": "MXN"}
                await http.post("/v2/simulate/receive_transfer", json=money)
            await order(url, payee_for("MXN", 12))
            async with asyncio.timeout(120):
                await arrived.wait()
    assert [event["data"]["status"] for _, event in heard] == ["succeeded", "returned"]
    assert all(headers[b"fintoc-signature"].startswith(b"t=") for headers, _ in heard)
