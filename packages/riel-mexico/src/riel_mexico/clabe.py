"""The CLABE, the account number of Mexico: its form and its check digit, which never change.

``BBB PPP AAAAAAAAAAA C``: institution, plaza, account, check digit. Which institutions exist changes several times a
year, so a catalogue says that. The plaza is never looked at: nobody publishes a list of them, and every
list that was ever used to refuse an account has refused good ones.
"""

from operator import mul
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

CLABE_DIGITS = 18
PATTERN = "^[0-9]{18}$"

WEIGHTS = (3, 7, 1) * 6
"""Of the Mexican Banking Association. The check digit, whose weight is 1, makes the sum of the products a multiple of
ten."""

_SEPARATORS = {ord(" "): None, ord("-"): None}


def clabe(text: str) -> str:
    """The 18 digits of ``text``, which may be set apart by spaces and hyphens.

    Neither refusal repeats the number nor says which check digit would fit: a model would correct the digit, and pay
    whoever has that account.

    :raises PydanticCustomError: ``invalid_clabe``, for the form or the check digit.
    """
    digits = text if len(text) == CLABE_DIGITS else text.translate(_SEPARATORS)
    if len(digits) != CLABE_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise PydanticCustomError("invalid_clabe", "is not a CLABE: write exactly 18 digits")
    if _weighted_sum(digits) % 10:
        raise PydanticCustomError(
            "invalid_clabe",
            "is not a CLABE: its check digit does not fit, so a digit is wrong; ask whoever gave it, do not correct it",
        )
    return digits


def check_digit(first17: str) -> str:
    """The digit that makes a CLABE of these 17.

    :raises ValueError: they are not 17 digits.
    """
    if len(first17) != CLABE_DIGITS - 1 or not (first17.isascii() and first17.isdigit()):
        raise ValueError("a check digit belongs to 17 digits")
    return str(-_weighted_sum(first17) % 10)


def _weighted_sum(digits: str) -> int:
    return sum(map(mul, map(int, digits), WEIGHTS))


# The schema shows the pattern, but the refusal comes from the function: so it has a code of its own.
Clabe = Annotated[
    str,
    AfterValidator(clabe),
    Field(
        description="A CLABE, exactly 18 digits.",
        json_schema_extra={"pattern": PATTERN},
    ),
]
"""A CLABE with its separators gone, so that one account is always written alike."""
