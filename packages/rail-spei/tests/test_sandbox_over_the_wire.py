"""The rail's own client and the pretend STP with real connections between them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from tests.support.loop_clock import pass_loop_time

from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.identity import EMPRESA
from rail_spei.stp.api import Absence, Stp
from rail_spei.stp.refusals import OrderAccepted, OrderRefusal
from riel import OutcomeUnknown

from .sandbox_support import StpFixture, key, order, signed

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

KEY = order()["claveRastreo"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def serve(here: StpFixture, app: Any = None) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app or here.sandbox.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1, date_header=False
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with asyncio.timeout(120):
                while not server.started:  # noqa: ASYNC110  # uvicorn has a flag and no event
                    await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def client(here: StpFixture, patience: float = 10) -> AsyncIterator[Stp]:
    async with serve(here) as url, httpx.AsyncClient(timeout=patience) as http:
        yield Stp(http, f"{url}/speiws/rest", f"{url}/efws/API", EMPRESA, key(), here.clock)


def body(centavos: int = 0) -> bytes:
    return json.dumps(signed(order(monto=f"9.{centavos:02d}"))).encode()


async def test_an_order_is_registered_and_settles() -> None:
    here = StpFixture()
    async with client(here) as stp:
        assert await stp.register(body()) == OrderAccepted("9000001")
        here.clock.advance(seconds=4)
        answer = await stp.query(KEY)
    assert not isinstance(answer, Absence)
    assert (answer.state_code, answer.amount, answer.cep_name) == ("LQ", 900, "RICARDO SANCHEZ")


async def test_a_connection_that_breaks_after_it_was_stored_is_unknown() -> None:
    here = StpFixture()
    async with client(here) as stp:
        with pytest.raises(OutcomeUnknown):
            await stp.register(body(29))
        assert not isinstance(await stp.query(KEY), Absence)
    assert len(here.debits) == 1


@pytest.mark.parametrize(("centavos", "stored"), [(10, True), (11, False)])
async def test_a_time_out_is_unknown_whether_it_was_stored_or_not(centavos: int, stored: bool) -> None:
    here = StpFixture()
    here.gate = asyncio.Event()
    async with client(here, patience=60) as stp:
        asking = asyncio.create_task(stp.register(body(centavos)))
        async with asyncio.timeout(120):
            while not here.clock.slept:  # noqa: ASYNC110  # the bank has no event for a test
                await asyncio.sleep(0.001)
        pass_loop_time(60)
        with pytest.raises(OutcomeUnknown):
            await asking
        here.gate.set()
        assert isinstance(await stp.query(KEY), Absence) == (not stored)
    assert len(here.debits) == stored


async def test_a_page_of_the_gateway_is_a_refusal_of_access() -> None:
    here = StpFixture()
    async with client(here) as stp:
        answer = await stp.register(body(14))
    assert isinstance(answer, OrderRefusal)
    assert answer.provider_code == "403"


async def test_a_webhook_reaches_a_receiver_on_this_machine() -> None:
    messages: list[Any] = []

    async def receiver(scope: Any, receive: Any, send: Any) -> None:
        messages.append(json.loads((await receive())["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"mensaje":"recibido"}'})

    async with serve(StpFixture(), receiver) as url:
        here = StpFixture(behaviour=StpBehaviour(webhook_url=f"{url}/states"), real_webhooks=True)
        await here.register(monto="1.04")
        async with asyncio.timeout(120):
            while len(messages) < 2:  # noqa: ASYNC110  # the bank has no event for a test
                await asyncio.sleep(0.01)
    assert [message["estado"] for message in messages] == ["LIQUIDACION", "DEVOLUCION"]
