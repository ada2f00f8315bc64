"""A CEP is of the expected payment in every field, or it says in which it is not."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_spei.cep import NotACep, calendar_date, differences, handed_in, read_cep

from .cep_support import EXPECTED, document, expected


def test_the_cep_of_the_payment_differs_in_nothing() -> None:
    assert differences(read_cep(document()), EXPECTED) == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tracking_key": "TIENDA241108ABCDEF012345678"}, "claveRastreo"),
        ({"tracking_key": "tienda241108ABCDEF0123456789"}, "claveRastreo"),
        ({"amount": 985_871}, "MontoPago"),
        ({"amount": 98_587_000}, "MontoPago"),
        ({"account": "014027000005555559"}, "Cuenta"),
        ({"account": "14027000005555558"}, "Cuenta"),
        ({"receiver": "40012"}, "ClaveSPEI"),
        ({"operating_date": date(2024, 11, 7)}, "FechaOperacion"),
        ({"credited_on": date(2024, 11, 8)}, "date"),
    ],
)
def test_a_cep_that_differs_says_in_which_field(change: dict[str, Any], field: str) -> None:
    assert differences(read_cep(document()), expected(**change)) == (field,)


def test_all_fields_that_differ_are_named() -> None:
    other = expected(tracking_key="X", amount=1, account="1", receiver="40012", credited_on=date(2020, 1, 1))
    assert differences(read_cep(document()), other) == ("claveRastreo", "MontoPago", "Cuenta", "ClaveSPEI", "date")


def test_banxico_itself_has_four_digits_with_or_without_a_zero() -> None:
    cep = read_cep(document().replace(b'ClaveSPEI="40014"', b'ClaveSPEI="2001"').replace(b"|40014|", b"|2001|"))
    assert differences(cep, expected(receiver="02001")) == ()


def test_a_cep_that_was_handed_in_is_unverified_even_where_it_fits() -> None:
    handed = handed_in(document(), EXPECTED)
    assert handed.label == "unverified"
    assert handed.cep.source == "unverified"
    assert handed.differs == ()
    assert handed_in(document(), expected(amount=1)).differs == ("MontoPago",)
    with pytest.raises(NotACep):
        handed_in(b"%PDF-1.4", EXPECTED)


def test_the_calendar_date_comes_before_the_operating_date() -> None:
    assert EXPECTED.dates == (date(2024, 11, 7), date(2024, 11, 8))
    assert expected(operating_date=date(2024, 11, 7)).dates == (date(2024, 11, 7),)


def test_the_calendar_date_is_the_one_of_mexico_city() -> None:
    assert calendar_date(datetime(2024, 11, 8, 5, 59, 59, tzinfo=UTC)) == date(2024, 11, 7)
    assert calendar_date(datetime(2024, 11, 8, 6, 0, 0, tzinfo=UTC)) == date(2024, 11, 8)
    assert calendar_date(datetime(2022, 7, 1, 5, 0, 0, tzinfo=UTC)) == date(2022, 7, 1)  # daylight saving, then
    with pytest.raises(ValueError, match="time zone"):
        calendar_date(datetime(2024, 11, 8))  # noqa: DTZ001


@given(st.integers(1, 2**53 - 1))
def test_the_form_is_given_pesos_that_are_exactly_the_centavos(amount: int) -> None:
    pesos = expected(amount=amount).pesos
    assert Decimal(pesos) * 100 == amount
    assert pesos[-3] == "."


@pytest.mark.parametrize("amount", [1.0, True, "1", None])
def test_an_amount_is_an_int_of_centavos(amount: Any) -> None:
    with pytest.raises(TypeError):
        expected(amount=amount)
