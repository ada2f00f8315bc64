"""Money is an integer of minor units; nothing is rounded, guessed or converted anywhere else."""

import ast
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import riel
from riel.money import EXPONENTS, MAX_MINOR_UNITS, MinorUnits, Money, mask_account

AMOUNT: TypeAdapter[int] = TypeAdapter(MinorUnits)
currencies = st.sampled_from(sorted(EXPONENTS))


@pytest.mark.parametrize(
    ("currency", "exponent"),
    [
        *(("MXN", 2), ("CLP", 0), ("CLF", 4), ("UYU", 2), ("UYI", 0), ("UYW", 4), ("PYG", 0), ("COP", 2), ("BRL", 2)),
        *(("ARS", 2), ("PEN", 2), ("MXV", 2), ("USD", 2), ("EUR", 2), ("GBP", 2), ("CHF", 2), ("JPY", 0), ("KRW", 0)),
        *(("VND", 0), ("ISK", 0), ("XAF", 0), ("XOF", 0), ("XPF", 0), ("UGX", 0), ("RWF", 0), ("DJF", 0), ("IDR", 2)),
        *(("BHD", 3), ("IQD", 3), ("JOD", 3), ("KWD", 3), ("LYD", 3), ("OMR", 3), ("TND", 3), ("MGA", 2), ("MRU", 2)),
    ],
)
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, exponent: int) -> None:
    assert EXPONENTS[currency] == exponent


def test_every_code_is_three_capitals_and_stands_there_once() -> None:
    assert all(re.fullmatch("[A-Z]{3}", code) for code in EXPONENTS)
    assert 150 < len(EXPONENTS) < 190
    assert not {"XXX", "XAU", "XTS", "BTC", "HRK", "MXP", "CUC", "ZWL"} & set(EXPONENTS), "no decimals, or no longer"


@given(amount=st.integers(-MAX_MINOR_UNITS, MAX_MINOR_UNITS), currency=currencies)
def test_what_is_written_in_whole_units_is_read_back_exactly(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert Money.of_decimal(money.decimal, currency) == money
    assert Money.of_decimal(str(money.decimal), currency) == money
    assert Money.of_decimal(str(money).removeprefix(currency).replace(",", "").strip(), currency) == money


@given(value=st.decimals(min_value=-(10**40), max_value=10**40), currency=currencies)
def test_a_decimal_becomes_exactly_itself_or_nothing(value: Decimal, currency: str) -> None:
    try:
        money = Money.of_decimal(value, currency)
    except ValueError:
        whole = (Fraction(value) * 10 ** EXPONENTS[currency]).denominator == 1
        assert not whole or value.copy_abs() > 10**30
    else:
        assert Fraction(money.amount, 10 ** EXPONENTS[currency]) == Fraction(value)


@pytest.mark.parametrize(
    "value",
    [
        *("0.005", "500.001", "1E-3", "0.0100000000000000000000000000001", "1234567890123456789012345678.991"),
        *("NaN", "-NaN", "sNaN", "Infinity", "-inf", "1e999999", "9" * 60, "", "abc", "1,000.00", "$5", "0x10"),
    ],
)
def test_what_cannot_be_said_in_minor_units_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="MXN is not a whole number of minor units"):
        Money.of_decimal(value, "MXN")


@pytest.mark.parametrize("value", [500.5, 0.1, float("nan"), 500, True, None, b"500"])
def test_a_float_is_never_money(value: Any) -> None:
    with pytest.raises(TypeError, match="a Decimal or a str"):
        Money.of_decimal(value, "MXN")
    if type(value) is not int:
        with pytest.raises(TypeError, match="an int of minor units"):
            Money(value, "MXN")


@pytest.mark.parametrize("currency", ["", "mxn", "MX", "XXX", "BTC", "MXN "])
def test_a_currency_that_is_none_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="not a currency of ISO 4217"):
        Money(1, currency)
    with pytest.raises(ValueError, match="not a currency of ISO 4217"):
        Money.of_decimal("1", currency)


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        500.0,
        1e3,
        True,
        "500",
        "5e2",
        None,
        float("nan"),
        float("inf"),
        MAX_MINOR_UNITS + 1,
        10**30,
        Decimal(5),
        [5],
    ],
)
def test_an_amount_from_outside_is_a_positive_integer_or_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(value)


@pytest.mark.parametrize(
    "text", ["0", "-1", "500.0", "5e2", "true", '"500"', "null", "NaN", "Infinity", "1" + "0" * 30]
)
def test_an_amount_in_json_is_a_positive_integer_or_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_json(text)


def test_the_smallest_and_the_largest_amount_pass() -> None:
    assert [AMOUNT.validate_json(str(amount)) for amount in (1, MAX_MINOR_UNITS)] == [1, MAX_MINOR_UNITS]
    assert float(MAX_MINOR_UNITS) == MAX_MINOR_UNITS
    assert float(MAX_MINOR_UNITS + 1) == float(MAX_MINOR_UNITS + 2), "one more, and a JSON client would round it"


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(123_450, "MXN"), "MXN 1,234.50"),
        (Money(1, "MXN"), "MXN 0.01"),
        (Money(1_234_567, "CLP"), "CLP 1,234,567"),
        (Money(5, "KWD"), "KWD 0.005"),
        (Money(12_345, "CLF"), "CLF 1.2345"),
        (Money(-725, "USD"), "USD -7.25"),
        (Money(MAX_MINOR_UNITS, "MXN"), "MXN 90,071,992,547,409.91"),
    ],
)
def test_people_read_it_with_every_decimal(money: Money, text: str) -> None:
    assert str(money) == text


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("012180001234567895", "**************7895"),
        ("1234567", "***4567"),
        ("123456", "******"),
        ("", ""),
        ("76.086.428-5", "********28-5"),
        ("0121 8000 1234 5678 95", "**** **** **** **** 95".replace("**** 95", "***8 95")),
        ("ana@example.com", "***********.com"),
    ],
)
def test_an_account_shows_its_last_four_or_nothing(account: str, shown: str) -> None:
    assert mask_account(account) == shown


@given(st.text(min_size=1))
def test_a_mask_shows_four_characters_at_most(account: str) -> None:
    shown = mask_account(account)
    assert len(shown) == len(account)
    assert shown[-4:] == account[-4:] or set(shown) - {"*"} <= set(account)
    assert sum(a == b and not a.isspace() and a != "*" for a, b in zip(account, shown, strict=True)) <= 4


def test_money_is_converted_in_one_place() -> None:
    root = Path(riel.__file__).parent
    converts = re.compile(r"\bDecimal\b|\bscaleb\b|\bquantize\b|EXPONENTS\[|10 ?\*\* ?2\b")
    found = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if converts.search(path.read_text())}
    assert found == {"money.py"}
    hundreds = {
        f"{path.relative_to(root)}:{node.lineno}"
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mult | ast.Div | ast.FloorDiv)
        and any(isinstance(side, ast.Constant) and side.value in {100, 0.01} for side in (node.left, node.right))
    }
    assert not hundreds
