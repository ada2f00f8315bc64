"""Why money came back is said with the number that STP gives, and an unknown number is shown, never guessed."""

from typing import Any

import pytest
from hypothesis import given

from rail_spei.codes import ERRORS
from rail_spei.stp.causes import CAUSES, cause_of

from .stp_support import JSON_LIKE

# A word of each cause of STP's table, written down here a second time: some tables in circulation are renumbered.
TABLE: dict[int, str] = {
    1: "does not exist",
    2: "blocked",
    3: "cancelled",
    5: "currency",
    6: "does not belong",
    13: "recognise",
    14: "information is missing",
    15: "type of payment is wrong",
    16: "type of operation",
    17: "kind of account",
    18: "payer asked",
    19: "invalid character",
    20: "balance limit",
    21: "monthly limit",
    22: "mobile number",
    23: "Banco de México only",
    24: "additional information",
    25: "instruction is missing",
    26: "protection of the sending client",
    27: "optional type",
    28: "CoDi",
    30: "tracking key was repeated",
    31: "certificate",
}


@pytest.mark.parametrize(("number", "words"), TABLE.items())
def test_every_cause_is_said_in_two_languages_with_what_helps(number: int, words: str) -> None:
    cause = cause_of(number)
    assert words in cause.meaning.english
    assert cause.meaning.spanish.endswith(".")
    assert cause.meaning.spanish != cause.meaning.english
    assert cause.advice.english
    assert cause.advice.spanish
    assert cause_of(str(number)) == cause_of(f" {number:02d} ") == cause
    known = ERRORS[cause.provider_code]
    assert (known.code, known.message, known.retryable) == ("SPEI_RETURNED", cause.meaning.english, False)


def test_no_cause_is_untested() -> None:
    assert set(TABLE) == set(CAUSES)


@pytest.mark.parametrize("number", [4, 7, 8, 9, 10, 11, 12, 29, 32, 99, -1, 10**18])
def test_a_number_that_no_table_explains_is_shown(number: int) -> None:
    cause = cause_of(number)
    assert cause.code == str(number)
    assert str(number) in cause.meaning.english
    assert str(number) in cause.meaning.spanish
    assert ERRORS[cause.provider_code].code == "SPEI_RETURNED"


def test_a_cause_in_words_is_shown_clean() -> None:
    cause = cause_of("Cuenta 646180110400000007\x00 inexistente")
    assert cause.meaning.spanish == "Cuenta **************0007 inexistente"
    assert ERRORS[cause.provider_code].code == "SPEI_RETURNED"


@pytest.mark.parametrize("value", [None, 0, "", "0", True, 1.0, [1], {}])
def test_no_cause_is_no_guess(value: Any) -> None:
    assert cause_of(value).code == ""
    assert ERRORS[cause_of(value).provider_code].code == "SPEI_RETURNED"


@given(JSON_LIKE)
def test_whatever_stands_there_it_is_explained(value: Any) -> None:
    assert ERRORS[cause_of(value).provider_code].code == "SPEI_RETURNED"
