"""The CLABE, the account number of Mexico: its form and its check digit, which are all that can be told for ever.

``BBB PPP AAAAAAAAAAA C``: institution, plaza, account, check digit. Which institutions exist changes several times a
year, so that is asked of a catalogue, later. The plaza is never looked at: nobody publishes a list of them, and every
list that was ever used to refuse an account has refused good ones.
"""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

DIGITS = 18
PATTERN = "^[0-9]{18}$"

WEIGHTS = (3, 7, 1)
"""Of the Mexican Banking Association, repeated. The check digit makes the sum of the products a multiple of ten; its
own weight is 1, so a whole CLABE is summed up like its first 17 digits."""

_WEIGHED = {
    f"{number:03d}": sum(int(digit) * weight for digit, weight in zip(f"{number:03d}", WEIGHTS, strict=True))
    for number in range(1000)
}
"""Three digits and the sum of their products. It costs half of what digit by digit does, and only the ten ASCII
digits are in it, where ``str.isdigit`` lets superscripts and the digits of other scripts through."""

_SEPARATORS = {ord(" "): None, ord("-"): None}


def clabe(text: str) -> str:
    """The 18 digits of ``text``, which may be set apart by spaces and hyphens.

    Neither refusal repeats the number nor says which check digit would fit: a model would correct the digit, and pay
    whoever has that account.

    :raises PydanticCustomError: ``invalid_clabe``, for the form or the check digit.
    """
    digits = text if len(text) == DIGITS else text.translate(_SEPARATORS)
    try:
        total = _weighed(digits)
    except KeyError:  # the refusal is not raised in here: it would keep the error, which holds three of the digits
        total = None
    if total is None:
        raise PydanticCustomError("invalid_clabe", "is not a CLABE: write exactly 18 digits")
    if total % 10:
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
    return str(-_weighed(first17 + "0") % 10)


def _weighed(digits: str) -> int:
    """The sum of the products, of 18 digits; anything else, shorter and longer texts too, is a ``KeyError``."""
    return (
        _WEIGHED[digits[:3]]
        + _WEIGHED[digits[3:6]]
        + _WEIGHED[digits[6:9]]
        + _WEIGHED[digits[9:12]]
        + _WEIGHED[digits[12:15]]
        + _WEIGHED[digits[15:]]
    )


# The schema shows the pattern, but the refusal comes from the function: so it has a code of its own.
Clabe = Annotated[
    str,
    AfterValidator(clabe),
    Field(
        description="The payee's CLABE, exactly 18 digits.",
        json_schema_extra={"pattern": PATTERN},
    ),
]
"""A CLABE with its separators gone, so that one account is always written alike."""
