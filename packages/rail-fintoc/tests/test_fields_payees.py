"""Whom a transfer can reach, and who the institutions are: digits that fit, ids of the right form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from stdnum import luhn

from rail_fintoc.fields import (
    CHILE,
    MEXICO,
    AccountKind,
    AccountType,
    ChileanInstitution,
    MexicanInstitution,
    Phone,
    account_kind,
    account_of_either_country,
    chilean_account,
    institution_name,
    institution_of,
    mexican_account,
    needs_institution,
)
from riel_mexico import check_digit

CARD, PHONE, CLABE = "4111111111111111", "5512345678", "735969000000203297"


def refused(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as failure:
        TypeAdapter(kind).validate_python(value)
    return failure.value.errors()[0]["type"]


@pytest.mark.parametrize(
    ("written", "digits", "reach"),
    [
        (CLABE, CLABE, AccountKind.CLABE),
        ("735 969 00000020329 7", CLABE, AccountKind.CLABE),
        (CARD, CARD, AccountKind.CARD),
        ("4111 1111-1111 1111", CARD, AccountKind.CARD),
        (PHONE, PHONE, AccountKind.PHONE),
        ("55-1234-5678", PHONE, AccountKind.PHONE),
    ],
)
def test_a_mexican_number_is_known_by_its_length(written: str, digits: str, reach: AccountKind) -> None:
    assert mexican_account(written) == digits
    assert account_kind(digits) is reach
    assert needs_institution(digits) == (reach is not AccountKind.CLABE)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("735969000000203298", "invalid_clabe"),
        ("4111111111111112", "invalid_account_number"),
        ("0512345678", "invalid_account_number"),
        ("+525512345678", "invalid_account_number"),
        ("378282246310005", "invalid_account_number"),
        ("", "invalid_account_number"),
        ("\uff15\uff1512345678", "invalid_account_number"),
        ("551234567a", "invalid_account_number"),
        ("0" * 1_000_000, "invalid_account_number"),
    ],
)
def test_a_number_that_does_not_fit_is_refused_and_not_repeated(text: str, code: str) -> None:
    with pytest.raises(PydanticCustomError) as failure:
        mexican_account(text)
    assert failure.value.type == code
    assert not text or text not in failure.value.message()


@given(st.text("0123456789", min_size=15, max_size=15))
def test_a_card_is_taken_with_its_check_digit_only(first15: str) -> None:
    right = luhn.calc_check_digit(first15)
    for last in "0123456789":
        if last == right:
            assert mexican_account(first15 + last) == first15 + last
        else:
            with pytest.raises(PydanticCustomError):
                mexican_account(first15 + last)


@pytest.mark.parametrize(
    ("text", "number"), [("1530108000", "1530108000"), ("00-153.010 8", "001530108"), ("7A1", "7A1")]
)
def test_an_account_of_chile_loses_its_separators_and_keeps_its_zeros(text: str, number: str) -> None:
    assert chilean_account(text) == number


@pytest.mark.parametrize("text", ["", "-", "abc", "1" * 31, "1;2", "1\n", "\uff11\uff12", "1/2"])
def test_what_is_no_account_of_chile_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="account number"):
        chilean_account(text)


def test_the_types_of_account_are_fintocs() -> None:
    assert [kind.value for kind in AccountType] == ["checking_account", "sight_account", "savings_account"]


@pytest.mark.parametrize("text", ["+56912345678", "+52 55 1234-5678", "+15551234567"])
def test_a_telephone_number_has_its_country(text: str) -> None:
    assert TypeAdapter[str](Phone).validate_python(text) == text.replace(" ", "").replace("-", "")


@pytest.mark.parametrize(
    "text", ["", "+", "56912345678", "+0912345678", "+5691", "+1234567890123456", "+5691234567a", "++5691234567"]
)
def test_what_is_no_telephone_number_is_refused(text: str) -> None:
    assert refused(Phone, text) == "invalid_phone"


@pytest.mark.parametrize("text", [*CHILE, "cl_banco_of_tomorrow", "cl_banco2"])
def test_an_institution_of_chile_is_an_id_known_here_or_not(text: str) -> None:
    assert TypeAdapter[str](ChileanInstitution).validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", "cl_", "cl__", "BancoEstado", "cl_Banco", "cl_a b", "mx_banco_bbva", "40012", "cl_á", "cl_a\n"]
)
def test_what_is_no_id_of_chile_is_refused(text: str) -> None:
    assert refused(ChileanInstitution, text) == "invalid_institution"


@pytest.mark.parametrize("text", [*MEXICO, "40999", "90000", "37999"])
def test_an_institution_of_mexico_is_a_code_of_spei_known_here_or_not(text: str) -> None:
    assert TypeAdapter[str](MexicanInstitution).validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", "012", "50012", "4001", "400122", "2002", "mx_banco_bbva", "\uff140012", "40012\n"]
)
def test_what_is_no_code_of_spei_is_refused(text: str) -> None:
    assert refused(MexicanInstitution, text) == "invalid_institution"


@pytest.mark.parametrize(
    ("clabe", "name"),
    [
        (CLABE, "Fintoc (test mode)"),
        ("012969100000000013", "BBVA México"),
        ("001" + "0" * 15, "Banxico"),
        ("999" + "0" * 15, ""),
    ],
)
def test_the_institution_of_a_clabe_is_named_where_it_is_known(clabe: str, name: str) -> None:
    assert institution_of(clabe) == name


def test_names_are_told_for_both_countries() -> None:
    assert institution_name("cl_banco_estado") == "BancoEstado"
    assert institution_name("90722") == "Mercado Pago W"
    assert institution_name("zz") == ""
    assert (len(CHILE), len(MEXICO)) == (21, 99)


@pytest.mark.parametrize("code", MEXICO)
def test_no_two_participants_share_the_beginning_of_their_clabes(code: str) -> None:
    first17 = code[-3:] + "0" * 14
    assert institution_of(first17 + check_digit(first17)) == MEXICO[code]


@pytest.mark.parametrize(
    ("written", "account"),
    [
        ("0140-2700-0005-5555-58", "014027000005555558"),
        ("12.345.678-9", "123456789"),
        ("0001 2345 678", "00012345678"),
    ],
)
def test_an_account_of_a_list_is_read_as_a_payment_would_write_it(written: str, account: str) -> None:
    assert account_of_either_country(written) == account


@pytest.mark.parametrize("written", ["014027000005555559", "no account", "?"])
def test_what_is_an_account_of_neither_country_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        account_of_either_country(written)
