"""Whom a transfer can reach: a CLABE, a card or a telephone number in Mexico, an account with its type in Chile."""

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from stdnum import luhn

from riel_mexico import CLABE_DIGITS, clabe

CARD_DIGITS, PHONE_DIGITS = 16, 10

_SEPARATORS = {ord(" "): None, ord("-"): None}
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NUMBER = re.compile(r"[0-9A-Za-z]{1,30}")


class AccountKind(StrEnum):
    """What a Mexican account number is; only a CLABE says by itself which institution has it."""

    CLABE = "clabe"
    CARD = "card"
    PHONE = "phone"


_BY_LENGTH: Final = {CLABE_DIGITS: AccountKind.CLABE, CARD_DIGITS: AccountKind.CARD, PHONE_DIGITS: AccountKind.PHONE}


class AccountType(StrEnum):
    """The kinds of account that Chile's transfers reach: cuenta corriente, cuenta vista (or CuentaRUT), ahorro."""

    CHECKING = "checking_account"
    SIGHT = "sight_account"
    SAVINGS = "savings_account"


def mexican_account(text: str) -> str:
    """The digits of a CLABE (18), a debit card (16) or a telephone number (10), without spaces and hyphens.

    :raises PydanticCustomError: ``invalid_clabe`` or ``invalid_account_number``; neither repeats the number.
    """
    digits = text.translate(_SEPARATORS)
    kind = _BY_LENGTH.get(len(digits)) if digits.isascii() and digits.isdigit() else None
    if kind is None:
        raise PydanticCustomError(
            "invalid_account_number",
            "is neither a CLABE (18 digits) nor a debit card (16) nor a telephone number (10 digits, without +52)",
        )
    if kind is AccountKind.CLABE:
        return clabe(digits)
    if kind is AccountKind.CARD and not luhn.is_valid(digits):
        raise PydanticCustomError(
            "invalid_account_number",
            "is not a card number: its check digit does not fit; ask whoever gave it, do not correct it",
        )
    if kind is AccountKind.PHONE and digits.startswith("0"):
        raise PydanticCustomError("invalid_account_number", "is not a telephone number of Mexico: 10 digits, no 0")
    return digits


def account_kind(account: str) -> AccountKind:
    """What a number is that :func:`mexican_account` let through."""
    return _BY_LENGTH[len(account)]


def needs_institution(account: str) -> bool:
    """Whether a Mexican number has to come with its institution: of a card or telephone number nobody can tell it."""
    return account_kind(account) is not AccountKind.CLABE


def chilean_account(text: str) -> str:
    """An account number of Chile, without spaces, dots and hyphens. Banks differ, so its length proves nothing.

    :raises PydanticCustomError: ``invalid_account_number``.
    """
    number = text.translate(_SEPARATORS | {ord("."): None})
    if _NUMBER.fullmatch(number) is None or not any(character.isdigit() for character in number):
        raise PydanticCustomError("invalid_account_number", "is not an account number of Chile: digits, 30 at most")
    return number


def account_of_either_country(text: str) -> str:
    """An account that a list of payees names, as ``FintocPayment`` would write it.

    Of ten or sixteen digits nobody can tell the country, and both write them alike. Eighteen digits are a CLABE.

    :raises PydanticCustomError: it is an account of neither country.
    """
    try:
        return mexican_account(text)
    except PydanticCustomError:
        if sum(character.isdigit() for character in text) == CLABE_DIGITS:
            raise
        return chilean_account(text)


def _phone(text: str) -> str:
    number = text.translate(_SEPARATORS)
    if _E164.fullmatch(number) is None:
        raise PydanticCustomError("invalid_phone", "is not a telephone number in E.164: +56912345678")
    return number


MexicanAccount = Annotated[
    str,
    AfterValidator(mexican_account),
    Field(
        description="The payee's CLABE (18 digits), debit card (16 digits) or mobile number (10 digits).",
        json_schema_extra={"pattern": "^([0-9]{10}|[0-9]{16}|[0-9]{18})$"},
    ),
]
"""A number that SPEI reaches, in digits alone."""

ChileanAccount = Annotated[
    str, AfterValidator(chilean_account), Field(description="The payee's account number, without dots and hyphens.")
]
"""An account number of Chile, in digits alone where the bank has no letters."""

Phone = Annotated[str, AfterValidator(_phone), Field(description="E.164: +56912345678.")]
"""A telephone number in E.164."""
