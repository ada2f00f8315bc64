"""The CLABE, the account number of Mexico: 18 digits, of which the last one checks the others.

``BBB PPP AAAAAAAAAAA C``: institution, plaza, account, check digit. Fintoc derives the institution from it, so nothing
here asks whether the institution exists: such lists change several times a year.
"""

from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

DIGITS: Final = 18
PATTERN: Final = "^[0-9]{18}$"

WEIGHTS: Final = (3, 7, 1)
"""Of the Mexican Banking Association, repeated. With the check digit, whose weight is 1, the sum of the products is a
multiple of ten."""

_SEPARATORS = {ord(" "): None, ord("-"): None}


def clabe(text: str) -> str:
    """The 18 digits of ``text``, which may be set apart by spaces and hyphens.

    Neither refusal repeats the number nor says which check digit would fit: a model would correct the digit, and pay
    whoever has that account.

    :raises PydanticCustomError: ``invalid_clabe``, for the form or the check digit.
    """
    digits = text if len(text) == DIGITS else text.translate(_SEPARATORS)
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        raise PydanticCustomError("invalid_clabe", "is not a CLABE: write exactly 18 digits")
    if _weighed(digits) % 10:
        raise PydanticCustomError(
            "invalid_clabe",
            "is not a CLABE: its check digit does not fit, so a digit is wrong; ask whoever gave it, do not correct it",
        )
    return digits


def check_digit(first17: str) -> str:
    """The digit that makes a CLABE of these 17.

    :raises ValueError: they are not 17 digits.
    """
    if len(first17) != DIGITS - 1 or not (first17.isascii() and first17.isdigit()):
        raise ValueError("a check digit belongs to 17 digits")
    return str(-_weighed(first17) % 10)


def _weighed(digits: str) -> int:
    return sum(int(digit) * WEIGHTS[place % 3] for place, digit in enumerate(digits))


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
