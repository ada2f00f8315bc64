"""What goes along with a transfer: the comment, the numeric reference, metadata, and how much may go at once."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from riel import Money, SingleLine

MOST_COMMENT: Final = 40
MOST_KEYS, MOST_KEY, MOST_VALUE = 49, 40, 500
CURRENCIES: Final = ("CLP", "MXN")

CLP_CAP: Final = 7_000_000
"""Pesos of one transfer in Chile: the clearing house takes no more. Newer pages say that Fintoc splits what is larger;
parts can fail apart, so nothing here relies on it. Mexico has no cap."""

_REFERENCE_ID = re.compile(r"[1-9][0-9]{0,6}")


def within_cap(money: Money) -> Money:
    """``money``, where one transfer may carry it. An amount of CLP is whole pesos: the currency has no cents.

    :raises PydanticCustomError: ``amount_above_cap`` or ``unsupported_currency``.
    """
    if money.currency not in CURRENCIES:
        raise PydanticCustomError("unsupported_currency", "is not a currency that Fintoc transfers: CLP or MXN")
    if money.currency == "CLP" and money.amount > CLP_CAP:
        raise PydanticCustomError(
            "amount_above_cap",
            "is more than one transfer in Chile may carry: {cap}",
            {"cap": str(Money(CLP_CAP, "CLP"))},
        )
    return money


def _comment(text: str) -> str:
    if not 1 <= len(text) <= MOST_COMMENT:
        raise PydanticCustomError("invalid_comment", "must have 1 to 40 characters")
    return text


def _reference_id(text: str) -> str:
    if _REFERENCE_ID.fullmatch(text) is None:
        raise PydanticCustomError("invalid_reference_id", "is not a numeric reference: 1 to 7 digits, no zero in front")
    return text


def metadata(given: Mapping[str, str | bool | int]) -> Mapping[str, str | bool | int]:
    """Metadata within Fintoc's limits: 50 keys of 40 characters, one of them riel's; values of 500 characters, flat.

    :raises PydanticCustomError: ``invalid_metadata``.
    """
    if len(given) > MOST_KEYS:
        raise PydanticCustomError("invalid_metadata", "has more than 49 keys")
    if any(not 1 <= len(key) <= MOST_KEY for key in given):
        raise PydanticCustomError("invalid_metadata", "has a key that is empty or longer than 40 characters")
    for value in given.values():
        if isinstance(value, str) and len(value) > MOST_VALUE:
            raise PydanticCustomError("invalid_metadata", "has a value that is longer than 500 characters")
    return given


Comment = Annotated[
    SingleLine,
    AfterValidator(_comment),
    Field(
        description="What it is for, as the payee reads it. Chile refuses a second transfer of one day with the same "
        "amount, payee and comment.",
        json_schema_extra={"minLength": 1, "maxLength": MOST_COMMENT},
    ),
]
"""A comment that a transfer carries as it is written."""

ReferenceId = Annotated[
    str,
    AfterValidator(_reference_id),
    Field(
        description="Mexico: SPEI's numeric reference.",
        json_schema_extra={"pattern": "^[1-9][0-9]{0,6}$"},
    ),
]
"""A numeric reference, as the text that Fintoc wants."""

Metadata = Annotated[
    dict[SingleLine, SingleLine | bool | int],
    AfterValidator(metadata),
    Field(description="Your own facts, 49 at most: texts, whole numbers, true or false."),
]
"""Metadata that Fintoc takes."""
