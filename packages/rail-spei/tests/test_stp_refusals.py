"""STP says yes, no and "I do not know" with HTTP 200: only a clear yes is one, and only a catalogued no."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_spei.codes import CODES, ERRORS
from rail_spei.stp.refusals import (
    CATALOGUE,
    REFUSALS,
    OrderAccepted,
    OrderRefusal,
    OrderUnclear,
    Outcome,
    RefusalKind,
    classify,
    classify_return,
)

from .stp_support import HTML, JSON, JSON_LIKE, ODD_BODIES, PAGE

pytestmark = pytest.mark.once

# STP's catalogue, written down here a second time: id, text, class, our code. F and C and R took nothing.
DOCUMENTED: list[tuple[int, str, str, str]] = [
    (0, "No se recibió respuesta del servicio", "U", ""),
    (0, "Error validando la firma", "C", "SPEI_SIGNATURE_REJECTED"),
    (0, "Firma invalida No entity found for query", "U", ""),
    (0, "Firma invalida Firma Invalida", "C", "SPEI_SIGNATURE_REJECTED"),
    (0, "El campo conceptoPago es obligatorio", "F", "SPEI_INVALID_FIELD"),
    (0, "El campo MONTO es obligatorio.", "F", "SPEI_INVALID_FIELD"),
    (0, "Otros", "U", ""),
    (0, "", "U", ""),
    (1, "", "F", "SPEI_INVALID_FIELD"),
    (2, "", "F", "SPEI_INVALID_FIELD"),
    (3, "", "C", "SPEI_SOURCE_ACCOUNT_REJECTED"),
    (4, "", "F", "SPEI_INVALID_CLABE"),
    (5, "", "D", ""),
    (6, "", "C", "SPEI_SOURCE_ACCOUNT_REJECTED"),
    (7, "", "C", "SPEI_SOURCE_ACCOUNT_REJECTED"),
    (8, "", "F", "SPEI_INVALID_FIELD"),
    (-1, "La clave de rastreo {K} para la fecha {20231106} de la institucion {90646} ya fue utilizada", "D", ""),
    (-2, "", "D", ""),
    (-3, "", "F", "SPEI_INVALID_FIELD"),
    (-5, "", "F", "SPEI_INVALID_FIELD"),
    (-6, "", "C", "SPEI_INVALID_FIELD"),
    (-7, "La cuenta {646180110400000007} no existe", "C", "SPEI_SOURCE_ACCOUNT_REJECTED"),
    (-9, "La Institucion 90679 no es valida", "F", "SPEI_INSTITUTION_INACTIVE"),
    (-10, "", "C", "SPEI_INVALID_FIELD"),
    (-11, "El tipo de cuenta 3 es invalido", "F", "SPEI_ACCOUNT_TYPE_NOT_SUPPORTED"),
    (-12, "", "C", "SPEI_INVALID_FIELD"),
    (-13, "", "C", "SPEI_INVALID_FIELD"),
    (-14, "", "C", "SPEI_INVALID_FIELD"),
    (-16, "", "F", "SPEI_INVALID_FIELD"),
    (-17, "", "C", "SPEI_INVALID_FIELD"),
    (-18, "", "C", "SPEI_INVALID_FIELD"),
    (-20, "El monto {500.0} no es válido", "F", "SPEI_INVALID_AMOUNT"),
    (-21, "", "F", "SPEI_INVALID_CLABE"),
    (-22, "La cuenta CLABE {072} no coincide para la institucion operante {40002}", "F", "SPEI_INVALID_CLABE"),
    (-23, "", "F", "SPEI_INVALID_CLABE"),
    (-24, "Cuenta {646180110400000007} - {MISMA_CUENTA}", "F", "SPEI_SAME_ACCOUNT"),
    (-26, "", "F", "SPEI_INVALID_TRACKING_KEY"),
    (-30, "", "R", "SPEI_PROVIDER_MAINTENANCE"),
    (-31, "La Institucion 90646 no es valida para operar con POA", "F", "SPEI_INSTITUTION_INACTIVE"),
    (-34, "Clave rastreo invalida : X", "F", "SPEI_INVALID_TRACKING_KEY"),
    (-100, "No se encontró la orden con rastreo K", "U", ""),
    (-200, "Orden sin cuenta ordenante. Se rechaza por PLD", "F", "SPEI_COMPLIANCE_REJECTED"),
    (-4, "", "U", ""),
    (-8, "", "U", ""),
    (-999, "Algo nuevo", "U", ""),
    (9, "", "U", ""),
    (200, "", "U", ""),
    (999, "", "U", ""),
    (1000, "Algo nuevo", "U", ""),
    (9349827, "Algo nuevo", "U", ""),
    (-9349827, "", "U", ""),
]


def result(**result: Any) -> bytes:
    return json.dumps({"resultado": result}, ensure_ascii=False).encode()


def outcome_of(body: bytes, status: int = 200) -> Outcome:
    return classify(status, JSON, body)


def summary(one: Outcome) -> tuple[str, str]:
    """Class and code of an outcome."""
    match one:
        case OrderAccepted():
            return "accepted", ""
        case OrderRefusal():
            return one.kind.value, ERRORS[one.row_code].code
        case OrderUnclear():
            known = one.provider_code in {"-1", "-2", "5"} and not one.provider_message.startswith("No se recibi")
            return ("D" if known else "U"), ""


@pytest.mark.parametrize(("number", "text", "kind", "code"), DOCUMENTED)
def test_every_id_of_the_catalogue_means_what_it_says(number: int, text: str, kind: str, code: str) -> None:
    one = outcome_of(result(id=number, descripcionError=text))
    assert summary(one) == (kind, code)
    assert not isinstance(one, OrderAccepted)
    assert one.provider_code == str(number), "an operator needs the raw code"
    assert summary(outcome_of(result(id=str(number), descripcionError=text))) == (kind, code), "numbers come as strings"
    if isinstance(one, OrderRefusal):
        assert one.row_code in REFUSALS


def test_the_catalogue_has_no_row_that_is_not_tested() -> None:
    assert {row.id for row in CATALOGUE} <= {number for number, *_ in DOCUMENTED}
    assert {
        row.provider_code for row in CATALOGUE if row.kind in {RefusalKind.INPUT, RefusalKind.SETUP, RefusalKind.LATER}
    } <= {
        one.row_code
        for number, text, *_ in DOCUMENTED
        if isinstance(one := outcome_of(result(id=number, descripcionError=text)), OrderRefusal)
    }
    assert len({row.provider_code for row in CATALOGUE}) == len(CATALOGUE), (
        "a name that stands for two rows explains neither"
    )


@pytest.mark.parametrize("number", [9349827, "9349827", 1000, 10**18])
@pytest.mark.parametrize("rest", [{}, {"descripcionError": None}, {"descripcionError": ""}, {"descripcionError": "  "}])
def test_a_number_of_an_order_and_no_error_is_a_yes(number: Any, rest: dict[str, Any]) -> None:
    assert outcome_of(result(id=number, **rest)) == OrderAccepted(str(number))


def test_a_byte_order_mark_and_fields_that_are_new_to_us_change_nothing() -> None:
    body = b'\xef\xbb\xbf{"resultado":{"id":9349827,"fechaOperacion":20261123},"version":2.1}'
    assert outcome_of(body) == OrderAccepted("9349827")


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504])
def test_neither_yes_nor_no_is_believed_beside_another_status(status: int) -> None:
    assert isinstance(outcome_of(result(id=9349827), status), OrderUnclear)
    assert isinstance(outcome_of(result(id=-24, descripcionError="Cuenta"), status), OrderUnclear)


def test_an_id_of_three_digits_without_a_text_is_no_yes() -> None:
    one = outcome_of(b'{"resultado":{"id":3}}')
    assert isinstance(one, OrderRefusal)
    assert (one.kind, ERRORS[one.row_code].code) == (RefusalKind.SETUP, "SPEI_SOURCE_ACCOUNT_REJECTED")


@pytest.mark.parametrize("name", ODD_BODIES)
@pytest.mark.parametrize("status", [200, 403, 500, 502])
@pytest.mark.parametrize("read", [classify, classify_return])
def test_what_is_no_answer_is_unknown(name: str, status: int, read: Any) -> None:
    assert isinstance(read(status, JSON, ODD_BODIES[name]), OrderUnclear)


@pytest.mark.parametrize(
    "text",
    [
        "ERROR VALIDANDO LA FIRMA",
        "  error   validando la\tfirma",
        "Error validando la firma.",
        "Error validando la firma: TAMIZI",
    ],
)
def test_texts_are_known_in_any_case_and_spacing(text: str) -> None:
    assert summary(outcome_of(result(id=0, descripcionError=text))) == ("C", "SPEI_SIGNATURE_REJECTED")


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "cp1252"])
def test_another_charset_costs_accents_and_nothing_else(charset: str) -> None:
    silent = '{"resultado":{"id":0,"descripcionError":"No se recibió respuesta del servicio"}}'
    assert summary(outcome_of(silent.encode(charset))) == ("U", "")
    amount = '{"resultado":{"id":-20,"descripcionError":"El monto {500.0} no es válido"}}'
    assert summary(outcome_of(amount.encode(charset))) == ("F", "SPEI_INVALID_AMOUNT")
    assert outcome_of('{"resultado":{"id":9349827,"mensaje":"registró"}}'.encode(charset)) == OrderAccepted("9349827")


@pytest.mark.parametrize("number", [-24, -1, 3, -30, -7])
def test_stp_not_hearing_its_own_service_is_unknown_under_any_id(number: int) -> None:
    text = "No se recibió respuesta del servicio"
    assert summary(outcome_of(result(id=number, descripcionError=text))) == ("U", "")


@pytest.mark.parametrize("number", [-1, -2, 5])
def test_a_key_that_was_used_before_is_looked_up_and_never_a_refusal(number: int) -> None:
    one = outcome_of(result(id=number, descripcionError="ya fue utilizada"))
    assert isinstance(one, OrderUnclear)
    assert one.provider_code == str(number)
    assert str(number) not in REFUSALS


def test_maintenance_took_nothing_and_may_be_tried_later() -> None:
    one = outcome_of(result(id=-30))
    assert isinstance(one, OrderRefusal)
    assert one.row_code in REFUSALS
    assert ERRORS[one.row_code].retryable


def test_the_front_end_without_a_vpn_is_a_refusal_for_the_operator() -> None:
    one = classify(403, PAGE, HTML)
    assert summary(one) == ("C", "SPEI_PROVIDER_ACCESS_DENIED")
    assert isinstance(one, OrderRefusal)
    assert one.row_code in REFUSALS
    assert not ERRORS[one.row_code].retryable
    assert classify(403, {"content-type": "Text/HTML; charset=utf-8"}, b"\r\n" + HTML) == one
    assert classify_return(403, PAGE, HTML) == one


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (403, JSON, b'{"resultado":{"id":-24}}'),
        (403, PAGE, b'{"resultado":{"id":-24}}'),
        (403, PAGE, b""),
        (403, {}, HTML),
        (200, PAGE, HTML),
        (502, PAGE, HTML),
        (404, PAGE, HTML),
    ],
)
def test_another_page_is_unknown(status: int, headers: dict[str, str], body: bytes) -> None:
    assert isinstance(classify(status, headers, body), OrderUnclear)


@pytest.mark.parametrize("number", [row.id for row in CATALOGUE if row.kind is RefusalKind.INPUT and row.id])
def test_a_refusal_between_two_accounts_at_stp_is_confirmed_first(number: int) -> None:
    one = outcome_of(result(id=number, descripcionError="x"))
    assert isinstance(one, OrderRefusal)
    assert one.needs_lookup(90646)
    assert one.needs_lookup("90646")
    assert not one.needs_lookup(40072)


@pytest.mark.parametrize("number", [3, -200, -30])
def test_a_refusal_without_a_text_is_confirmed_first(number: int) -> None:
    one = outcome_of(result(id=number))
    assert isinstance(one, OrderRefusal)
    assert one.needs_lookup(40072)


@pytest.mark.parametrize(
    "one",
    [
        outcome_of(result(id=3, descripcionError="x")),
        outcome_of(result(id=-30, descripcionError="x")),
        classify(403, PAGE, HTML),
    ],
)
def test_a_refusal_that_is_not_about_the_order_needs_no_second_look(one: OrderRefusal) -> None:
    assert not one.needs_lookup(90646)


def test_words_are_kept_clean_and_without_account_numbers() -> None:
    text = "La cuenta {646180110400000007} no existe\u202e\n" + "x" * 10_000
    one = outcome_of(result(id=-7, descripcionError=text))
    assert isinstance(one, OrderRefusal)
    assert one.text.startswith("-7 La cuenta {**************0007} no existe x")
    assert len(one.provider_message) <= 200
    unknown = outcome_of(result(id=-777, descripcionError="Cuenta 646180110400000007"))
    assert isinstance(unknown, OrderUnclear)
    assert unknown.reason == "STP answered id -777: Cuenta **************0007"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ({"estado": 0, "mensaje": "Error validando la firma"}, "C", "SPEI_SIGNATURE_REJECTED"),
        ({"estado": "-1", "mensaje": "Orden no encontrada"}, "F", "SPEI_NOT_FOUND"),
        ({"estado": 0, "mensaje": "Datos consultados correctamente"}, "U", ""),
        ({"estado": 0, "mensaje": None}, "U", ""),
        ({"estado": -1}, "U", ""),
        ({"estado": -1, "mensaje": "Error validando la firma"}, "U", ""),
        ({"estado": True, "mensaje": "Orden no encontrada"}, "U", ""),
        ({"resultado": {"id": 9349827}}, "accepted", ""),
        ({"resultado": {"id": -20, "descripcionError": "El monto no es válido"}}, "F", "SPEI_INVALID_AMOUNT"),
        ({"resultado": None, "estado": -1, "mensaje": "Orden no encontrada"}, "U", ""),
        ({"id": 9349827}, "U", ""),
    ],
    ids=str,
)
def test_a_return_is_refused_by_its_own_two_errors_and_accepted_like_an_order(
    answer: dict[str, Any], kind: str, code: str
) -> None:
    one = classify_return(200, JSON, json.dumps(answer).encode())
    assert summary(one) == (kind, code)
    if isinstance(one, OrderRefusal):
        assert one.row_code in REFUSALS


def test_every_refusal_is_explained() -> None:
    assert set(REFUSALS) <= set(ERRORS)
    assert all(ERRORS[native].code in CODES for native in REFUSALS)


RESULT = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(st.sampled_from([row.id for row in CATALOGUE]), st.integers(), JSON_LIKE),
        "descripcionError": st.one_of(st.sampled_from([text for _, text, *_ in DOCUMENTED]), JSON_LIKE),
    },
)


@given(st.one_of(RESULT, JSON_LIKE), st.sampled_from([200, 403, 500]))
def test_no_json_breaks_it_and_a_yes_is_always_one(result: Any, status: int) -> None:
    one = classify(status, JSON, json.dumps({"resultado": result}).encode())
    if isinstance(one, OrderAccepted):
        assert status == 200
        assert int(result["id"]) > 999
        assert type(result["id"]) in {int, str}
        assert not (result.get("descripcionError") or "").strip()
    if isinstance(one, OrderRefusal):
        assert status == 200
        assert int(result["id"]) in {
            row.id for row in CATALOGUE if row.kind in {RefusalKind.INPUT, RefusalKind.SETUP, RefusalKind.LATER}
        }
    classify_return(status, JSON, json.dumps(result).encode())


@given(st.binary(), st.integers(100, 599), st.dictionaries(st.text(), st.text(), max_size=2))
def test_no_bytes_break_it(body: bytes, status: int, headers: dict[str, str]) -> None:
    assert not isinstance(classify(status, headers, body), OrderAccepted)
    assert not isinstance(classify_return(status, headers, body), OrderAccepted)
