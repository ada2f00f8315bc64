"""The pretend STP answers queries as STP does: HTTP 400 where it does not answer, and days told apart."""

from datetime import date
from typing import Any

import pytest

from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.identity import ACCOUNT, EMPRESA
from rail_spei.stp.api import Absence
from riel.testing.harness import Clock

from .sandbox_support import LIST, NOON, QUERY, StpFixture, order, signed

pytestmark = pytest.mark.anyio

KEY = order()["claveRastreo"]
LIST_FIELDS = ("empresa", "tipoOrden", "fechaOperacion")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def rows(here: StpFixture, **change: Any) -> tuple[int, Any]:
    body = {"empresa": EMPRESA, "tipoOrden": "E", "page": 0} | change
    answer = await here.ask(LIST, body, LIST_FIELDS)
    return answer.status_code, answer.json()


async def test_an_order_is_told_in_all_its_fields() -> None:
    here = StpFixture()
    await here.register(folioOrigen="F1")
    here.clock.advance(seconds=4)
    state, row = await here.query()
    assert state == 0
    assert len(row.pop("sello")) == 88
    assert row.pop("urlCEP").startswith("https://cep.invalid/cep/go?i=90646&s=20260304&d=")
    assert row == {
        "idEF": 9000001,
        "claveRastreo": KEY,
        "conceptoPago": "Factura 42",
        "cuentaBeneficiario": "072691004495711499",
        "cuentaOrdenante": ACCOUNT,
        "empresa": EMPRESA,
        "estado": "LQ",
        "fechaOperacion": 20260304,
        "institucionContraparte": 40072,
        "institucionOperante": 90646,
        "medioEntrega": 3,
        "monto": 500.0,
        "nombreBeneficiario": "Ricardo Sanchez",
        "nombreOrdenante": "EMPRESA DEMO SA DE CV",
        "nombreCep": "RICARDO SANCHEZ",
        "rfcCep": "ND",
        "rfcCurpBeneficiario": "ND",
        "rfcCurpOrdenante": "EDE010101AB1",
        "referenciaNumerica": 1234567,
        "tipoCuentaBeneficiario": 40,
        "tipoCuentaOrdenante": 40,
        "tipoPago": 1,
        "tsCaptura": 1772647200000,
        "tsLiquidacion": 1772647201000,
        "causaDevolucion": None,
    }


async def test_a_day_is_queried_with_its_date_and_the_running_one_also_without() -> None:
    here = StpFixture()
    await here.register()
    assert (await here.query())[0] == 0
    assert (await here.query(fechaOperacion="20260304"))[0] == 0, "recorded on the same day, and after the cut-off"
    assert (await here.query(fechaOperacion="20260305"))[0] == 8
    assert (await here.query(fechaOperacion="20260303"))[0] == 6
    here.clock.advance(hours=6)
    assert (await here.query())[0] == 6, "the day has rolled"
    assert (await here.query(fechaOperacion="20260304"))[0] == 0
    assert (await here.query(fechaOperacion=20260304))[0] == 0


@pytest.mark.parametrize("change", [{"tipoOrden": "X"}, {"fechaOperacion": "2026-03-04"}, {"page": 1}], ids=str)
async def test_a_bad_question_is_estado_2(change: dict[str, Any]) -> None:
    assert (await StpFixture().query(**change))[0] == 2


async def test_a_question_is_signed_too() -> None:
    here = StpFixture()
    await here.register()
    async with here.http() as http:
        request = {"empresa": EMPRESA, "claveRastreo": KEY, "tipoOrden": "E", "firma": "AAAA"}
        answers = [
            await http.post(QUERY, json=request),
            await http.post(QUERY, json=request | {"empresa": "NOBODY"}),
            await http.post(QUERY, json={"empresa": EMPRESA}),
            await http.post(QUERY, content=b"{", headers={"Content-Type": "application/json"}),
            await http.post(LIST, json={"empresa": EMPRESA, "tipoOrden": "E", "page": 0, "firma": "AAAA"}),
        ]
    assert {(answer.status_code, answer.json()["estado"]) for answer in answers} == {(400, 2)}
    assert answers[0].json()["mensaje"] == "Firma invalida Firma Invalida"
    assert answers[1].json()["mensaje"] == "Firma invalida No entity found for query"
    assert answers[2].json()["mensaje"] == "El campo claveRastreo es obligatorio"


async def test_what_arrived_just_now_may_not_be_seen_yet() -> None:
    here = StpFixture(behaviour=StpBehaviour(lookup_lag_seconds=10))
    await here.register()
    assert (await here.query())[0] == 6
    here.clock.advance(seconds=10)
    assert (await here.query())[1]["estado"] == "A"


async def test_a_list_has_pages_and_its_total_lags() -> None:
    here = StpFixture(behaviour=StpBehaviour(page_rows=2, total_lag_seconds=30))
    for number in range(5):
        await here.register(claveRastreo=f"K{number}")
        here.clock.advance(seconds=10)
    status, page = await rows(here)
    assert (status, page["estado"], [row["claveRastreo"] for row in page["datos"]]) == (200, 0, ["K0", "K1"])
    assert page["total"] == 3, "two have arrived in the last thirty seconds"
    assert [row["claveRastreo"] for row in (await rows(here, page=2))[1]["datos"]] == ["K4"]
    assert (await rows(here, page=3))[1]["datos"] == []
    none = {"estado": 6, "mensaje": "No se encontraron datos relacionados", "total": 0}
    assert (await rows(here, tipoOrden="R")) == (400, none)
    here.clock.advance(days=1)
    assert (await rows(here, fechaOperacion="20260304"))[1]["total"] == 5


