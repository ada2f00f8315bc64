"""Each request goes once, signed, to the documented place, and only what STP clearly says is learned from it."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_spei.stp.api import Absence, Stp
from rail_spei.stp.cadena import RegisterOrder
from rail_spei.stp.models import OrderStatus
from rail_spei.stp.refusals import OrderAccepted, OrderRefusal, OrderUnclear
from rail_spei.stp.signature import is_valid
from riel import NothingLearned, NotSent, OutcomeUnknown

from .stp_support import (
    ADDRESSES,
    EMPRESA,
    HTML,
    JSON,
    JSON_LIKE,
    KEY,
    ODD_BODIES,
    PAGE,
    PAYEE,
    PAYER,
    order_json,
    private_key,
    talking_to,
)

pytestmark = pytest.mark.anyio

Ask = Callable[[Stp], Awaitable[Any]]
DAY = date(2023, 11, 6)
NAME = "Ricardo Sanchez"
NO_DATA = {"estado": 6, "mensaje": "No se encontraron datos relacionados"}
AHEAD = {"estado": 8, "mensaje": "La fecha no puede ser mayor a la fecha actual"}
FOUND: dict[str, Any] = {"estado": 0, "mensaje": "Datos consultados correctamente", "respuesta": order_json()}

ORDER = RegisterOrder(
    institucion_contraparte="40072",
    empresa=EMPRESA,
    clave_rastreo=KEY,
    monto=120,
    cuenta_ordenante=PAYER,
    nombre_beneficiario=NAME,
    cuenta_beneficiario=PAYEE,
    concepto_pago="Prueba",
    referencia_numerica=5273144,
    latitud="19.370312",
)

# Each request: what asks, where it goes, what stands in its body, and what of it is signed; written down here a second
# time. The orders' own signature is that of the golden vectors.
REQUESTS: dict[str, tuple[Ask, str, str, dict[str, Any], str]] = {
    "registra": (
        lambda stp: stp.register(stp.order_body(ORDER)),
        "PUT",
        "0/ordenPago/registra",
        {"monto": "1.20", "claveRastreo": KEY, "latitud": "19.370312", "cuentaBeneficiario": PAYEE},
        f"||40072|{EMPRESA}|||{KEY}|90646|1.20|1|40||{PAYER}||40|{NAME}|{PAYEE}|ND||||||Prueba||||||5273144||||3||||",
    ),
    "retornaOrden": (
        lambda stp: stp.return_received(stp.return_body(day=DAY, key=KEY, return_key="BACK1", amount=120)),
        "PUT",
        "0/ordenPago/retornaOrden",
        {
            "fechaOperacion": "20231106",
            "institucionOperante": "90646",
            "claveRastreo": KEY,
            "claveRastreoDevolucion": "BACK1",
            "empresa": EMPRESA,
            "monto": "1.20",
            "digitoIdentificadorBeneficiario": "2",
            "medioEntrega": "3",
        },
        f"||20231106|90646|{KEY}|1.20|2|BACK1|3||",
    ),
    "consultaOrden": (
        lambda stp: stp.query(KEY),
        "POST",
        "1/consultaOrden",
        {"empresa": EMPRESA, "claveRastreo": KEY, "tipoOrden": "E"},
        f"||{EMPRESA}|{KEY}|E|||",
    ),
    "consultaOrden of a day": (
        lambda stp: stp.query(KEY, "R", DAY),
        "POST",
        "1/consultaOrden",
        {"empresa": EMPRESA, "claveRastreo": KEY, "tipoOrden": "R", "fechaOperacion": "20231106"},
        f"||{EMPRESA}|{KEY}|R|20231106||",
    ),
    "V2/conciliacion": (
        lambda stp: stp.reconciliation(),
        "POST",
        "1/V2/conciliacion",
        {"empresa": EMPRESA, "tipoOrden": "E", "page": "0"},
        f"||{EMPRESA}|E|||",
    ),
    "V2/conciliacion of a day": (
        lambda stp: stp.reconciliation("R", DAY),
        "POST",
        "1/V2/conciliacion",
        {"empresa": EMPRESA, "tipoOrden": "R", "fechaOperacion": "20231106", "page": "0"},
        f"||{EMPRESA}|R|20231106||",
    ),
    "consOrdEnvRastreo": (
        lambda stp: stp.legacy_query(KEY, DAY),
        "POST",
        "0/ordenPago/consOrdEnvRastreo",
        {"empresa": EMPRESA, "claveRastreo": KEY, "institucionOperante": "90646", "fechaOperacion": "20231106"},
        f"|||{EMPRESA}|20231106||{KEY}|90646" + "|" * 30,
    ),
}
LOOKS = {name: request[0] for name, request in REQUESTS.items() if request[1] == "POST"}
SENDS = {name: request[0] for name, request in REQUESTS.items() if request[1] == "PUT"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def says(answer: Any, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=answer)


def legacy(number: Any, **rest: Any) -> dict[str, Any]:
    return {"resultado": {"id": number, **rest}}


async def ask_stp(ask: Ask, answer: Any, status: int = 200) -> Any:
    async with talking_to(says(answer, status)) as stp:
        return await ask(stp)


async def nothing(ask: Ask, answer: Any, status: int = 200) -> str:
    with pytest.raises(NothingLearned) as failure:
        await ask_stp(ask, answer, status)
    return str(failure.value)


@pytest.mark.parametrize("addresses", [ADDRESSES, ("https://a.invalid/x/", "https://b.invalid/y/")])
@pytest.mark.parametrize("name", REQUESTS)
async def test_each_request_goes_once_signed_to_its_place(name: str, addresses: tuple[str, str]) -> None:
    ask, method, place, body, signed = REQUESTS[name]
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(400, json={"estado": 2, "mensaje": "", "resultado": {"id": 9}})

    async with talking_to(respond, addresses) as stp:
        try:
            await ask(stp)
        except NothingLearned:
            assert method == "POST"
    (request,) = seen
    base = addresses[int(place[0])].rstrip("/")
    assert (request.method, str(request.url)) == (method, base + place[1:])
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    sent = json.loads(request.content, parse_float=str)
    firma = sent.pop("firma")
    assert is_valid(private_key().public_key(), signed, firma)
    assert {name: str(value) for name, value in sent.items()}.items() >= body.items()
    if name != "registra":
        assert {name: str(value) for name, value in sent.items()} == body, "nothing else is sent"


async def test_what_is_sent_is_what_was_kept_and_is_the_same_each_time() -> None:
    seen: list[bytes] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(200, json=legacy(9349827))

    async with talking_to(respond) as stp:
        body = stp.order_body(ORDER)
        assert body == stp.order_body(ORDER)
        assert body.isascii()
        assert await stp.register(body) == OrderAccepted("9349827")
        await stp.register(body)
    assert seen == [body, body]


@pytest.mark.parametrize("ask", SENDS.values(), ids=SENDS)
async def test_a_send_is_read_by_the_strict_rule(ask: Ask) -> None:
    assert await ask_stp(ask, legacy(9349827)) == OrderAccepted("9349827")
    assert isinstance(await ask_stp(ask, legacy(3)), OrderRefusal)
    assert isinstance(await ask_stp(ask, legacy(-1, descripcionError="ya fue utilizada")), OrderUnclear)
    assert isinstance(await ask_stp(ask, legacy(9349827), 500), OrderUnclear)
    async with talking_to(lambda _: httpx.Response(403, headers=PAGE, content=HTML)) as stp:
        assert isinstance(await ask(stp), OrderRefusal)


@pytest.mark.parametrize("ask", SENDS.values(), ids=SENDS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_an_order_is_never_carried_elsewhere(ask: Ask, status: int) -> None:
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(status, headers={"location": "https://elsewhere.invalid/"})

    async with talking_to(respond) as stp:
        stp.http.follow_redirects = True
        assert isinstance(await ask(stp), OrderUnclear)
    assert seen == ["demo.stpmex.com"]


@pytest.mark.parametrize(
    ("failure", "means", "tries"),
    [
        (httpx.ConnectError("refused"), NotSent, 3),
        (httpx.ConnectTimeout("slow"), NotSent, 3),
        (httpx.ReadTimeout("lost"), OutcomeUnknown, 1),
        (httpx.WriteError("cut"), OutcomeUnknown, 1),
        (httpx.RemoteProtocolError("half an answer"), OutcomeUnknown, 1),
    ],
)
@pytest.mark.parametrize("ask", SENDS.values(), ids=SENDS)
async def test_a_send_is_made_again_only_while_no_byte_has_left(
    ask: Ask, failure: Exception, means: type[Exception], tries: int
) -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise failure

    async with talking_to(respond) as stp:
        with pytest.raises(means):
            await ask(stp)
    assert len(seen) == tries


@pytest.mark.parametrize("name", ODD_BODIES)
@pytest.mark.parametrize("ask", LOOKS.values(), ids=LOOKS)
async def test_an_odd_body_teaches_nothing(ask: Ask, name: str) -> None:
    for status in (200, 400, 403):
        async with talking_to(lambda _, status=status: httpx.Response(status, content=ODD_BODIES[name])) as stp:
            with pytest.raises(NothingLearned):
                await ask(stp)


@pytest.mark.parametrize(
    "answer", [FOUND, NO_DATA, AHEAD, legacy(-100), legacy(1, ordenPago=order_json(), lst=[], saldos=[])]
)
@pytest.mark.parametrize("ask", LOOKS.values(), ids=LOOKS)
async def test_another_status_teaches_nothing_whatever_stands_in_the_body(ask: Ask, answer: Any) -> None:
    for status in (201, 204, 302, 401, 403, 404, 409):
        await nothing(ask, answer, status)


@pytest.mark.parametrize("ask", LOOKS.values(), ids=LOOKS)
async def test_a_wire_that_breaks_teaches_nothing(ask: Ask) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("lost")

    async with talking_to(respond) as stp:
        with pytest.raises(NothingLearned):
            await ask(stp)


async def test_an_order_is_found_and_read() -> None:
    order = await ask_stp(lambda stp: stp.query(KEY, day=DAY), FOUND)
    assert isinstance(order, OrderStatus)
    assert (order.key, order.amount, order.state().kind) == (KEY, 120, "success")
    assert order.settled_at == datetime(2023, 11, 6, 21, 14, 30, tzinfo=UTC)
    assert order.mismatches(key=KEY, empresa=EMPRESA, amount=120, payer=PAYER, payee=PAYEE) == ()


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("rest", [{}, {"respuesta": None}, {"respuesta": {}}, {"respuesta": []}, {"respuesta": ""}])
async def test_absence_is_only_what_stp_calls_so(status: int, rest: dict[str, Any]) -> None:
    def ask(stp: Stp) -> Awaitable[Any]:
        return stp.query(KEY)

    assert await ask_stp(ask, NO_DATA | rest, status) is Absence.NOT_FOUND
    assert await ask_stp(ask, NO_DATA | rest | {"estado": "6"}, status) is Absence.NOT_FOUND
    assert await ask_stp(ask, AHEAD | rest, status) is Absence.DATE_AHEAD


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"estado": 2, "mensaje": "bad request"}, 400),
        ({"estado": 3, "mensaje": "Error de conexión"}, 400),
        ({"estado": 99}, 400),
        ({"estado": 0, "respuesta": None}, 200),
        ({"estado": 0}, 200),
        ({"estado": None}, 400),
        ({"estado": True}, 400),
        ({"estado": 6.0}, 400),
        ({"mensaje": "No se encontraron datos relacionados"}, 400),
        (FOUND, 400),
        (FOUND | {"estado": 3}, 200),
        (FOUND | {"estado": None}, 200),
        (FOUND | {"estado": 6}, 200),
        (FOUND | {"estado": 6}, 400),
        (FOUND | {"respuesta": [order_json()]}, 200),
        (FOUND | {"respuesta": order_json(claveRastreo="OTHER")}, 200),
        (FOUND | {"respuesta": order_json(claveRastreo=KEY.lower())}, 200),
        (FOUND | {"respuesta": order_json(empresa="OTHER")}, 200),
        (FOUND | {"respuesta": order_json(estado=None)}, 200),
        (FOUND | {"respuesta": order_json(monto="1,20")}, 200),
    ],
    ids=str,
)
async def test_an_unclear_look_teaches_nothing(answer: dict[str, Any], status: int) -> None:
    await nothing(lambda stp: stp.query(KEY), answer, status)


async def test_an_order_whose_amount_or_account_is_another_is_told_as_it_is() -> None:
    order = await ask_stp(
        lambda stp: stp.query(KEY), FOUND | {"respuesta": order_json(monto=7, cuentaBeneficiario=PAYER)}
    )
    assert order.mismatches(key=KEY, empresa=EMPRESA, amount=120, payee=PAYEE) == ("amount", "payee")


async def test_the_older_query_finds_an_order_or_says_that_there_is_none() -> None:
    def ask(stp: Stp) -> Awaitable[Any]:
        return stp.legacy_query(KEY)

    order = await ask_stp(ask, legacy(1, ordenPago=order_json(tsEntrega=1.5, usuario=None)))
    assert order.amount == 120
    for number in (-100, "-100"):
        text = "No se encontró la orden con rastreo K"
        assert await ask_stp(ask, legacy(number, descripcionError=text)) is Absence.NOT_FOUND


@pytest.mark.parametrize(
    "answer",
    [
        legacy(0, descripcionError="Firma invalida No entity found for query"),
        legacy(0, descripcionError="Firma invalida Firma Invalida"),
        legacy(0, descripcionError="No se encontraron ordenes"),
        legacy(1),
        legacy(1, ordenPago=None),
        legacy(1, ordenPago=order_json(), descripcionError="Error"),
        legacy(1, ordenPago=order_json(claveRastreo="OTHER")),
        legacy(1, ordenPago=order_json(empresa="OTHER")),
        legacy(-100, ordenPago=order_json()),
        legacy(9349827, ordenPago=order_json()),
        legacy(True, ordenPago=order_json()),
        legacy(None),
        {"resultado": []},
    ],
    ids=str,
)
async def test_an_unclear_answer_of_the_older_query_teaches_nothing(answer: Any) -> None:
    await nothing(lambda stp: stp.legacy_query(KEY), answer)


async def test_a_signature_that_fits_nothing_is_not_taken_for_absence() -> None:
    text = "Firma invalida No entity found for query"
    assert text in await nothing(lambda stp: stp.legacy_query(KEY), legacy(0, descripcionError=text))


def pages(*lists: list[Any], total: Any) -> Callable[[httpx.Request], httpx.Response]:
    def respond(request: httpx.Request) -> httpx.Response:
        page = json.loads(request.content)["page"]
        rows = lists[page] if page < len(lists) else []
        return httpx.Response(200, json={"estado": 0, "mensaje": "", "datos": rows, "total": total})

    return respond


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [order_json(claveRastreo=f"K{number}", idEF=number) for number in range(first, last)]


@pytest.mark.parametrize(
    ("lists", "total"),
    [
        ([rows(0, 5)], 5),
        ([rows(0, 3), rows(3, 5)], 5),
        ([rows(0, 3), rows(3, 5)], "5"),
        ([[*rows(0, 3), None], [*rows(3, 5), None]], 5),
        ([rows(0, 3), rows(2, 5)], 5),  # an order that came meanwhile moved the others to the next page
        ([rows(0, 1), rows(1, 2), rows(2, 3), rows(3, 4), rows(4, 5)], 5),
    ],
)
async def test_the_list_of_a_day_is_read_to_its_end(lists: list[list[Any]], total: Any) -> None:
    async with talking_to(pages(*lists, total=total)) as stp:
        assert [status.key for status in await stp.reconciliation("E", DAY)] == ["K0", "K1", "K2", "K3", "K4"]


@pytest.mark.parametrize("total", [6, None, -1, "many", True])
async def test_a_part_of_the_list_is_no_list(total: Any) -> None:
    async with talking_to(pages(rows(0, 3), rows(3, 5), total=total)) as stp:
        with pytest.raises(NothingLearned):
            await stp.reconciliation()


async def test_a_list_that_repeats_its_page_ends() -> None:
    page_numbers: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        page_numbers.append(json.loads(request.content)["page"])
        return httpx.Response(200, json={"datos": rows(0, 3), "total": 9})

    async with talking_to(respond) as stp:
        with pytest.raises(NothingLearned):
            await stp.reconciliation()
    assert page_numbers == [0, 1]


async def test_a_page_that_fails_makes_the_list_none() -> None:
    for answer, status in ((NO_DATA, 400), (AHEAD, 400), ({"estado": 3}, 400), ({"estado": 0, "datos": [7]}, 200)):

        def respond(request: httpx.Request, answer: Any = answer, status: int = status) -> httpx.Response:
            if json.loads(request.content)["page"] == 0:
                return httpx.Response(200, json={"datos": rows(0, 3), "total": 5})
            return httpx.Response(status, json=answer)

        async with talking_to(respond) as stp:
            with pytest.raises(NothingLearned):
                await stp.reconciliation()


async def test_a_day_without_orders_is_an_empty_list_and_a_day_to_come_is_none() -> None:
    def ask(stp: Stp) -> Awaitable[Any]:
        return stp.reconciliation("E", DAY)

    assert await ask_stp(ask, NO_DATA, 400) == []
    assert await ask_stp(ask, {"datos": [], "total": 0}) == []
    assert await ask_stp(ask, {"datos": None, "total": 0}) == []
    await nothing(ask, AHEAD, 400)
    await nothing(ask, {"estado": 3, "mensaje": "Error de conexión"}, 400)
    await nothing(ask, {"estado": 2, "datos": rows(0, 1), "total": 1})
    await nothing(ask, {"datos": [order_json(empresa="OTHER")], "total": 1})
    await nothing(ask, NO_DATA | {"datos": rows(0, 1)}, 400)


async def test_an_error_keeps_no_account_number_and_no_signature() -> None:
    words = f"Cuenta {PAYER} - {{No encontrada}}"
    for answer in ({"estado": 3, "mensaje": words}, legacy(0, descripcionError=words)):
        for ask in LOOKS.values():
            assert PAYER not in await nothing(ask, answer)
    async with talking_to(says(FOUND)) as stp:
        assert "PRIVATE" not in repr(stp)


@pytest.mark.parametrize("name", REQUESTS)
@given(
    answer=st.fixed_dictionaries(
        {},
        optional={
            "estado": JSON_LIKE,
            "respuesta": JSON_LIKE | st.builds(lambda state: order_json(estado=state), JSON_LIKE),
            "datos": JSON_LIKE | st.just([order_json(), None]),
            "total": JSON_LIKE,
            "resultado": JSON_LIKE
            | st.fixed_dictionaries({"id": JSON_LIKE}, optional={"ordenPago": JSON_LIKE, "lst": JSON_LIKE}),
        },
    )
    | JSON_LIKE,
    status=st.sampled_from([200, 400, 403]),
)
async def test_no_answer_raises_anything_but_what_is_documented(name: str, answer: Any, status: int) -> None:
    body = json.dumps(answer).encode()
    async with talking_to(lambda _: httpx.Response(status, headers=JSON, content=body)) as stp:
        try:
            await REQUESTS[name][0](stp)
        except NothingLearned:
            assert name in LOOKS
