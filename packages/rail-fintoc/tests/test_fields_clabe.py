"""A CLABE is refused for its form and its check digit, and for nothing that may be different tomorrow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from rail_fintoc.fields import Clabe, check_digit, clabe

# Fintoc's own: of its samples and its test mode.
VALID = [
    "735969000000203297",
    "735969000000203365",
    "735969000000203226",
    "012969100000000013",
    "012969100000000026",
    "012969100000000110",
    "072691004495711499",
    "000000000000000000",
]
NO_CLABE = {
    "17 digits": "73596900000020329",
    "19 digits": "7359690000002032970",
    "a letter": "73596900000020329a",
    "nothing": "",
    "full width": "735969000000203297".translate({digit: digit + 0xFEE0 for digit in range(0x30, 0x3A)}),
    "superscript": "73596900000020329¹",
    "a line feed": "735969000000203297\n",
    "a tab": "735969\t000000203297",
    "a sign": "+73596900000020329",
    "megabytes": "0" * 10_000_000,
}
SEVENTEEN = st.text("0123456789", min_size=17, max_size=17)


@pytest.mark.parametrize("number", VALID)
def test_a_clabe_stays_and_its_last_digit_is_the_one_that_fits(number: str) -> None:
    assert clabe(number) == TypeAdapter[str](Clabe).validate_python(number) == number
    assert check_digit(number[:17]) == number[17]


@pytest.mark.parametrize("text", NO_CLABE.values(), ids=NO_CLABE)
def test_what_is_no_clabe_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        clabe(text)
    assert refused.value.type == "invalid_clabe"


@given(SEVENTEEN, st.integers(1, 9))
def test_any_other_last_digit_is_refused_and_neither_number_nor_digit_is_said(first17: str, off: int) -> None:
    right = check_digit(first17)
    with pytest.raises(PydanticCustomError) as refused:
        clabe(first17 + str((int(right) + off) % 10))
    assert not [character for character in refused.value.message() if character.isdigit()]


@given(SEVENTEEN, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(first17: str, place: int, off: int) -> None:
    number = first17 + check_digit(first17)
    wrong = number[:place] + str((int(number[place]) + off) % 10) + number[place + 1 :]
    with pytest.raises(PydanticCustomError):
        clabe(wrong)


@given(SEVENTEEN, st.lists(st.tuples(st.integers(0, 18), st.sampled_from(" -")), max_size=8))
def test_separators_go(first17: str, breaks: list[tuple[int, str]]) -> None:
    number = first17 + check_digit(first17)
    written = number
    for place, separator in breaks:
        written = written[:place] + separator + written[place:]
    assert clabe(written) == number


@pytest.mark.parametrize("text", ["", "1" * 16, "1" * 18, "1" * 16 + "a", "1" * 16 + "¹"])
def test_a_check_digit_belongs_to_17_digits(text: str) -> None:
    with pytest.raises(ValueError, match="17"):
        check_digit(text)


def test_a_number_is_not_taken_for_a_text() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Clabe).validate_python(735969000000203297, strict=True)
