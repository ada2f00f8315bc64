"""The pretend STP tells what becomes of an order: late, twice, out of order, and until it is heard."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rail_spei.sandbox.behaviour import StpBehaviour

from .sandbox_support import HOOK, StpFixture, order

pytestmark = pytest.mark.anyio

KEY = order()["claveRastreo"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def with_webhooks(**change: Any) -> StpFixture:
    return StpFixture(behaviour=StpBehaviour(webhook_url=HOOK, **change))


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not done():  # noqa: ASYNC110  # the bank has no event for a test
            await asyncio.sleep(0.001)


async def quiet() -> None:
    """Whatever was about to happen has happened: nothing here waits for anything but the loop."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_a_settlement_is_told_in_its_time() -> None:
    here = with_webhooks()
    here.gate = asyncio.Event()
    await here.register(folioOrigen="F1")
    await until(lambda: bool(here.clock.slept))
    assert (here.clock.slept, here.webhooks) == ([1.0], [])
    here.gate.set()
    await until(lambda: bool(here.webhooks))
    assert here.webhooks == [
        {
            "id": 9000001,
            "empresa": "PRETEND",
            "folioOrigen": "F1",
            "claveRastreo": KEY,
            "estado": "LIQUIDACION",
            "causaDevolucion": None,
            "tsLiquidacion": "1772647201000",
        }
    ]


@pytest.mark.parametrize(
    ("monto", "states"),
    [
        ("1.00", ["LIQUIDACION"]),
        ("1.04", ["LIQUIDACION", "DEVOLUCION"]),
        ("1.05", ["CANCELACION"]),
        ("1.21", ["LIQUIDACION", "LIQUIDACION"]),
        ("1.22", ["DEVOLUCION", "LIQUIDACION"]),
        ("1.24", ["LIQUIDACION"]),
        ("1.06", []),
        ("1.02", []),
        ("1.25", []),
        ("1.23", []),
    ],
)
async def test_each_fate_is_told_as_it_is(monto: str, states: list[str]) -> None:
    here = with_webhooks()
    await here.register(monto=monto)
    await until(lambda: len(here.webhooks) >= len(states))
    await quiet()
    assert [body["estado"] for body in here.webhooks] == states
    assert {body["claveRastreo"] for body in here.webhooks} <= {KEY}


async def test_a_webhook_may_come_before_the_answer() -> None:
    here = with_webhooks()
    await here.register(monto="1.19")
    await quiet()
    assert here.events == ["webhook LIQUIDACION", "answer"]
    assert (await here.query())[1]["estado"] == "LQ"


async def test_a_slow_answer_does_not_hold_the_webhook_back() -> None:
    here = with_webhooks(slow_seconds=60)
    here.gate = asyncio.Event()
    answer = asyncio.create_task(here.register(monto="1.10"))
    await until(lambda: len(here.clock.slept) == 2)
    assert (sorted(here.clock.slept), answer.done()) == ([1.0, 60.0], False)
    here.gate.set()
    await answer
    await until(lambda: bool(here.webhooks))


async def test_what_is_not_heard_is_told_again_and_given_up_at_last() -> None:
    here = with_webhooks(webhook_tries=4, webhook_pause_seconds=7)
    here.webhook_replies = [(500, {}), (302, {}), (200, {"mensaje": "recibido"})]
    await here.register()
    await until(lambda: len(here.webhooks) == 3)
    await quiet()
    assert (len(here.webhooks), here.clock.slept) == (3, [1.0, 7.0, 7.0])
    deaf = with_webhooks(webhook_tries=4, webhook_pause_seconds=7)
    deaf.webhook_replies = [(500, {})] * 99
    await deaf.register()
    await until(lambda: len(deaf.webhooks) == 4)
    await quiet()
    assert len(deaf.webhooks) == 4


async def test_a_repeated_settlement_can_come_after_the_return() -> None:
    here = with_webhooks(webhook_pause_seconds=60)
    here.webhook_replies = [(500, {})]
    here.clock.advance(seconds=0)
    await here.register(monto="1.04")
    await until(lambda: len(here.webhooks) == 3)
    assert here.webhooks[0]["estado"] == "LIQUIDACION"
    assert sorted(body["estado"] for body in here.webhooks[1:]) == ["DEVOLUCION", "LIQUIDACION"]


@pytest.mark.parametrize(
    ("words", "states"),
    [("states", ["LQ", "D"]), ("participles", ["Liquidada", "Devuelta"]), ("english", ["Success", "Refund"])],
)
async def test_states_have_had_many_names(words: str, states: list[str]) -> None:
    here = with_webhooks(webhook_words=words)
    await here.register(monto="1.04")
    await until(lambda: len(here.webhooks) == 2)
    assert [body["estado"] for body in here.webhooks] == states
    assert here.webhooks[1]["causaDevolucion"] == "Cuenta inexistente"


async def test_the_older_form_names_no_key() -> None:
    here = with_webhooks(webhook_words="older")
    await here.register()
    await until(lambda: bool(here.webhooks))
    assert here.webhooks == [{"id": 9000001, "Estado": "LIQUIDACION", "Detalle": None}]


async def test_a_state_that_was_ordered_is_told_at_once() -> None:
    here = with_webhooks()
    await here.register(monto="1.06")
    await here.control("state", trackingKey=KEY, state="CN")
    await until(lambda: bool(here.webhooks))
    assert (here.webhooks[0]["estado"], here.webhooks[0]["tsLiquidacion"]) == ("CANCELACION", "0")


async def test_a_late_order_is_told_when_it_arrives() -> None:
    here = with_webhooks()
    await here.register(monto="1.30")
    here.clock.advance(seconds=91)
    await here.query()
    await until(lambda: bool(here.webhooks))
    assert here.webhooks[0]["estado"] == "LIQUIDACION"


@pytest.mark.parametrize(
    ("status", "answer", "state"),
    [(200, {"mensaje": "confirmar"}, "CCO"), (400, {"mensaje": "devolver", "id": 6}, "CCR")],
)
async def test_a_received_payment_is_told_and_can_be_sent_back(status: int, answer: dict[str, Any], state: str) -> None:
    here = StpFixture(behaviour=StpBehaviour(deposit_url=HOOK))
    here.webhook_replies = [(status, answer)]
    await here.control("receive", amount=12_345, trackingKey="MBAN01")
    await until(lambda: bool(here.webhooks))
    await quiet()
    assert (here.webhooks[0]["monto"], here.webhooks[0]["claveRastreo"]) == (123.45, "MBAN01")
    assert (await here.query("MBAN01", tipoOrden="R"))[1]["estado"] == state
    assert len(here.webhooks) == 1


async def test_the_end_of_the_app_ends_its_messages() -> None:
    here = with_webhooks()
    here.gate = asyncio.Event()
    await here.register()
    await until(lambda: bool(here.clock.slept))
    messages: list[dict[str, Any]] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    answers = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        answers.append(message["type"])

    await here.sandbox.app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    here.gate.set()
    await quiet()
    assert here.webhooks == []
