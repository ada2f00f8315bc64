"""STP's messages are hints: they say of which order there is news, and whatever they say of it is asked of STP."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from rail_spei.settings import SpeiSettings
from rail_spei.webhooks import parse_webhook
from riel import WebhookResult

from .rail_support import rail_fixture
from .sandbox_support import HOOK

pytestmark = pytest.mark.anyio

KEY = "DEMO260304ABCDEFGHIJKLMNOP"
ACKNOWLEDGMENT = (200, {"mensaje": "recibido"})


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def settings() -> SpeiSettings:
    return rail_fixture().settings


def message(settings: SpeiSettings, **change: Any) -> bytes:
    fields = {
        "id": 9349827,
        "empresa": settings.empresa,
        "folioOrigen": KEY,
        "claveRastreo": KEY,
        "estado": "LQ",
        "causaDevolucion": None,
        "tsLiquidacion": "1699305270000",
    } | change
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def response(result: WebhookResult) -> tuple[int, Any]:
    return result.status, json.loads(result.body)


@pytest.mark.parametrize(
    "state",
    [
        *("LQ", "D", "CN", "Liquidada", "DEVUELTA", "cancelada", "LIQUIDACION", "DEVOLUCION", "CANCELACION"),
        *("Success", "refund", "Cancel", "ZZ", "L", ""),
    ],
)
async def test_whatever_the_state_is_called_there_is_news_of_that_order(settings: SpeiSettings, state: str) -> None:
    result = parse_webhook(settings, {}, message(settings, estado=state))
    assert result.references == (KEY,)
    assert response(result) == ACKNOWLEDGMENT


@pytest.mark.parametrize(
    ("change", "references"),
    [
        ({"claveRastreo": ...}, (KEY,)),
        ({"claveRastreo": None}, (KEY,)),
        ({"folioOrigen": ""}, (KEY,)),
        ({"folioOrigen": ..., "claveRastreo": ...}, ()),
        ({"folioOrigen": "OTHER"}, ("OTHER", KEY)),
        ({"id": "9349827"}, (KEY,)),
        ({"empresa": ...}, (KEY,)),
        ({"folioOrigen": 2370050, "claveRastreo": 2370050}, ("2370050",)),
        ({"tsLiquidacion": 0, "causaDevolucion": "Cuenta inexistente", "nuevo": {"a": 1}}, (KEY,)),
    ],
    ids=str,
)
async def test_each_form_of_it_is_understood(settings: SpeiSettings, change: dict[str, Any], references: Any) -> None:
    result = parse_webhook(settings, {}, message(settings, **change))
    assert result.references == references
    assert response(result) == ACKNOWLEDGMENT


async def test_the_older_form_names_no_order_of_ours_and_is_taken(settings: SpeiSettings) -> None:
    result = parse_webhook(settings, {}, b'{"id": 9349827, "Estado": "LIQUIDACION", "Detalle": null}')
    assert result.references == ()
    assert response(result) == ACKNOWLEDGMENT


async def test_the_order_of_another_company_is_none_of_ours(settings: SpeiSettings) -> None:
    result = parse_webhook(settings, {}, message(settings, empresa="OTRA_EMPRESA"))
    assert result.references == ()
    assert response(result) == ACKNOWLEDGMENT, "to have it repeated would help nobody"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"LQ",
        b'{"id": 1, "estado": "LQ"',
        b'{"estado": "LQ", "folioOrigen": "A"}',
        b'{"id": true, "estado": "LQ"}',
        b'{"id": 1, "estado": 7}',
        b'{"id": 1, "estado": "LQ", "estado": "D", "folioOrigen": "A"}',
        b'{"id": 1, "estado": "LQ", "folioOrigen": ["A"]}',
        b'{"id": 1, "estado": "LQ", "empresa": {"a": 1}}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_what_is_no_change_of_state_is_neither_taken_nor_believed(settings: SpeiSettings, body: bytes) -> None:
    result = parse_webhook(settings, {}, body)
    assert (result.status, result.references) == (422, ())
    assert isinstance(json.loads(result.body), dict)


async def test_nothing_of_a_message_is_repeated_to_whoever_sent_it(settings: SpeiSettings) -> None:
    for body in (message(settings), message(settings, empresa="OTRA"), b'{"id": 1, "secreto": "s3cret"}'):
        result = parse_webhook(settings, {"authorization": "s3cret"}, body)
        assert b"s3cret" not in result.body
        assert KEY.encode() not in result.body


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not done():  # noqa: ASYNC110  # the bank has no event for a test
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("words", ["events", "states", "participles", "english"])
@pytest.mark.parametrize(("centavos", "messages"), [(0, 1), (4, 2), (5, 1), (19, 1), (21, 2), (22, 2)])
async def test_every_message_of_the_pretend_stp_is_understood(words: str, centavos: int, messages: int) -> None:
    here = rail_fixture(webhook_url=HOOK, webhook_words=words)
    async with here.rail() as client:
        order = here.order(client, 70_000 + centavos)
        await client.send(order)
    await until(lambda: len(here.webhooks) == messages)
    result = [parse_webhook(here.settings, {}, json.dumps(body).encode()) for body in here.webhooks]
    assert {one.references for one in result} == {(order.reference,)}
    assert {one.status for one in result} == {200}


async def test_the_messages_of_a_return_name_it_too() -> None:
    here = rail_fixture(webhook_url=HOOK)
    await here.control("receive", amount=80_000, tracking_key="BANK-1")
    async with here.rail() as client:
        order = here.order(client, payment=await here.build_return(client, "BANK-1"))
        await client.send(order)
    await until(lambda: bool(here.webhooks))
    assert parse_webhook(here.settings, {}, json.dumps(here.webhooks[0]).encode()).references == (order.reference,)


async def test_a_received_payment_is_neither_confirmed_nor_given_back() -> None:
    here = rail_fixture(deposit_url=HOOK)
    await here.control("receive", amount=80_000, tracking_key="BANK-1")
    await until(lambda: bool(here.webhooks))
    result = parse_webhook(here.settings, {}, json.dumps(here.webhooks[0]).encode())
    assert (result.status, result.references) == (422, ()), "400 with `devolver` would send it back, 200 confirm it"
    assert json.loads(result.body)["mensaje"] not in {"confirmar", "devolver", "recibido"}
