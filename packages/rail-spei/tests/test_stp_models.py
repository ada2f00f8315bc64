"""An order is read in every form STP writes it in, exactly where money or identity hangs on it."""

import contextlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rail_spei.stp.models import DayPage, LegacyAnswer, OrderAnswer, OrderStatus
from rail_spei.stp.parser import UnreadableJson, displayable, fold_text, parse_int, parse_json

from .stp_support import EMPRESA, JSON_LIKE, KEY, ODD_BODIES, PAYEE, PAYER, order_json

OURS: dict[str, Any] = {"key": KEY, "empresa": EMPRESA, "amount": 120, "payer": PAYER, "payee": PAYEE}


def read(**changes: Any) -> OrderStatus:
    """An order that went over the wire."""
    return OrderStatus.model_validate(parse_json(json.dumps(order_json(**changes)).encode()))


def written(body: str) -> OrderStatus:
    return OrderStatus.model_validate(parse_json(body.encode()))


def test_an_order_as_it_was_recorded_is_read_whole() -> None:
    order = read()
    assert (order.number, order.key, order.empresa, order.amount) == (9349827, KEY, EMPRESA, 120)
    assert (order.payer_account, order.payee_account) == (PAYER, PAYEE)
    assert order.state().kind == "success"
    assert order.day == date(2023, 11, 6)
    assert order.captured_at == datetime(2023, 11, 6, 21, 14, 28, 142_000, UTC), "15:14:28 in Mexico City"
    assert order.settled_at == datetime(2023, 11, 6, 21, 14, 30, tzinfo=UTC)
    assert order.cause is None
    assert (order.institution, order.operating_institution, order.payment_type) == (40072, 90646, 1)
    assert order.cep_link == "https://www.banxico.org.mx/cep/go?i=90646&s=20160607&d=abc%2F"
    assert (order.cep_name, order.payee_name, order.concept) == ("RICARDO SANCHEZ", "Ricardo Sanchez", "Prueba")
    assert order.reference == "5273144"


def test_numbers_may_come_as_strings() -> None:
    strings = {name: str(value) if type(value) in {int, float} else value for name, value in order_json().items()}
    assert OrderStatus.model_validate(strings) == read()


def test_what_is_null_or_missing_is_not_guessed() -> None:
    nulls: dict[str, Any] = {**dict.fromkeys(order_json()), "claveRastreo": KEY, "estado": "A"}
    least = {"claveRastreo": KEY, "estado": "A"}
    assert OrderStatus.model_validate(nulls) == OrderStatus.model_validate(least)
    assert OrderStatus.model_validate(least).amount is None
    assert OrderStatus.model_validate(least | {"nuevo": {"a": [1]}}).key == KEY, (
        "a field that is new to us is its right"
    )


