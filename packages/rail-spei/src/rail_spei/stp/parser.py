"""The parser of STP's answers: exact numbers, no duplicate names, clean text, and one error for anything else."""

import json
import re
import unicodedata
from decimal import Decimal
from typing import Any, NoReturn

from riel import clean_text, mask_account

MAX_TEXT = 500
"""Characters of an error's text that are read: the texts of the catalogue are shorter than 120."""

_LONG_NUMBER = re.compile(r"[0-9]{10,}")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class UnreadableJson(ValueError):
    """The body is no JSON with exactly one meaning."""


def parse_json(body: bytes) -> Any:
    """Parse the JSON of an answer, with decimals as ``Decimal``. JSON that parsers could read differently is refused.

    STP writes UTF-8. Text in another charset loses its accents here and nothing else, since JSON itself is ASCII.

    :raises UnreadableJson: no JSON, a name twice in one object, NaN, or deeper or longer than any answer.
    """
    try:
        text = body.decode("utf-8-sig", errors="replace")
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_each_once)
    except (ValueError, ArithmeticError, RecursionError) as failure:
        raise UnreadableJson(f"no JSON ({type(failure).__name__})") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object. A duplicate name is an error, since parsers differ in which of the two values they use."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return result


def parse_int(value: object) -> int | None:
    """Return an integer from a number or a string of digits, and ``None`` for anything else (``True``, 3.0, " 3")."""
    if type(value) is int:
        return value if abs(value) < 10**19 else None
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return None


def displayable(text: object) -> str:
    """Return STP's text as one clean line that may be shown and stored: long numbers are masked.

    STP repeats account numbers in its errors: ``La cuenta {646180110400000007} no existe``.
    """
    if not isinstance(text, str):
        return ""
    return _LONG_NUMBER.sub(lambda number: mask_account(number[0]), clean_text(text[:MAX_TEXT]))


def fold_text(text: str) -> str:
    """Fold ``text`` for comparison. STP's texts differ in case, accents and spaces; a wrong charset leaves U+FFFD."""
    parts = unicodedata.normalize("NFKD", text[:MAX_TEXT])
    return " ".join("".join(c for c in parts if not unicodedata.combining(c)).casefold().split())
