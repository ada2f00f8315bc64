"""A CLABE is refused for its form and its check digit, and for nothing that may be different tomorrow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from riel_mexico import Clabe, check_digit, clabe

pytestmark = pytest.mark.alone

CLABE: TypeAdapter[str] = TypeAdapter(Clabe)

VALID = [
    "014027000005555558",
    "014028000005555557",
    "032180000118359719",  # a bank that is no more
    "002010077777777771",
    "002010777777777770",  # the sum is a multiple of ten
    "002000000000000008",
    "646180110400000007",
    "646180157000000004",
    "072691004495711499",
    "723010123456789019",
    "723969000011000077",  # plazas that no list has: 969, 521, 539
    "646521162218542788",
    "002539016003269411",
    "710969000000326856",
    "684180017001000024",
    "846180000500000008",  # the test bank
    "566180000553286528",  # institutions that no list has
    "111111111111000019",
    "000000000000000000",
    "735969000000203297",  # Fintoc's own: of its samples and its test mode
    "735969000000203365",
    "735969000000203226",
    "012969100000000013",
    "012969100000000026",
    "012969100000000110",
]
WRONG_DIGIT = {
    "002010077777777779": "1",
    "002000000000000007": "8",
    "072691004495711490": "9",
    "111180157042875763": "4",
    "646180157036325832": "4",
    "646180110400000001": "7",
    "684180017999000012": "3",
    "710969000022222222": "6",
    "012180015040777777": "5",
    "738969123456789120": "6",
    "012969123456789120": "7",
    "846180000400000002": "1",
    "123456789012345678": "3",
    "014027000005555559": "8",
}
NO_CLABE = {
    "17 digits": "00201007777777777",
    "19 digits": "0020100777777777711",
    "a letter": "00201007777777777a",
    "nothing": "",
    "full width": "002010077777777771".translate({digit: digit + 0xFEE0 for digit in range(0x30, 0x3A)}),
    "arabic": "٠٠٢٠١٠٠٧٧٧٧٧٧٧٧٧٧١",
    "one that is not ASCII": "00201007777777777\uff11",
    "superscript": "00201007777777777¹",
    "a line feed": "002010077777777771\n",
    "a line feed inside": "00201007777777777\n",
    "a tab": "002010\t077777777771",
    "a no-break space": "002010\u00a0077777777771",
    "a sign": "+00201007777777777",
    "a minus": "\u2212002010077777777771",
    "an underscore": "002_010077777777771",
    "a space for a digit": "0020100777777777 1",
    "only separators": " - " * 6,
    "megabytes": "0" * 10_000_000,
}

numbers = st.text("0123456789", min_size=17, max_size=17)


def refusal(text: str) -> PydanticCustomError:
    with pytest.raises(PydanticCustomError) as refused:
        clabe(text)
    assert refused.value.type == "invalid_clabe"
    assert refused.value.context is None
    assert refused.value.__context__ is None, "another error would hold some of the digits"
    return refused.value


@pytest.mark.parametrize("number", VALID)
def test_a_clabe_whose_check_digit_fits_is_one_whatever_its_bank_and_plaza(number: str) -> None:
    assert clabe(number) == number
    assert check_digit(number[:17]) == number[17]


@pytest.mark.parametrize(("number", "expected"), WRONG_DIGIT.items())
def test_a_wrong_check_digit_is_refused_and_the_right_one_is_not_told(number: str, expected: str) -> None:
    assert check_digit(number[:17]) == expected
    message = refusal(number).message()
    assert "check digit" in message
    assert not any(character.isdigit() for character in message)


@pytest.mark.parametrize("text", NO_CLABE.values(), ids=NO_CLABE)
def test_what_is_not_18_digits_is_refused_for_its_form(text: str) -> None:
    assert refusal(text).message() == "is not a CLABE: write exactly 18 digits"


@pytest.mark.parametrize(
    "text", ["014 027 00000555555 8", "014-027-00000555555-8", " 014027000005555558 ", "0-1-4 0 2 7000005555558"]
)
def test_spaces_and_hyphens_are_taken_out(text: str) -> None:
    assert clabe(text) == "014027000005555558"


@pytest.mark.parametrize("text", ["", "1" * 16, "1" * 18, "1" * 16 + "a", "1" * 16 + "¹", "1" * 16 + "\uff11"])
def test_a_check_digit_belongs_to_17_digits(text: str) -> None:
    with pytest.raises(ValueError, match="17 digits"):
        check_digit(text)


@given(numbers)
def test_every_number_of_17_digits_has_one_check_digit(number: str) -> None:
    right = check_digit(number)
    assert clabe(number + right) == number + right
    for digit in set("0123456789") - {right}:
        refusal(number + digit)


@given(numbers, st.integers(0, 17), st.integers(1, 9))
def test_every_wrong_digit_is_caught(number: str, place: int, off_by: int) -> None:
    good = number + check_digit(number)
    wrong = good[:place] + str((int(good[place]) + off_by) % 10) + good[place + 1 :]
    assert "check digit" in refusal(wrong).message()


@given(numbers, st.integers(0, 16))
def test_two_neighbours_that_changed_places_are_caught_unless_they_are_five_apart(number: str, place: int) -> None:
    good = number + check_digit(number)
    one, other = good[place], good[place + 1]
    swapped = good[:place] + other + one + good[place + 2 :]
    if abs(int(one) - int(other)) in (0, 5):  # the weights differ by 2, 4 or 6: such a swap cannot be seen
        assert clabe(swapped) == swapped
    else:
        refusal(swapped)


@given(st.text())
def test_whatever_comes_is_18_ascii_digits_or_refused(text: str) -> None:
    try:
        number = clabe(text)
    except PydanticCustomError:
        return
    assert len(number) == 18
    assert set(number) <= set("0123456789")


@pytest.mark.parametrize("value", [14027000005555558, 14027000005555558.0, None, True, ["014027000005555558"]])
def test_a_number_has_lost_its_zeros_and_is_no_clabe(value: object) -> None:
    with pytest.raises(ValidationError):
        CLABE.validate_python(value, strict=True)


def test_the_schema_shows_the_form_and_the_refusal_has_a_code() -> None:
    shown = CLABE.json_schema()
    assert (shown["type"], shown["pattern"]) == ("string", "^[0-9]{18}$")
    assert "CLABE" in shown["description"]
    assert CLABE.validate_python("014 027 00000555555 8") == "014027000005555558"
    with pytest.raises(ValidationError) as refused:
        CLABE.validate_python("014027000005555559")
    assert refused.value.errors()[0]["type"] == "invalid_clabe"
    assert "014027000005555559" not in refused.value.errors()[0]["msg"]