@pytest.mark.parametrize("name", ["claveRastreo", "estado"])
@pytest.mark.parametrize("value", [None, "", "  ", "null", True, 1.5, [KEY], {}])
def test_an_order_without_key_or_state_is_none(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        read(**{name: value})


@pytest.mark.parametrize(
    ("pesos", "centavos"),
    [
        ("1.2", 120),
        ("1.20", 120),
        ("0.01", 1),
        ("8.29", 829),
        ("1.15", 115),
        ("500", 50_000),
        ("500.0", 50_000),
        ("5E+2", 50_000),
        ("9999999999.99", 999_999_999_999),
        ("90071992547409.93", 9_007_199_254_740_993),
        ('"1.2"', 120),
        ('"1234567.89"', 123_456_789),
        ('" 1.2 "', 120),
        ('"90071992547409.93"', 9_007_199_254_740_993),
        ("null", None),
        ('""', None),
    ],
)
def test_an_amount_is_exact_to_the_centavo(pesos: str, centavos: int | None) -> None:
    order = written(f'{{"claveRastreo": "{KEY}", "estado": "LQ", "monto": {pesos}}}')
    assert order.amount == centavos


@pytest.mark.parametrize(
    "pesos",
    [
        "1.005",
        "0.001",
        '"1,200.00"',
        '"1_200"',
        '"$1.20"',
        '"1e2"',
        '"NaN"',
        '"\u0661"',
        "true",
        "[1]",
        "{}",
        "1e400",
        "9" * 60,
    ],
)
def test_an_amount_that_is_none_makes_the_answer_none(pesos: str) -> None:
    with pytest.raises(ValidationError):
        written(f'{{"claveRastreo": "{KEY}", "estado": "LQ", "monto": {pesos}}}')


@given(st.integers(0, 10**15))
def test_every_amount_survives_the_wire_as_number_and_as_text(centavos: int) -> None:
    pesos = f"{centavos // 100}.{centavos % 100:02d}"
    for wire in (pesos, f'"{pesos}"', pesos.rstrip("0") + "0"):
        assert written(f'{{"claveRastreo": "K", "estado": "LQ", "monto": {wire}}}').amount == centavos


@pytest.mark.parametrize("value", [None, 0, "0", "", "null", -1, "x", True, 1.5, 10**18, "9" * 19, [], "2023-11-06"])
def test_a_time_that_is_none_leaves_the_state_as_it_is(value: Any) -> None:
    order = read(tsLiquidacion=value)
    assert order.settled_at is None
    assert order.state().kind == "success"


@given(st.integers(1, 253_402_300_799_999))
def test_milliseconds_are_an_instant_in_utc_up_to_the_end_of_the_calendar(milliseconds: int) -> None:
    at = read(tsLiquidacion=milliseconds).settled_at
    assert at is not None
    assert at - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(milliseconds=milliseconds)
    assert read(tsLiquidacion=str(milliseconds)).settled_at == at


@pytest.mark.parametrize("value", [None, 0, "", 20231301, 20230230, 2023, -20231106, "2023-11-06", True, 1e7, 10**18])
def test_a_day_that_is_none_is_left_out(value: Any) -> None:
    assert read(fechaOperacion=value).day is None


@pytest.mark.parametrize("value", [20231106, "20231106"])
def test_a_day_is_a_number_or_a_text(value: Any) -> None:
    assert read(fechaOperacion=value).day == date(2023, 11, 6)


def test_an_account_that_came_as_a_number_gets_its_zeros_back() -> None:
    order = read(cuentaBeneficiario=14027000005555558)
    assert order.payee_account == "014027000005555558"


@pytest.mark.parametrize(("value", "code"), [(1, "1"), ("16", "16"), (29, "29"), ("Cuenta inexistente", "")])
def test_a_cause_is_a_number_or_a_text(value: Any, code: str) -> None:
    cause = read(estado="D", causaDevolucion=value).cause
    assert cause is not None
    assert cause.code == code


@pytest.mark.parametrize("value", [None, 0, "0", "", "null"])
def test_no_cause_is_none(value: Any) -> None:
    assert read(causaDevolucion=value).cause is None


@pytest.mark.parametrize(
    "link",
    [
        None,
        "",
        "javascript:alert(1)",
        "http://banxico.org.mx/x",
        "https://a b",
        "https://" + "x" * 3000,
        7,
        ["https://x"],
    ],
)
def test_nothing_but_a_whole_https_address_is_a_link(link: Any) -> None:
    assert read(urlCEP=link).cep_link == ""


def test_words_of_strangers_are_cleaned_and_bounded() -> None:
    order = read(conceptoPago="Pay\u202eme\n\x00 now", nombreBeneficiario="x" * 10_000, nombreCep=["a"], rfcCep="null")
    assert order.concept == "Pay me now"
    assert len(order.payee_name) == 200
    assert order.cep_name == order.cep_taxpayer == ""


def test_it_is_our_order_where_everything_that_was_told_is_ours() -> None:
    assert read().mismatches(**OURS) == ()
    assert read(empresa=None, monto=None, cuentaOrdenante=None, cuentaBeneficiario="").mismatches(**OURS) == ()
    assert read().mismatches(key=KEY, empresa=EMPRESA) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"claveRastreo": KEY.lower()}, "key"),
        ({"claveRastreo": KEY + "0"}, "key"),
        ({"empresa": "OTHER"}, "empresa"),
        ({"monto": 1.21}, "amount"),
        ({"monto": 0}, "amount"),
        ({"monto": -1.2}, "amount"),
        ({"cuentaOrdenante": "646180157000000004"}, "payer"),
        ({"cuentaBeneficiario": PAYER}, "payee"),
        ({"cuentaBeneficiario": PAYEE[:-1]}, "payee"),
    ],
)
def test_it_is_another_order_where_one_thing_differs(changes: dict[str, Any], field: str) -> None:
    assert read(**changes).mismatches(**OURS) == (field,)


