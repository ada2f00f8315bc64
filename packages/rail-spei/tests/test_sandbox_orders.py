"""The pretend STP takes what STP takes, and refuses the rest with HTTP 200 and STP's own ids."""

import json
from typing import Any

import pytest

from rail_spei.sandbox.cadena import ORDER, cadena, legacy_cadena, parse_object
from rail_spei.sandbox.cadena import QUERY as QUERY_FIELDS
from rail_spei.stp.cadena import RegisterOrder, legacy
from rail_spei.stp.signature import is_valid
from riel.testing.harness import Clock

from .golden import GOLDEN, public_key
from .sandbox_support import NOON, PAYEE, QUERY, REGISTER, RETURN, StpFixture, order, result, signed

pytestmark = pytest.mark.anyio

KEY = order()["claveRastreo"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


RECORDED = {
    "institucionContraparte": 40072,
    "empresa": "TAMIZI",
    "claveRastreo": "CR1609257595",
    "institucionOperante": 90646,
    "monto": 1.2,
    "tipoPago": 1,
    "tipoCuentaOrdenante": 40,
    "cuentaOrdenante": "646180110400000007",
    "tipoCuentaBeneficiario": 40,
    "nombreBeneficiario": "Ricardo Sanchez",
    "cuentaBeneficiario": "072691004495711499",
    "rfcCurpBeneficiario": "ND",
    "conceptoPago": "Prueba",
    "referenciaNumerica": 5273144,
    "topologia": "T",
    "medioEntrega": 3,
    "prioridad": 0,
    "firma": "L1ABpeih5nwIuFQPZoqjAjaWk9+vslRevKH6XcY169/GJhosoYkL6RtrStaHVUbMvjii11IcQkhN+25qjQQJ+C"
    "UTb3dQjATb4uVBxtebJIPFoITztR1fI6ZMdTab7zt13p5SAvPpuLowjl3yV5B7zBX8Ud+AlB3/9JBUCVVyOmc=",
}


def tamizi() -> StpFixture:
    return StpFixture(options={"public_key": public_key(), "empresa": "TAMIZI"})


async def test_an_order_that_stp_accepted_is_accepted_with_its_recorded_firma() -> None:
    here = tamizi()
    async with here.http() as http:
        number, text = result(await http.put(REGISTER, json=RECORDED))
    assert (number > 999, text) == (True, None)
    assert [(debit.amount, debit.reference) for debit in here.debits] == [(120, "CR1609257595")]


@pytest.mark.parametrize(
    "change",
    [
        {"monto": 1.21},
        {"prioridad": None},
        {"prioridad": 1},
        {"topologia": "V"},
        {"conceptoPago": "Prueba2"},
        {"cuentaBeneficiario": "072691004495711486"},
        {"nombreOrdenante": "Yo"},
        {"firma": RECORDED["firma"].replace("L1AB", "L1AC")},  # type: ignore[attr-defined]
        {"firma": GOLDEN[0].firma},
        {"firma": "no base64"},
    ],
    ids=str,
)
async def test_a_firma_of_another_order_is_refused(change: dict[str, Any]) -> None:
    here = tamizi()
    async with here.http() as http:
        answer = await http.put(REGISTER, json=RECORDED | change)
    assert result(answer) == (0, "Error validando la firma")
    assert here.debits == []


async def test_what_the_contract_may_add_is_not_signed() -> None:
    here = tamizi()
    async with here.http() as http:
        number, _ = result(await http.put(REGISTER, json=RECORDED | {"latitud": "19.37", "longitud": "-99.18"}))
    assert number > 999


async def test_the_cadena_of_the_far_bank_is_the_recorded_one() -> None:
    assert cadena(parse_object(json.dumps(RECORDED).encode()), ORDER) == GOLDEN[1].cadena
    query = {"empresa": "TAMIZI", "claveRastreo": "PruebaDevolucion1", "tipoOrden": "R", "fechaOperacion": 20231106}
    assert cadena(query, QUERY_FIELDS) == "||TAMIZI|PruebaDevolucion1|R|20231106||"
    today = {"empresa": "TAMIZI", "claveRastreo": "CRINEXISTENTE", "tipoOrden": "E"}
    assert cadena(today, QUERY_FIELDS) == "||TAMIZI|CRINEXISTENTE|E|||"
    older = {"empresa": "TAMIZI", "fechaOperacion": "20200420", "claveRastreo": "CR1564969083"}
    assert legacy_cadena(older | {"institucionOperante": 90646, "estado": "E"}) == GOLDEN[5].cadena
    assert is_valid(public_key(), legacy_cadena(older | {"institucionOperante": 90646}), GOLDEN[5].firma)


async def test_an_order_with_all_its_fields_is_put_together_as_it_was_signed() -> None:
    full = RegisterOrder(
        institucion_contraparte="40072",
        empresa="PRETEND",
        folio_origen="F1",
        clave_rastreo="K1",
        monto=10_000,
        nombre_ordenante="A",
        cuenta_ordenante="646180110400000007",
        rfc_curp_ordenante="ND",
        nombre_beneficiario="B",
        cuenta_beneficiario=PAYEE,
        email_beneficiario="C",
        tipo_cuenta_beneficiario2=0,
        nombre_beneficiario2="D",
        cuenta_beneficiario2="E",
        rfc_curp_beneficiario2="F",
        concepto_pago="G",
        concepto_pago2="H",
        clave_cat_usuario1="I",
        clave_cat_usuario2="J",
        clave_pago="K",
        referencia_cobranza="L",
        referencia_numerica=7,
        tipo_operacion="M",
        topologia="T",
        usuario="N",
        prioridad=0,
        latitud="19",
    )
    arrived = parse_object(json.dumps(full.json()).encode())
    assert cadena(arrived, ORDER) == full.cadena()
    request = legacy(empresa="PRETEND", key="K1", institution="90646")
    assert legacy_cadena(request.json()) == request.cadena()


async def test_a_number_is_read_to_its_last_digit() -> None:
    body = json.dumps(signed(order(monto="9007199254740993.17", claveRastreo="K1"))).replace(
        '"9007199254740993.17"', "9007199254740993.17"
    )
    here = StpFixture()
    async with here.http() as http:
        answer = await http.put(REGISTER, content=body, headers={"Content-Type": "application/json"})
    assert result(answer)[0] == -20, "it is beyond the ceiling, and its firma was right"


MISSING = [
    "empresa",
    "claveRastreo",
    "institucionOperante",
    "monto",
    "tipoPago",
    "tipoCuentaOrdenante",
    "tipoCuentaBeneficiario",
    "nombreBeneficiario",
    "cuentaBeneficiario",
    "rfcCurpBeneficiario",
    "conceptoPago",
    "referenciaNumerica",
    "medioEntrega",
]


@pytest.mark.parametrize("left", [None, ""], ids=["left out", "empty"])
@pytest.mark.parametrize("name", MISSING)
async def test_a_missing_field_is_named(name: str, left: str | None) -> None:
    here = StpFixture()
    body = order() | {name: left}
    assert result(await here.register(body)) == (0, f"El campo {name} es obligatorio")
    assert here.debits == []


REFUSED: list[tuple[dict[str, Any], int, str | None]] = [
    ({"institucionContraparte": None}, -5, None),
    ({"cuentaOrdenante": None}, -200, "Orden sin cuenta ordenante. Se rechaza por PLD"),
    ({"cuentaOrdenante": "646180157000000004"}, -7, "La cuenta {646180157000000004} no existe"),
    ({"empresa": "NOBODY"}, -6, None),
    ({"institucionOperante": "40072"}, -6, None),
    ({"institucionContraparte": "90679"}, -9, "La Institucion 90679 no es valida"),
    (
        {"institucionContraparte": "40002"},
        -22,
        f"La cuenta CLABE {{{PAYEE}}} no coincide para la institucion operante {{40002}}",
    ),
    ({"tipoCuentaBeneficiario": 3}, -11, "El tipo de cuenta 3 es invalido"),
    ({"tipoCuentaOrdenante": 10}, -11, "El tipo de cuenta 10 es invalido"),
    ({"cuentaBeneficiario": "07269100449571149"}, -23, None),
    ({"cuentaBeneficiario": "0726910044957114999"}, -23, None),
    ({"cuentaBeneficiario": "072691004495711490"}, -21, None),
    ({"cuentaBeneficiario": "07269100449571149X"}, -21, None),
    (
        {"institucionContraparte": "90646", "cuentaBeneficiario": "646180110400000007"},
        -24,
        "Cuenta {646180110400000007} - {MISMA_CUENTA}",
    ),
    ({"monto": "10000000000.00"}, -20, "El monto {10000000000.0} no es válido"),
    ({"monto": "0.00"}, -20, None),
    ({"monto": "-1.00"}, -20, None),
    ({"monto": "mucho"}, -20, None),
    ({"claveRastreo": "K" * 31}, -26, None),
    ({"claveRastreo": "K-1"}, -34, "Clave rastreo invalida : K-1"),
    ({"claveRastreo": "CLAVEÑ"}, -34, "Clave rastreo invalida : CLAVEÑ"),
    ({"fechaOperacion": "20260303"}, -16, None),
    ({"fechaOperacion": "20260305"}, -16, None),
    ({"tipoPago": 4}, -13, None),
    ({"medioEntrega": 1}, -10, None),
    ({"tipoOperacion": "X"}, -12, None),
    ({"usuario": "X"}, -14, None),
    ({"prioridad": 2}, 2, None),
    ({"topologia": "X"}, 2, None),
    ({"rfcCurpBeneficiario": "XX"}, 8, None),
    ({"nombreBeneficiario": "N" * 41}, 0, "El campo nombreBeneficiario es invalido"),
    ({"nombreBeneficiario": "José"}, 0, "El campo nombreBeneficiario es invalido"),
    ({"conceptoPago": " Factura"}, 0, "El campo conceptoPago es invalido"),
    ({"conceptoPago": "Factura "}, 0, "El campo conceptoPago es invalido"),
    ({"conceptoPago": "a|b"}, 0, "El campo conceptoPago es invalido"),
    ({"emailBeneficiario": "a|b"}, 0, "El campo emailBeneficiario es invalido"),
    ({"referenciaNumerica": 12345678}, 0, "El campo referenciaNumerica es invalido"),
    ({"referenciaNumerica": 0}, 0, "El campo referenciaNumerica es invalido"),
    ({"latitud": "north"}, 0, "El campo latitud es invalido"),
    ({"monto": True}, 0, "El campo monto es invalido"),
    ({"amount": 1}, 0, "El campo amount es invalido"),
]


@pytest.mark.parametrize(("change", "id_", "text"), REFUSED, ids=str)
async def test_an_order_that_breaks_a_rule_is_refused_with_its_id(
    change: dict[str, Any], id_: int, text: str | None
) -> None:
    here = StpFixture()
    outcome = result(await here.register(**change))
    assert outcome[0] == id_
    assert outcome[1] == (text or outcome[1])
    assert outcome[1]
    assert here.debits == []
    assert result(await here.register())[0] > 999, "and it has not used up the key"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"monto": NaN}', b'{"monto": 1, "monto": 2}'], ids=str)
