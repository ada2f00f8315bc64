"""What is signed is what is sent, byte for byte as STP puts it together again."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_spei.stp.cadena import (
    TEMPLATE,
    RegisterOrder,
    SignedRequest,
    legacy,
    pesos,
    query,
    reconciliation,
    return_received,
)
from rail_spei.stp.signature import is_valid

from .golden import GOLDEN, SOAP_BALANCE_ACCOUNT, SOAP_BALANCE_FIRMA, Golden, order, public_key

# The order in which STP signs the fields of an order, written down here a second time.
STP_SIGNS = [
    "institucionContraparte",
    "empresa",
    "fechaOperacion",
    "folioOrigen",
    "claveRastreo",
    "institucionOperante",
    "monto",
    "tipoPago",
    "tipoCuentaOrdenante",
    "nombreOrdenante",
    "cuentaOrdenante",
    "rfcCurpOrdenante",
    "tipoCuentaBeneficiario",
    "nombreBeneficiario",
    "cuentaBeneficiario",
    "rfcCurpBeneficiario",
    "emailBeneficiario",
    "tipoCuentaBeneficiario2",
    "nombreBeneficiario2",
    "cuentaBeneficiario2",
    "rfcCurpBeneficiario2",
    "conceptoPago",
    "conceptoPago2",
    "claveCatUsuario1",
    "claveCatUsuario2",
    "clavePago",
    "referenciaCobranza",
    "referenciaNumerica",
    "tipoOperacion",
    "topologia",
    "usuario",
    "medioEntrega",
    "prioridad",
    "iva",
]

TEXTS = [
    "nombre_ordenante",
    "nombre_beneficiario",
    "concepto_pago",
    "clave_rastreo",
    "empresa",
    "folio_origen",
    "latitud",
]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_each_recorded_request_is_built_again_byte_for_byte(golden: Golden) -> None:
    assert golden.request.cadena() == golden.cadena


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_each_recorded_signature_is_of_the_text_that_we_build_and_of_no_other(golden: Golden) -> None:
    key, ours = public_key(), golden.request.cadena()
    assert is_valid(key, ours, golden.firma)
    for place, was in enumerate(ours):
        assert not is_valid(key, f"{ours[:place]}{'0' if was != '0' else '1'}{ours[place + 1 :]}", golden.firma)


def test_the_older_balance_signs_the_account_alone() -> None:
    assert is_valid(public_key(), SOAP_BALANCE_ACCOUNT, SOAP_BALANCE_FIRMA)
    assert not is_valid(public_key(), f"||{SOAP_BALANCE_ACCOUNT}||", SOAP_BALANCE_FIRMA)


def test_each_of_the_34_fields_stands_in_its_own_place() -> None:
    """From an implementation that shares nothing with the others: every field holds its own name."""
    named: dict[str, Any] = {
        field.name: name for field, name in zip(fields(RegisterOrder), [*STP_SIGNS, "latitud", "longitud"], strict=True)
    }
    numbers = {"monto": 10_000, "tipo_pago": 1, "tipo_cuenta_ordenante": 3, "referencia_numerica": 12345, "iva": 16}
    known = {"institucion_contraparte": "846", "fecha_operacion": date(2023, 5, 16), "institucion_operante": "90646"}
    cadena = RegisterOrder(**(named | numbers | known)).cadena()
    assert cadena.startswith("||846|empresa|20230516|folioOrigen|claveRastreo|90646|100.00|1|3|nombreOrdenante|")
    assert cadena.endswith("|12345|tipoOperacion|topologia|usuario|medioEntrega|prioridad|0.16||")
    values = cadena.removeprefix("||").removesuffix("||").split("|")
    assert [name for name, value in zip(STP_SIGNS, values, strict=True) if value != name] == [
        "institucionContraparte",
        "fechaOperacion",
        "institucionOperante",
        "monto",
        "tipoPago",
        "tipoCuentaOrdenante",
        "referenciaNumerica",
        "iva",
    ]


def test_what_is_left_out_at_the_end_is_still_there_as_nothing() -> None:
    betmaster = RegisterOrder(
        institucion_contraparte="123",
        empresa="BETMASTER_MX",
        clave_rastreo="test1",
        monto=1,
        nombre_ordenante="REINVENT MXLATAM SA DE CV",
        cuenta_ordenante="646180301503000001",
        rfc_curp_ordenante="ND",
        nombre_beneficiario="S.A. de C.V.",
        cuenta_beneficiario="646180110400000007",
        concepto_pago="test REST",
        referencia_numerica=123456,
    )
    assert replace(betmaster, medio_entrega=None).cadena() == (  # type: ignore[arg-type]  # theirs left it out
        "||123|BETMASTER_MX|||test1|90646|0.01|1|40|REINVENT MXLATAM SA DE CV|646180301503000001|ND|40|S.A. de C.V."
        "|646180110400000007|ND||||||test REST||||||123456||||||||"
    )


def test_the_order_of_the_fields_is_the_one_that_stp_signs() -> None:
    assert list(TEMPLATE) == STP_SIGNS


def test_zero_is_not_nothing() -> None:
    with_zero, without = order("K1"), replace(order("K1"), prioridad=None)
    assert with_zero.cadena().endswith("|T||3|0|||")
    assert without.cadena().endswith("|T||3||||")
    assert with_zero.json()["prioridad"] == 0
    assert "prioridad" not in without.json()
    assert replace(with_zero, iva=0).cadena().endswith("|3|0|0.00||")


def test_what_is_left_out_is_not_in_the_body() -> None:
    assert order("K1").json() == {
        "institucionContraparte": "40072",
        "empresa": "TAMIZI",
        "claveRastreo": "K1",
        "institucionOperante": "90646",
        "monto": "1.20",
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
    }


def test_the_place_of_the_caller_is_sent_and_not_signed() -> None:
    placed = replace(order("K1"), latitud="19.4326", longitud="-99.1332")
    assert placed.cadena() == order("K1").cadena()
    assert {**order("K1").json(), "latitud": "19.4326", "longitud": "-99.1332"} == placed.json()


@pytest.mark.parametrize(
    ("centavos", "written"),
    [(1, "0.01"), (10, "0.10"), (99, "0.99"), (100, "1.00"), (120, "1.20"), (123_456_789, "1234567.89"), (0, "0.00")],
)
def test_an_amount_is_pesos_with_two_decimals_and_nothing_between_the_thousands(centavos: int, written: str) -> None:
    assert pesos(centavos) == written


@given(st.integers(0, 10**17))
def test_no_centavo_is_lost_on_the_way_to_pesos(centavos: int) -> None:
    whole, point, rest = pesos(centavos).partition(".")
    assert (point, len(rest), int(whole) * 100 + int(rest)) == (".", 2, centavos)


@pytest.mark.parametrize("amount", [1.0, 500.5, True, "1.20", float("nan")])
def test_an_amount_that_is_no_integer_is_refused(amount: Any) -> None:
    with pytest.raises(TypeError):
        pesos(amount)
    with pytest.raises(TypeError):
        return_received(empresa="E", day=date(2026, 3, 9), key="K1", return_key="K2", amount=amount)


@pytest.mark.parametrize("amount", [1.0, 500.5, True, "1.20", 0, -1, None])
def test_no_order_is_made_of_an_amount_that_is_not_one(amount: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        replace(order("K1"), monto=amount)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "bad",
    ["a|b", "|", "a\nb", "a\tb", "a\x00", "a\x7fb", "Peña", "a\u00a0b", "\u202ea", "\ud800", "\uff11", "", " a", "a "],
    ids=ascii,
)
def test_nothing_that_would_move_or_change_the_signed_text_passes(name: str, bad: str) -> None:
    with pytest.raises(ValueError, match=name.split("_")[0]):
        replace(order("K1"), **{name: bad})


def test_a_refused_field_is_named_and_not_shown() -> None:
    for bad in ("Juana|Inés", "Juana|Ines", "Juana\nInes", "Juana "):
        with pytest.raises(ValueError, match="nombreBeneficiario") as refused:
            replace(order("K1"), nombre_beneficiario=bad)
        assert "Juana" not in str(refused.value)


@pytest.mark.parametrize("bad", ["a|b", "a\nb", "é", ""])
def test_no_query_can_be_made_to_ask_something_else(bad: str) -> None:
    asks: tuple[Callable[[], SignedRequest], ...] = (
        lambda: query("E", bad, "E"),
        lambda: query(bad, "K", "E"),
        lambda: reconciliation(bad, "R"),
        lambda: legacy(empresa="E", key=bad),
        lambda: return_received(empresa="E", day=date(2026, 3, 9), key=bad, return_key="K2", amount=1),
        lambda: return_received(empresa="E|", day=date(2026, 3, 9), key="K1", return_key="K2", amount=1),
    )
    for ask in asks:
        with pytest.raises(ValueError, match=r"holds|is empty"):
            ask()


@pytest.mark.parametrize("bad", [1.0, True, b"bytes", datetime(2026, 3, 9, 12, tzinfo=UTC), ["a"]])
def test_only_text_integers_and_days_are_signed(bad: Any) -> None:
    with pytest.raises(TypeError, match="field"):
        SignedRequest({"field": bad})
    with pytest.raises(TypeError, match="field"):
        SignedRequest({}, {"field": bad})


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in fields(RegisterOrder)]),
        st.none() | st.integers(0, 10**9) | st.text("aZ9 .|\x00ñ", max_size=4) | st.floats() | st.dates(),
    )
)
def test_whatever_is_signed_is_sent_and_whatever_is_sent_is_signed(changes: dict[str, Any]) -> None:
    try:
        variant = replace(order("K1"), **changes)
    except (TypeError, ValueError):
        return
    cadena, sent = variant.cadena(), variant.json()
    assert cadena.count("|") == 37
    assert cadena.isascii()
    signed = cadena[2:-2].split("|")
    assert {name: value for name, value in zip(STP_SIGNS, signed, strict=True) if value} == {
        name: str(value) for name, value in sent.items() if name not in {"latitud", "longitud"}
    }


def test_a_query_keeps_the_place_of_the_day_that_it_leaves_out() -> None:
    assert query("E", "K", "E").cadena() == "||E|K|E|||"
    assert query("E", "K", "E").json() == {"empresa": "E", "claveRastreo": "K", "tipoOrden": "E"}
    assert query("E", "K", "R", date(2026, 3, 9)).json()["fechaOperacion"] == "20260309"
    assert reconciliation("E", "E").cadena() == "||E|E|||"
    assert legacy(empresa="E").cadena() == "|||E" + "|" * 34


def test_a_page_is_asked_for_and_not_signed() -> None:
    second = reconciliation("E", "E", date(2026, 3, 9), page=1)
    assert second.json() == {"empresa": "E", "tipoOrden": "E", "fechaOperacion": "20260309", "page": 1}
    assert second.cadena() == reconciliation("E", "E", date(2026, 3, 9)).cadena() == "||E|E|20260309||"


def test_a_return_signs_the_money_and_not_the_company() -> None:
    return_request = return_received(
        empresa="TAMIZI", day=date(2026, 3, 9), key="MANU-00000295251", return_key="DEV1", amount=50_000
    )
    assert return_request.cadena() == "||20260309|90646|MANU-00000295251|500.00|2|DEV1|3||"
    assert return_request.json() == {
        "fechaOperacion": "20260309",
        "institucionOperante": "90646",
        "claveRastreo": "MANU-00000295251",
        "monto": "500.00",
        "digitoIdentificadorBeneficiario": 2,
        "claveRastreoDevolucion": "DEV1",
        "medioEntrega": 3,
        "empresa": "TAMIZI",
    }


def test_a_return_has_a_key_of_its_own_and_an_amount() -> None:
    for wrong in ({"return_key": "K1"}, {"amount": 0}):
        arguments: dict[str, Any] = {"key": "K1", "return_key": "K2", "amount": 1} | wrong
        with pytest.raises(ValueError, match=r"claveRastreoDevolucion|monto"):
            return_received(empresa="E", day=date(2026, 3, 9), **arguments)