@pytest.mark.parametrize("name", ["empresa", "cuentaOrdenante", "cuentaBeneficiario"])
@pytest.mark.parametrize("value", [True, 1.5, [PAYEE], {"a": 1}])
def test_what_tells_orders_apart_is_read_or_the_answer_is_none(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        read(**{name: value})


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (-24, -24), ("-24", -24), ("007", 7), (10**18, 10**18), (10**19, None), ("9" * 20, None)]
    + [
        (odd, None)
        for odd in (None, True, 1.0, "", " 1", "1 ", "+1", "1_0", "0x1", "1.0", "\u00b2", "\u0661", "-", b"1", [1])
    ],
)
def test_a_whole_number_is_one_however_it_is_written_and_nothing_else_is(value: Any, number: int | None) -> None:
    assert parse_int(value) == number


def test_long_numbers_are_masked_and_short_ones_are_not() -> None:
    assert displayable("cuenta 646180110400000007, fecha 20231106") == "cuenta **************0007, fecha 20231106"


@given(st.text())
def test_a_text_is_compared_without_case_accents_or_spaces(text: str) -> None:
    assert fold_text(f"  {text}  ") == fold_text(text)
    assert fold_text("SE RECIBIÓ") == fold_text("se  recibio")
    displayable(text)


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
@pytest.mark.parametrize("kind", [OrderAnswer, DayPage, LegacyAnswer])
def test_an_odd_body_is_no_answer_and_nothing_worse(kind: Any, body: bytes) -> None:
    with contextlib.suppress(UnreadableJson, ValidationError):
        assert "order" not in kind.model_validate(parse_json(body)).model_dump(exclude_none=True)


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with contextlib.suppress(UnreadableJson):
        parse_json(body)


NAMES = [
    "claveRastreo",
    "estado",
    "monto",
    "empresa",
    "cuentaBeneficiario",
    "tsLiquidacion",
    "fechaOperacion",
    "causaDevolucion",
    "urlCEP",
    "idEF",
    "nombreCep",
    "institucionContraparte",
]
ORDER = st.dictionaries(st.sampled_from(NAMES), JSON_LIKE) | st.builds(
    lambda changes: order_json(**changes), st.dictionaries(st.sampled_from(NAMES), JSON_LIKE, max_size=2)
)
ANSWER = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "estado": JSON_LIKE,
            "mensaje": JSON_LIKE,
            "respuesta": ORDER | JSON_LIKE,
            "datos": st.lists(ORDER | st.none(), max_size=3) | JSON_LIKE,
            "total": JSON_LIKE,
            "resultado": st.fixed_dictionaries(
                {},
                optional={
                    "id": JSON_LIKE,
                    "descripcionError": JSON_LIKE,
                    "ordenPago": ORDER | JSON_LIKE,
                    "lst": st.lists(ORDER | st.none(), max_size=3) | JSON_LIKE,
                    "saldos": JSON_LIKE,
                },
            )
            | JSON_LIKE,
        },
    ),
    JSON_LIKE,
)


@pytest.mark.parametrize("kind", [OrderStatus, OrderAnswer, DayPage, LegacyAnswer])
@given(answer=ANSWER | ORDER)
def test_no_json_breaks_a_model(kind: Any, answer: Any) -> None:
    try:
        model = kind.model_validate(parse_json(json.dumps(answer).encode()))
    except (ValidationError, UnreadableJson):
        return
    if isinstance(model, OrderStatus):
        assert model.amount is None or type(model.amount) is int
        assert model.key
        model.state()
        model.mismatches(**OURS)
