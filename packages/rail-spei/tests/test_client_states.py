"""Every state of STP's (2.6), in the core's words: only what is known to be over is over."""

import logging
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from rail_spei.codes import ERRORS
from riel import NothingLearned, Status
from riel.testing.harness import lookup_outcome

from .rail_support import AT_STP, SETTLES_IN, look_up, rail_fixture

pytestmark = pytest.mark.anyio

PENDING = ["C", "PL", "L", "PA", "A", "E", "EA", "EP", "EC", "R", "XC", "XD", "XR", "TC", "TL", "TA"]
CANCELLED = ["CN", "TCL", "CA", "CR", "CL"]
FAILED = ["RL", "RA", "RB", "EL"]
RETURNED = ["D", "TD", "RE"]
INBOUND = ["CXO", "CCE", "CCO", "CCR"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("state", PENDING)
async def test_what_is_under_way_is_pending_for_as_long_as_stp_says_so(state: str) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        await here.set_state(order, state)
        here.clock.advance(hours=5)
        answer = await look_up(client, order)
    assert (answer.status, answer.provider_code, answer.settled_at) == (Status.PENDING, "", None)
    assert answer.facts["providerState"] == state
    assert "cepUrl" not in answer.facts, "there is no proof of a settlement that did not happen"


@pytest.mark.parametrize("state", ["LQ", "TLQ"])
async def test_what_has_settled_is_settled_when_stp_says(state: str) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        here.clock.advance(seconds=0.3)
        await here.set_state(order, state)
        at = here.clock.now.replace(microsecond=here.clock.now.microsecond // 1000 * 1000)
        here.clock.advance(hours=5)
        answer = await look_up(client, order)
    assert (answer.status, answer.settled_at) == (Status.SETTLED, at)
    assert (answer.amount, answer.currency, answer.account) == (50_000, "MXN", order.payee.account)
    assert answer.facts["operationDate"] == "2026-03-04"


@pytest.mark.parametrize(
    ("state", "code"), [(s, "SPEI_CANCELLED") for s in CANCELLED] + [(s, "SPEI_REJECTED") for s in FAILED]
)
async def test_what_ended_before_it_settled_is_rejected_and_explained(state: str, code: str) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        await here.set_state(order, state)
        answer = await look_up(client, order)
    assert (answer.status, answer.provider_code, answer.settled_at) == (Status.REJECTED, f"state:{state}", None)
    assert ERRORS[answer.provider_code].code == code
    assert here.debits == []


@pytest.mark.parametrize("state", RETURNED)
async def test_what_came_back_is_returned_with_the_cause(state: str) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        here.clock.advance(seconds=SETTLES_IN)
        assert await lookup_outcome(client, order) == "settled"
        await here.set_state(order, state, cause=3)
        answer = await look_up(client, order)
    assert (answer.status, answer.facts["providerCode"]) == (Status.RETURNED, "3")
    assert ERRORS[answer.provider_code].code == "SPEI_RETURNED"
    assert "cancelled" in ERRORS[answer.provider_code].message


async def test_a_return_without_a_cause_is_a_return() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        await here.set_state(order, "D")
        answer = await look_up(client, order)
    assert (answer.status, answer.provider_code) == (Status.RETURNED, "state:D")


@pytest.mark.parametrize(("centavos", "cause"), [(4, "1"), (32, "99")])
async def test_money_may_come_back_after_it_settled(centavos: int, cause: str) -> None:
    here = rail_fixture(returned_seconds=5)
    async with here.rail() as client:
        order = here.order(client, 70_000 + centavos)
        await client.send(order)
        here.clock.advance(seconds=SETTLES_IN)
        assert await lookup_outcome(client, order) == "settled"
        here.clock.advance(seconds=5)
        answer = await look_up(client, order)
    assert (answer.status, answer.facts["providerCode"]) == (Status.RETURNED, cause)


@pytest.mark.parametrize("state", ["ZZ", "LIQ", "X", *INBOUND])
async def test_a_state_that_nobody_explained_is_pending_and_an_operator_hears_of_it(
    state: str, caplog: pytest.LogCaptureFixture
) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        await here.set_state(order, state)
        with caplog.at_level(logging.WARNING, "rail_spei"):
            answer = await look_up(client, order)
    assert (answer.status, answer.facts["providerState"], answer.settled_at) == (Status.PENDING, state, None)
    assert f"the state '{state}'" in caplog.text
    assert order.reference in caplog.text
    assert order.payee.account not in caplog.text


async def test_a_known_state_is_no_news_for_an_operator(caplog: pytest.LogCaptureFixture) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        await look_up(client, order)
    assert "the state" not in caplog.text


async def test_an_ambiguous_end_is_asked_for_a_second_time() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        await here.set_state(order, "CR")
        here.transport.requests.clear()
        assert await lookup_outcome(client, order) == "rejected"
        assert len(here.query_days) == 2
        await here.set_state(order, "CN")
        here.transport.requests.clear()
        assert await lookup_outcome(client, order) == "rejected"
        assert len(here.query_days) == 1, "a clear one is believed"


@pytest.mark.parametrize("after", ["LQ", "gone"])
async def test_an_ambiguous_end_that_is_not_said_twice_teaches_nothing(after: str) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        await here.set_state(order, "CR")
        looks: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response | None:
            looks.append(request)
            if len(looks) == 1:
                return None
            if after == "gone":
                empty = {"estado": 6, "mensaje": "No se encontraron datos relacionados"}
                return httpx.Response(400, json=empty, headers={"Date": format_datetime(here.clock.now, usegmt=True)})
            fields: dict[str, Any] = {"claveRastreo": order.reference, "estado": "LQ", "empresa": here.settings.empresa}
            return httpx.Response(200, json={"estado": 0, "mensaje": "", "respuesta": fields})

        here.transport.answer = answer
        with pytest.raises(NothingLearned, match="two different states"):
            await client.status(order)


async def test_a_settlement_whose_time_is_not_told_yet_is_one() -> None:
    here = rail_fixture(hidden_seconds=2)
    async with here.rail() as client:
        order = here.order(client, 70_018)
        await client.send(order)
        here.clock.advance(seconds=SETTLES_IN)
        early = await look_up(client, order)
        assert (early.status, early.settled_at) == (Status.SETTLED, None)
        here.clock.advance(seconds=2)
        assert (await look_up(client, order)).settled_at == here.clock.now - timedelta(seconds=2)


async def test_the_name_at_the_bank_is_told_and_compared_and_fails_nothing() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        same, other = here.order(client), here.order(client, 70_007)
        for order in (same, other):
            await client.send(order)
        here.clock.advance(seconds=SETTLES_IN)
        assert "nameMatches" not in (await look_up(client, same)).facts, "it is reported some seconds later"
        here.clock.advance(seconds=3)
        alike, unlike = await look_up(client, same), await look_up(client, other)
    assert (alike.facts["payeeNameAtBank"], alike.facts["nameMatches"]) == ("RICARDO SANCHEZ", "same")
    assert (unlike.status, unlike.facts["nameMatches"]) == (Status.SETTLED, "different")


async def test_where_a_person_finds_the_receipt_is_told_once_it_has_settled_through_spei() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        through_spei, inside_stp = here.order(client), here.order(client, clabe=AT_STP)
        for order in (through_spei, inside_stp):
            await client.send(order)
            assert "cepUrl" not in (await look_up(client, order)).facts
        here.clock.advance(seconds=SETTLES_IN)
        assert (await look_up(client, through_spei)).facts["cepUrl"] == "https://www.banxico.org.mx/cep/"
        inside = await look_up(client, inside_stp)
    assert inside.facts["providerState"] == "TLQ"
    assert "cepUrl" not in inside.facts, "Banxico has none of what never became a message of SPEI"


async def test_one_centavo_more_than_was_asked_is_told_as_it_is() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client, 70_035)
        await client.send(order)
        assert (await look_up(client, order)).amount == 70_036, "the core hands that to an operator"


@pytest.mark.parametrize("centavos", [17, 8, 9, 21])
async def test_forms_of_no_consequence_change_nothing(centavos: int) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client, 70_000 + centavos)
        await client.send(order)
        here.clock.advance(seconds=SETTLES_IN)
        answer = await look_up(client, order)
    assert (answer.status, answer.amount, answer.account) == (Status.SETTLED, 70_000 + centavos, order.payee.account)
    assert answer.settled_at == here.clock.now
