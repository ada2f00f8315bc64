"""What names a payment is unique, well formed, and no older than the day it is made for."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rail_spei.fields import KeyPrefix, NumericReference, TrackingKey, new_tracking_key, numeric_reference
from riel import ReferenceSource
from riel.testing.harness import references

KEY: TypeAdapter[str] = TypeAdapter(TrackingKey)
PREFIX: TypeAdapter[str] = TypeAdapter(KeyPrefix)
REFERENCE: TypeAdapter[int] = TypeAdapter(NumericReference)

NOW = datetime(2026, 8, 28, 23, 59, tzinfo=UTC)
DAY = date(2026, 8, 31)
KEYS = 1_000_000


@dataclass(frozen=True, slots=True)
class ChosenNumber(ReferenceSource):
    """A source whose numbers the test chooses."""

    number: Callable[[int], int]

    def below(self, limit: int, *, ordinal: int = 0) -> int:
        return self.number(limit)


def chosen(number: Callable[[int], int]) -> ReferenceSource:
    return ChosenNumber(NOW, NOW, b"", number)


def test_a_key_is_prefix_operating_date_and_16_characters() -> None:
    assert re.fullmatch(r"RIEL260831[A-Z0-9]{16}", new_tracking_key("RIEL", DAY, references(NOW)))
    assert new_tracking_key("RIEL", DAY, chosen(lambda most: 0)) == "RIEL260831" + "0" * 16
    assert new_tracking_key("RIEL", DAY, chosen(lambda most: most - 1)) == "RIEL260831" + "Z" * 16


@given(st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True), st.dates(date(2020, 1, 1), date(2099, 12, 31)))
def test_every_key_fits_and_can_be_looked_up(prefix: str, day: date) -> None:
    key = new_tracking_key(prefix, day, references(NOW))
    assert re.fullmatch(r"[A-Z0-9]{23,28}", key)
    assert key.startswith(f"{prefix}{day:%y%m%d}")
    assert KEY.validate_python(key) == key


def random_part(key: str) -> int:
    """The number that a key was made of, read back."""
    return int(key.removeprefix("RIEL260831")[::-1], 36)


@given(st.integers(0, 36**16 - 1))
def test_a_key_is_its_random_number_and_loses_nothing_of_it(number: int) -> None:
    sizes: list[int] = []

    def below(most: int) -> int:
        sizes.append(most)
        return number

    assert random_part(new_tracking_key("RIEL", DAY, chosen(below))) == number
    assert sizes == [36**16]


@pytest.mark.once
def test_a_million_keys_of_one_day_never_repeat() -> None:
    # Each number is another key, as the test above shows, so a million numbers stand for their keys: to write every
    # one of them out would take ten times as long and tell the same.
    assert len({ReferenceSource(NOW, NOW, n.to_bytes(32)).below(36**16) for n in range(KEYS)}) == KEYS
    assert len({new_tracking_key("RIEL", DAY, references(NOW)) for _ in range(KEYS // 20)}) == KEYS // 20


@pytest.mark.parametrize("prefix", ["", "SEVENTH", "riel", "RI-L", "Ñ", "R L", "RIEL\n", "R|L"])
def test_a_prefix_that_stp_would_refuse_makes_no_key(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        new_tracking_key(prefix, DAY, references(NOW))
    with pytest.raises(ValidationError):
        PREFIX.validate_python(prefix)


@pytest.mark.parametrize("prefix", ["R", "RIEL", "ACME01", "000000"])
def test_a_prefix_is_1_to_6_capitals_and_digits(prefix: str) -> None:
    assert PREFIX.validate_python(prefix) == prefix


def test_a_numeric_reference_has_1_to_7_digits() -> None:
    assert numeric_reference(chosen(lambda most: 0)) == 1
    assert numeric_reference(chosen(lambda most: most - 1)) == 9_999_999
    for reference in (numeric_reference(references(NOW)) for _ in range(1000)):
        assert REFERENCE.validate_python(reference) == reference


@pytest.mark.parametrize("value", [0, -1, 10_000_000, 1.0, "1", True, None])
def test_other_numbers_are_no_reference(value: object) -> None:
    with pytest.raises(ValidationError):
        REFERENCE.validate_python(value)


@pytest.mark.parametrize(
    "key",
    [
        "058-25/08/2023/25-300CPWF924",
        "MANU-00000295251",
        "2370050",
        "2024012614574900000012345678",
        "CR1564969083",
        "aBc",
        "x" * 30,
        "-",
    ],
)
def test_a_key_of_any_bank_may_be_looked_up(key: str) -> None:
    assert KEY.validate_python(key) == key


@pytest.mark.parametrize(
    "key", ["", "x" * 31, "A B", "A|B", "Ñ1", "A_1", "A.1", "\uff11\uff12\uff13", "a\u0301", "x" * 10_000]
)
def test_what_is_no_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        KEY.validate_python(key)
    (error,) = refused.value.errors()
    assert error["type"] == "invalid_tracking_key"
    assert len(key) < 2 or key not in error["msg"]


@pytest.mark.parametrize("key", ["A\n", "A\x00", " A", "A ", "A\u200b"])
def test_a_key_is_one_line(key: str) -> None:
    with pytest.raises(ValidationError):
        KEY.validate_python(key)


def test_the_schema_shows_the_form_of_a_key() -> None:
    assert KEY.json_schema()["pattern"] == "^[A-Za-z0-9/-]{1,30}$"
    assert KEY.json_schema()["description"]
    assert REFERENCE.json_schema()["maximum"] == 9_999_999
