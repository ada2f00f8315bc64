"""The types of the values in STP's answers: text, accounts, amounts, days and instants, in all the forms that STP uses.

A value that identifies an order is read exactly or refused. Any other value is empty where it cannot be read.
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from rail_spei.stp.causes import ReturnCause, cause_of
from rail_spei.stp.parser import displayable, parse_int
from riel import Money, clean_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLABE_DIGITS = 18
NO_TEXT = {"", "null"}  # STP also writes the word, where there is nothing
MAX_LINK = 2000

_PESOS = re.compile(r"-?[0-9]{1,17}(\.[0-9]+)?")


def _exact_text(value: object) -> str | None:
    if isinstance(value, str):
        text = value.strip()
        return None if text in NO_TEXT else text
    if value is None or type(value) is int:
        return None if value is None else str(value)
    raise ValueError("is no text")


def _account(value: object) -> str | None:
    """Restore the leading zeros of an account that STP wrote as a number: 014… is a bank."""
    text = _exact_text(value)
    return text.zfill(CLABE_DIGITS) if text and type(value) is int else text


def _centavos(value: object) -> int | None:
    """Convert pesos, a JSON number or a string, to centavos; the parser makes no binary floats."""
    if isinstance(value, str):
        value = value.strip()
        if value in NO_TEXT:
            return None
    if value is None:
        return None
    if type(value) is int or isinstance(value, Decimal) or (isinstance(value, str) and _PESOS.fullmatch(value)):
        return Money.of_decimal(Decimal(value), "MXN").amount
    raise ValueError("is no amount")


def _information(value: object) -> str:
    text = str(value) if type(value) is int else value
    clean = clean_text(text) if isinstance(text, str) else ""
    return "" if clean in NO_TEXT else clean


def _link(value: object) -> str:
    """Return a link of STP's or Banxico's; empty unless it is https."""
    text = clean_text(value, MAX_LINK) if isinstance(value, str) else ""
    return text if text.startswith("https://") and " " not in text and not text.endswith("…") else ""


def _day(value: object) -> date | None:
    """AAAAMMDD."""
    number = parse_int(value)
    try:
        return date(number // 10_000, number // 100 % 100, number % 100) if number else None
    except (ValueError, OverflowError):
        return None


def _instant(value: object) -> datetime | None:
    """Convert milliseconds since 1970, a number or a string; ``"0"`` and null are ``None``."""
    number = parse_int(value)
    try:
        return EPOCH + timedelta(milliseconds=number) if number and number > 0 else None
    except OverflowError:
        return None


def _null_if_empty(value: Any) -> Any:
    """Return ``None`` for ``{}``, ``[]`` and ``""``, which STP writes in place of null."""
    return value or None


def _cause(value: object) -> ReturnCause | None:
    """``causaDevolucion``: null, a number, a number as a string, or a text."""
    nothing = value is None or parse_int(value) == 0 or (isinstance(value, str) and value.strip() in NO_TEXT)
    return None if nothing else cause_of(value)


Exact = Annotated[str | None, BeforeValidator(_exact_text)]
Key = Annotated[str, BeforeValidator(_exact_text)]
Account = Annotated[str | None, BeforeValidator(_account)]
Centavos = Annotated[int | None, BeforeValidator(_centavos)]
Information = Annotated[str, BeforeValidator(_information)]
DisplayText = Annotated[str, BeforeValidator(displayable)]
Link = Annotated[str, BeforeValidator(_link)]
Whole = Annotated[int | None, BeforeValidator(parse_int)]
Day = Annotated[date | None, BeforeValidator(_day)]
Instant = Annotated[datetime | None, BeforeValidator(_instant)]
Cause = Annotated[ReturnCause | None, BeforeValidator(_cause)]
NullIfEmpty = BeforeValidator(_null_if_empty)
