"""The tracking key (clave de rastreo) and the numeric reference of a payment, and how the rail creates its own."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from riel import ReferenceSource, SingleLine

MAX_REFERENCE = 9_999_999
"""Seven digits. The reference is a number: zeros in front are lost on the way."""

RANDOM_CHARACTERS = 16
"""Characters of a key that nobody can guess: 36**16 is more than 2**82."""

NUMERIC_REFERENCE = 1
"""The ordinal of the numeric reference among the numbers of an order; the tracking key has 0."""

_PREFIX = "[A-Z0-9]{1,6}"
_KEY = "[A-Za-z0-9/-]{1,30}"


def new_tracking_key(prefix: str, day: date, references: ReferenceSource) -> str:
    """A tracking key: ``prefix``, ``day`` as ``YYMMDD``, and 16 characters of ``[A-Z0-9]`` that nobody can guess.

    A key is unique for each sending institution and operating date, so it seems that all companies that send through
    one provider share the same keys; the prefix keeps them apart, and the date tells when to look for it.

    :param prefix: 1 to 6 of ``[A-Z0-9]``, the company's own.
    :param day: the operating date on which the person was asked, which the same confirmation always has.
    """
    if re.fullmatch(_PREFIX, prefix) is None:
        raise ValueError("the prefix of a tracking key is 1 to 6 characters of A-Z and 0-9")
    return f"{prefix}{day:%y%m%d}{references.random(RANDOM_CHARACTERS)}"


def numeric_reference(references: ReferenceSource) -> int:
    """A numeric reference from 1 to 9,999,999. It tells payments apart for people, and proves nothing."""
    return 1 + references.below(MAX_REFERENCE, ordinal=NUMERIC_REFERENCE)


def _tracking_key(text: str) -> str:
    if re.fullmatch(_KEY, text) is None:
        raise PydanticCustomError(
            "invalid_tracking_key", "is not a tracking key: 1 to 30 letters, digits, hyphens and slashes"
        )
    return text


TrackingKey = Annotated[
    SingleLine,
    AfterValidator(_tracking_key),
    Field(
        description="Tracking key (clave de rastreo) from an earlier answer; case matters.",
        json_schema_extra={"pattern": f"^{_KEY}$"},
    ),
]
"""A key to look for: ours, or one of another bank, which may hold hyphens and slashes. STP takes neither in ours."""

KeyPrefix = Annotated[str, Field(pattern=f"^{_PREFIX}$")]
"""The prefix of our own keys."""

NumericReference = Annotated[
    int,
    Field(strict=True, ge=1, le=MAX_REFERENCE, description="The numeric reference: a number of 1 to 7 digits."),
]
"""A number from 1 to 9,999,999."""
