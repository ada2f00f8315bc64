"""A payment that the pretend STP received can be returned once, and whole."""

from typing import Any

import pytest

from rail_spei.sandbox.identity import EMPRESA
from rail_spei.stp.api import Absence
from rail_spei.stp.refusals import OrderAccepted, OrderRefusal, OrderUnclear

from .sandbox_support import RETURN, RETURN_FIELDS, StpFixture, signed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def return_request(**change: Any) -> dict[str, Any]:
    return {
        "fechaOperacion": 20260304,
        "institucionOperante": 90646,
        "claveRastreo": "MBAN01",
        "claveRastreoDevolucion": "DEV1",
        "empresa": EMPRESA,
        "monto": "500.00",
        "digitoIdentificadorBeneficiario": 2,
        "medioEntrega": 3,
    } | change


async def give_back(here: StpFixture, **change: Any) -> Any:
    async with here.http() as http:
        answer = await http.put(RETURN, json=signed(return_request(**change), RETURN_FIELDS))
    assert answer.status_code == 200
    return answer.json()


async def received(amount: int = 50_000) -> StpFixture:
    here = StpFixture()
    answer = await here.control("receive", amount=amount, trackingKey="MBAN01")
    assert answer == {"trackingKey": "MBAN01", "operationDate": "20260304", "id": 9000001}
    return here


async def test_a_received_payment_is_found_as_one() -> None:
    here = await received()
    state, answer = await here.query("MBAN01", tipoOrden="R")
    assert (state, answer["estado"], answer["monto"], answer["institucionContraparte"]) == (0, "CCO", 500.0, 40002)
    assert (await here.query("MBAN01"))[0] == 6
    assert here.debits == []


async def test_it_goes_back_to_where_it_came_from() -> None:
    here = await received()
    assert (await give_back(here))["resultado"]["id"] > 999
    assert [(d.reference, d.amount, d.beneficiary) for d in here.debits] == [("DEV1", 50_000, "002010077777777771")]
    assert (await here.query("MBAN01", tipoOrden="R"))[1]["estado"] == "XR"
    here.clock.advance(seconds=1)
    assert (await here.query("MBAN01", tipoOrden="R"))[1]["estado"] == "RE"
    sent = (await here.query("DEV1"))[1]
    assert (sent["tipoPago"], sent["cuentaBeneficiario"], sent["estado"]) == (17, "002010077777777771", "LQ")
    async with here.client() as client:
        assert [answer.return_key for answer in await client.reconciliation("R")] == ["DEV1"]


async def test_it_goes_back_once() -> None:
    here = await received()
    await give_back(here)
    assert (await give_back(here))["resultado"]["id"] == -1, "the key of the return is taken"
    assert await give_back(here, claveRastreoDevolucion="DEV2") == {"estado": -1, "mensaje": "Orden no encontrada"}
    here.clock.advance(days=1)
    assert await give_back(here) == {"estado": -1, "mensaje": "Orden no encontrada"}
    assert len(here.debits) == 1


@pytest.mark.parametrize(
    "change",
    [{"fechaOperacion": 20260303}, {"claveRastreo": "OTHER"}, {"monto": "499.99"}, {"fechaOperacion": "today"}],
    ids=str,
)
async def test_only_the_payment_that_was_received_goes_back(change: dict[str, Any]) -> None:
    here = await received()
    assert await give_back(here, **change) == {"estado": -1, "mensaje": "Orden no encontrada"}
    assert here.debits == []


@pytest.mark.parametrize(
    ("change", "id_"),
    [
        ({"empresa": "NOBODY"}, 0),
        ({"institucionOperante": 40072}, 0),
        ({"digitoIdentificadorBeneficiario": 1}, 0),
        ({"medioEntrega": 1}, 0),
        ({"claveRastreoDevolucion": "MBAN01"}, -34),
        ({"claveRastreoDevolucion": "K" * 31}, -34),
        ({"claveRastreoDevolucion": ""}, 0),
        ({"extra": 1}, 0),
    ],
    ids=str,
)
async def test_a_return_out_of_form_is_refused(change: dict[str, Any], id_: int) -> None:
    here = await received()
    assert (await give_back(here, **change))["resultado"]["id"] == id_
    assert here.debits == []


async def test_a_return_is_signed() -> None:
    here = await received()
    async with here.http() as http:
        answer = await http.put(RETURN, json=return_request() | {"firma": "AAAA"})
    assert answer.json() == {"estado": 0, "mensaje": "Error validando la firma"}


async def test_a_sent_payment_cannot_be_pulled_back() -> None:
    here = StpFixture()
    await here.register(claveRastreo="MBAN01")
    here.clock.advance(seconds=1)
    assert await give_back(here) == {"estado": -1, "mensaje": "Orden no encontrada"}
    assert len(here.debits) == 1


@pytest.mark.parametrize(
    ("centavos", "kind", "moved"),
    [
        (0, OrderAccepted, True),
        (2, OrderRefusal, False),
        (3, OrderRefusal, False),
        (10, OrderAccepted, True),
        (11, OrderUnclear, False),
        (13, OrderUnclear, True),
        (14, OrderRefusal, False),
        (15, OrderUnclear, False),
        (16, OrderUnclear, True),
        (23, OrderUnclear, False),
        (24, OrderUnclear, True),
        (28, OrderUnclear, True),
    ],
)
async def test_the_centavos_choose_the_fate_of_a_return_too(centavos: int, kind: type, moved: bool) -> None:
    here = await received(50_000 + centavos)
    async with here.client() as client:
        body = client.return_body(day=here.clock.now.date(), key="MBAN01", return_key="DEV1", amount=50_000 + centavos)
        answer = await client.return_received(body)
        status = await client.query("DEV1")
    assert isinstance(answer, kind)
    assert (len(here.debits) == 1, not isinstance(status, Absence)) == (moved, moved)


async def test_in_maintenance_nothing_goes_back() -> None:
    here = await received()
    await here.control("maintenance", on=True)
    assert (await give_back(here))["resultado"]["id"] == -30
