"""The centavos of an amount choose what the pretend STP does to an order, and its ledger says where the money is."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.magic import SCENARIOS
from rail_spei.stp.refusals import OrderAccepted, OrderRefusal, Outcome
from riel import OutcomeUnknown

from .sandbox_support import REGISTER, StpFixture, order, result, signed

pytestmark = pytest.mark.anyio

KEY = order()["claveRastreo"]
STORED = sorted(centavos for centavos, fate in SCENARIOS.items() if fate.stored)
NOT_STORED = sorted(set(SCENARIOS) - set(STORED))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pesos(centavos: int) -> str:
    return f"7.{centavos:02d}"


async def send(here: StpFixture, centavos: int) -> httpx.Response | None:
    """An order of so many centavos, and its answer; none where the connection breaks."""
    try:
        return await here.register(monto=pesos(centavos))
    except httpx.RemoteProtocolError:
        return None


async def final_state(here: StpFixture) -> str:
    here.clock.advance(minutes=1)
    return str((await here.query())[1]["estado"])


@pytest.mark.parametrize("centavos", STORED)
async def test_what_is_stored_is_one_debit_and_is_found(centavos: int) -> None:
    here = StpFixture()
    await send(here, centavos)
    cancelled = SCENARIOS[centavos].life_cycle == "cancelled"
    assert [debit.amount - SCENARIOS[centavos].adds for debit in here.debits] == [700 + centavos] * (not cancelled)
    state, status = await here.query()
    assert (state, status["claveRastreo"]) == (0, KEY)
    assert result(await here.register(monto=pesos(centavos)))[0] == -1, "a copy meets its own order"
    assert len(here.debits) == (not cancelled)


@pytest.mark.parametrize("centavos", NOT_STORED)
async def test_what_is_not_stored_is_no_debit_and_is_not_found(centavos: int) -> None:
    here = StpFixture()
    await send(here, centavos)
    assert here.debits == []
    assert await here.query() == (6, None)


async def test_every_other_amount_settles() -> None:
    here = StpFixture()
    for cents in sorted(set(range(100)) - set(SCENARIOS)):
        assert result(await here.register(monto=f"3.{cents:02d}", claveRastreo=f"K{cents}"))[0] > 999
    assert 20 not in SCENARIOS, "the recorded orders are of 1.20"


async def test_an_order_lives_from_a_to_lq() -> None:
    here = StpFixture()
    await here.register()
    states = []
    for seconds in (0, 0.2, 0.7, 0.1, 2.9, 0.1):
        here.clock.advance(seconds=seconds)
        status = (await here.query())[1]
        states.append((status["estado"], status["tsLiquidacion"] is not None, status["nombreCep"]))
    pending = [("A", False, None), ("E", False, None), ("E", False, None)]
    assert states == [*pending, ("LQ", True, None), ("LQ", True, None), ("LQ", True, "RICARDO SANCHEZ")]


@pytest.mark.parametrize(
    ("centavos", "state", "cause"),
    [(0, "LQ", None), (4, "D", 1), (5, "CN", None), (6, "A", None), (22, "D", 1), (32, "D", 99), (33, "ZZ", None)],
)
async def test_an_order_ends_as_its_centavos_say(centavos: int, state: str, cause: int | None) -> None:
    here = StpFixture()
    await send(here, centavos)
    assert await final_state(here) == state
    status = (await here.query())[1]
    assert status["causaDevolucion"] == cause
    assert (status["tsLiquidacion"] is None) == (state in {"CN", "A", "ZZ"})


async def test_a_return_follows_the_settlement() -> None:
    here = StpFixture()
    await send(here, 4)
    here.clock.advance(seconds=1)
    assert (await here.query())[1]["estado"] == "LQ"
    here.clock.advance(seconds=5)
    status = (await here.query())[1]
    assert (status["estado"], status["tsLiquidacion"] is not None) == ("D", True)
    assert len(here.debits) == 1, "money that came back has left all the same"


ANSWERS: list[tuple[int, Any]] = [
    (1, (-1, "ya fue utilizada")),
    (2, (-200, "PLD")),
    (3, (-30, "consulta")),
    (12, (3, None)),
    (13, (0, None)),
    (23, (-1, "ya fue utilizada")),
    (24, (0, "No se recibió respuesta del servicio")),
    (25, (0, "No se recibió respuesta del servicio")),
    (26, (-30, "consulta")),
    (27, (-777, "no catalogado")),
    (31, (-31, "POA")),
    (60, (-2, "duplicada")),
    (61, (5, "duplicado")),
    (62, (0, "Error validando la firma")),
    (63, (0, "El campo conceptoPago es obligatorio")),
    (64, (0, "Otros")),
]


@pytest.mark.parametrize(("centavos", "expected"), ANSWERS, ids=str)
async def test_an_answer_is_the_one_of_the_table(centavos: int, expected: tuple[int, str | None]) -> None:
    answer = await send(StpFixture(), centavos)
    assert answer is not None
    number, text = result(answer)
    assert number == expected[0]
    assert text is None if expected[1] is None else expected[1] in str(text)


@pytest.mark.parametrize(("centavos", "status"), [(11, 504), (14, 403), (15, 502), (16, 502), (30, 504)])
async def test_a_gateway_writes_a_page(centavos: int, status: int) -> None:
    answer = await send(StpFixture(), centavos)
    assert answer is not None
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, "text/html")


async def test_a_slow_answer_comes_after_the_time_that_is_set() -> None:
    for centavos, taken in ((10, True), (11, False)):
        here = StpFixture(behaviour=StpBehaviour(slow_seconds=17))
        answer = await send(here, centavos)
        assert here.clock.slept == [17]
        assert answer is not None
        assert (answer.status_code == 200) == taken


async def test_an_answer_can_be_garbage_or_break_off() -> None:
    garbage = await send(StpFixture(), 28)
    assert garbage is not None
    with pytest.raises(json.JSONDecodeError):
        garbage.json()
    here = StpFixture()
    assert await send(here, 29) is None
    assert len(here.debits) == 1


async def test_numbers_come_as_strings() -> None:
    here = StpFixture()
    answer = await send(here, 17)
    assert answer is not None
    assert answer.json()["resultado"]["id"].isdigit()
    here.clock.advance(seconds=1)
    status = (await here.query())[1]
    assert {type(status[name]) for name in ("idEF", "monto", "fechaOperacion", "tsLiquidacion", "tsCaptura")} == {str}


async def test_a_settlement_may_hide_its_time_for_a_moment() -> None:
    here = StpFixture()
    await send(here, 18)
    here.clock.advance(seconds=1)
    status = (await here.query())[1]
    assert (status["estado"], status["tsLiquidacion"]) == ("LQ", None)
    here.clock.advance(seconds=2)
    assert (await here.query())[1]["tsLiquidacion"] is not None


async def test_the_payees_bank_reports_another_name_or_no_seal() -> None:
    for centavos, name, sealed in (
        (0, "RICARDO SANCHEZ", True),
        (7, "OTRA PERSONA SA DE CV", True),
        (8, "RICARDO SANCHEZ", False),
    ):
        here = StpFixture()
        await send(here, centavos)
        here.clock.advance(seconds=4)
        status = (await here.query())[1]
        assert (status["nombreCep"], status["sello"] is not None) == (name, sealed)


async def test_maintenance_may_end_before_the_copy() -> None:
    here = StpFixture()
    assert result(await here.register(monto=pesos(26)))[0] == -30
    assert result(await here.register(monto=pesos(26)))[0] > 999
    assert len(here.debits) == 1


async def test_a_late_order_arrives_once_and_keeps_to_the_day_of_its_arrival() -> None:
    here = StpFixture()
    here.clock.advance(hours=5, minutes=59)
    await send(here, 30)
    assert await here.query() == (6, None)
    here.clock.advance(seconds=90)
    status = (await here.query())[1]
    assert status["fechaOperacion"] == 20260305
    assert len(here.debits) == 1
    assert result(await here.register(monto=pesos(30)))[0] == -1


async def test_a_copy_of_a_late_order_and_the_order_itself_are_one_debit_in_one_day() -> None:
    here = StpFixture()
    await send(here, 30)
    assert result(await here.register(monto=pesos(30)))[0] > 999
    here.clock.advance(seconds=90)
    assert len(here.debits) == 1


async def test_a_late_order_and_its_copy_are_two_debits_across_the_cutoff() -> None:
    here = StpFixture()
    here.clock.advance(hours=5, minutes=59)
    await send(here, 30)
    assert result(await here.register(monto=pesos(30)))[0] > 999
    here.clock.advance(seconds=90)
    assert [debit.reference for debit in here.debits] == [KEY, KEY]


@pytest.mark.parametrize("centavos", sorted(SCENARIOS))
async def test_the_rails_own_client_never_calls_money_that_moved_refused(centavos: int) -> None:
    here = StpFixture()
    outcome: Outcome | None = None
    with contextlib.suppress(OutcomeUnknown):
        async with here.client() as client:
            outcome = await client.register(json.dumps(signed(order(monto=pesos(centavos)))).encode())
    match outcome:
        case OrderAccepted():
            assert SCENARIOS[centavos].stored
        case OrderRefusal():
            assert not SCENARIOS[centavos].stored


async def test_money_may_move_within_stp_although_the_answer_is_no() -> None:
    here = StpFixture()
    within = {"institucionContraparte": "90646", "cuentaBeneficiario": "646180157000000004"}
    assert result(await here.register(monto=pesos(31), **within))[0] == -31
    assert len(here.debits) == 1
    assert (await here.query())[0] == 0


async def test_an_order_that_breaks_a_rule_meets_the_rule_and_not_the_fate() -> None:
    here = StpFixture()
    async with here.http() as http:
        answer = await http.put(REGISTER, json=order(monto=pesos(5)) | {"firma": "AAAA"})
    assert result(answer) == (0, "Error validando la firma")


def test_the_readme_has_a_row_for_every_fate() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `\.(\d\d)` \| (.*) \|$", readme, re.MULTILINE)
    assert rows == [(f"{centavos:02d}", fate.description) for centavos, fate in sorted(SCENARIOS.items())]
