"""What STP wrote, taken apart: exact numbers, no name twice, clean text, and one error where it is nothing to read."""

import json
import re
import unicodedata
from decimal import Decimal
from typing import Any, NoReturn

from riel import clean_text, mask_account

MAX_TEXT = 500
"""How much of an error's text is looked at: the catalogued ones are below 120 characters."""

_LONG_NUMBER = re.compile(r"[0-9]{10,}")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class UnreadableJson(ValueError):
    """It is no JSON that could be understood in one way only."""


def parse_json(body: bytes) -> Any:
    """The JSON of an answer: decimals as ``Decimal``, and never a value that another reader would see differently.

    STP writes UTF-8. Text in another charset loses its accents here and nothing else, since JSON itself is ASCII.

    :raises Unreadable: no JSON, a name twice in one object, NaN, or deeper or longer than any answer.
    """
    try:
        text = body.decode("utf-8-sig", errors="replace")
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_each_once)
    except (ValueError, ArithmeticError, RecursionError) as failure:
        raise UnreadableJson(f"no JSON ({type(failure).__name__})") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. One that says a thing twice says nothing: readers differ in which of the two they take."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return result


def parse_int(value: object) -> int | None:
    """An integer, written as a number or as a string of its digits; anything else (``True``, 3.0, " 3") is none."""
    if type(value) is int:
        return value if abs(value) < 10**19 else None
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return None


def displayable(text: object) -> str:
    """Words of STP's that may be shown and kept: one clean line, in which long numbers are masked.

    STP repeats account numbers in its errors: ``La cuenta {646180110400000007} no existe``.
    """
    if not isinstance(text, str):
        return ""
    return _LONG_NUMBER.sub(lambda number: mask_account(number[0]), clean_text(text[:MAX_TEXT]))


def fold_text(text: str) -> str:
    """``text`` as it is compared: STP's differ in case, accents and spaces, and a wrong charset leaves U+FFFD."""
    parts = unicodedata.normalize("NFKD", text[:MAX_TEXT])
    return " ".join("".join(c for c in parts if not unicodedata.combining(c)).casefold().split())