async def test_what_is_no_json_object_is_not_read(body: bytes) -> None:
    here = StpFixture()
    async with here.http() as http:
        answer = await http.put(REGISTER, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"][:9]) == (400, "text/html")
        wrong_kind = await http.put(REGISTER, content=json.dumps(signed(order())))
        wrong_verb = await http.post(REGISTER, json=signed(order()))
        endless = await http.put(REGISTER, json=signed(order(emailBeneficiario="x" * 20_000)))
    assert (wrong_kind.status_code, wrong_verb.status_code, endless.status_code) == (415, 405, 413)
    assert here.debits == []


async def test_a_key_is_taken_once_in_an_operating_day() -> None:
    here = StpFixture()
    assert result(await here.register())[0] > 999
    here.clock.advance(hours=5, minutes=59)
    taken = f"La clave de rastreo {{{KEY}}} para la fecha {{20260304}} de la institucion {{90646}} ya fue utilizada"
    assert result(await here.register()) == (-1, taken)
    other = await here.register(monto="7.00", nombreBeneficiario="Otra", folioOrigen="F2")
    assert result(other) == (-1, taken), "whatever else the order says"
    assert len(here.debits) == 1


async def test_the_same_key_on_the_next_operating_day_is_paid_again() -> None:
    here = StpFixture()
    await here.register()
    here.clock.advance(hours=6)
    assert result(await here.register())[0] > 999
    assert [debit.reference for debit in here.debits] == [KEY, KEY]
    assert result(await here.register())[0] == -1


async def test_a_weekend_is_one_operating_day() -> None:
    here = StpFixture(clock=Clock(NOON.replace(day=7)))
    await here.register()
    here.clock.advance(days=1)
    outcome = result(await here.register())
    assert outcome[0] == -1
    assert "{20260309}" in str(outcome[1])


async def test_a_key_that_another_company_used_is_taken_and_not_ours() -> None:
    here = StpFixture()
    await here.control("foreign-key", trackingKey=KEY)
    assert result(await here.register())[0] == -1
    assert await here.query() == (6, None)
    assert here.debits == []


async def test_in_maintenance_orders_are_refused_and_questions_answered() -> None:
    here = StpFixture()
    await here.register(claveRastreo="K1")
    await here.control("maintenance", on=True)
    assert result(await here.register())[0] == -30
    assert (await here.query("K1"))[0] == 0
    await here.control("maintenance", on=False)
    assert result(await here.register())[0] > 999


async def test_every_answer_says_that_it_is_play() -> None:
    here = StpFixture()
    async with here.http() as http:
        answers = [
            await here.register(),
            await here.register(monto="1.14"),
            await http.get("/"),
            await http.put(REGISTER, content=b"{"),
        ]
    assert [answer.headers["x-pretend"] for answer in answers] == ["STP"] * 4


async def test_faults_are_aimed_at_what_moves_money() -> None:
    moves = StpFixture().sandbox.moves_money
    assert moves("PUT", REGISTER)
    assert moves("PUT", RETURN)
    assert not moves("GET", REGISTER)
    assert not moves("POST", QUERY)
    assert not moves("POST", "/_sandbox/receive")


async def test_two_accounts_of_stp_settle_without_spei() -> None:
    here = StpFixture(options={"accounts": ["646180110400000007"]})
    change = {"institucionContraparte": "90646", "cuentaBeneficiario": "646180157000000004"}
    assert result(await here.register(**change))[0] > 999
    here.clock.advance(seconds=1)
    outcome = (await here.query())[1]
    assert (outcome["estado"], outcome["sello"]) == ("TLQ", None)
    assert outcome["urlCEP"], "as STP answers"


async def test_the_test_bank_is_reached_as_on_the_demo_host() -> None:
    here = StpFixture()
    outcome = result(await here.register(institucionContraparte="846", cuentaBeneficiario="846180000500000008"))
    assert outcome[0] > 999