async def test_the_total_of_a_day_that_is_over_does_not_lag() -> None:
    here = StpFixture(clock=Clock(NOON.replace(hour=23, minute=59, second=59)))
    await here.register()
    here.clock.advance(seconds=2)
    assert (await rows(here, fechaOperacion="20260304"))[1]["total"] == 1


async def test_the_rails_own_client_reads_every_page() -> None:
    here = StpFixture(behaviour=StpBehaviour(page_rows=2))
    for number in range(5):
        await here.register(claveRastreo=f"K{number}")
    here.clock.advance(days=1)
    async with here.client() as client:
        assert [row.key for row in await client.reconciliation("E", date(2026, 3, 4))] == [f"K{n}" for n in range(5)]
        assert await client.reconciliation("R", date(2026, 3, 4)) == []
        assert await client.reconciliation() == []


async def test_an_order_may_be_missing_in_its_list() -> None:
    here = StpFixture()
    await here.register(monto="1.36")
    assert (await rows(here))[1]["estado"] == 6
    assert (await here.query())[0] == 0


async def test_the_rails_own_client_finds_an_order_in_both_ways() -> None:
    here = StpFixture()
    await here.register()
    async with here.client() as client:
        for ask in (client.query, client.legacy_query):
            row = await ask(KEY)
            assert not isinstance(row, Absence)
            assert (row.amount, row.state_code, row.day) == (50_000, "A", date(2026, 3, 4))
            assert await ask("UNKNOWN") is Absence.NOT_FOUND
        here.clock.advance(hours=6)
        for absent in (await client.query(KEY), await client.legacy_query(KEY)):
            assert absent is Absence.NOT_FOUND
        assert await client.query(KEY, day=date(2026, 3, 6)) is Absence.DATE_AHEAD
        for status in (await client.query(KEY, day=date(2026, 3, 4)), await client.legacy_query(KEY, date(2026, 3, 4))):
            assert not isinstance(status, Absence)
            assert status.state_code == "LQ"


async def test_the_older_queries_answer_under_resultado_with_200() -> None:
    here = StpFixture()
    await here.register()
    base = "/speiws/rest/ordenPago/"
    async with here.http() as http:

        async def ask(path: str, **body: Any) -> Any:
            request = signed({"empresa": EMPRESA} | {name: body[name] for name in body if name != "estado"})
            answer = await http.post(base + path, json=request | {k: v for k, v in body.items() if k == "estado"})
            assert answer.status_code == 200
            return answer.json()["resultado"]

        one = await ask("consOrdEnvRastreo", claveRastreo=KEY, institucionOperante=90646)
        assert (one["id"], one["ordenPago"]["tsEntrega"]) == (1, None)
        listed = await ask("consOrdenesFech", estado="E")
        assert listed["lst"][-1] is None
        assert not {"idEF", "tsLiquidacion", "nombreCep"} & set(listed["lst"][0]), "left out where it has not settled"
        assert (await ask("consOrdenesFech", estado="R"))["id"] == -100
        assert (await ask("consSaldoEnvRec"))["saldos"] == [
            {"montoTotal": "500.00", "tipoOperacion": "E", "totalOperaciones": 1, "empresa": EMPRESA}
        ]
        here.clock.advance(seconds=1.5)
        settled = (await ask("consOrdEnvRastreo", claveRastreo=KEY, institucionOperante=90646))["ordenPago"]
        assert (settled["tsEntrega"], settled["tsDevolucion"]) == (1000, None), "a duration in milliseconds"
        gone = await ask("consOrdEnvRastreo", claveRastreo="K", institucionOperante=90646)
        assert gone == {"id": -100, "descripcionError": "No se encontró la orden con rastreo K"}
        forged = await http.post(
            base + "consOrdEnvRastreo",
            json={"empresa": EMPRESA, "claveRastreo": KEY, "institucionOperante": 90646, "firma": "AAAA"},
        )
    assert forged.json() == {"resultado": {"id": 0, "descripcionError": "Firma invalida Firma Invalida"}}


async def test_any_state_can_be_ordered() -> None:
    here = StpFixture()
    await here.register()
    for state, cause in (("PL", None), ("CR", None), ("QQ", None), ("LQ", None), ("D", 13)):
        here.clock.advance(seconds=0.1)
        await here.control("state", trackingKey=KEY, state=state, cause=cause)
        row = (await here.query())[1]
        assert (row["estado"], row["causaDevolucion"]) == (state, cause)
    here.clock.advance(days=0, minutes=1)
    assert (await here.query())[1]["estado"] == "D", "what it would have become by itself is forgotten"
    async with here.http() as http:
        assert (await http.post("/_sandbox/state", json={"trackingKey": "K", "state": "LQ"})).status_code == 404
        assert (await http.post("/_sandbox/state", json={"trackingKey": "K", "state": "lq"})).status_code == 422
        assert (await http.post("/_sandbox/state", content=b"[]")).status_code == 422
    assert here.clock.now > NOON
