"""The parameters of a request's body, read with the error code that Fintoc has for each mistake."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from rail_fintoc.sandbox.errors import ApiError

LONGEST_BODY = 1_000_000
MOST_KEYS, LONGEST_KEY, LONGEST_VALUE = 50, 40, 500
"""Of metadata."""


class Body(Mapping[str, Any]):
    """The parameters of a body, with a reader for each type; ``parent`` is the name of the object that holds them."""

    def __init__(self, values: Mapping[str, Any], parent: str = "") -> None:
        self._values = values
        self._parent = parent

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _param(self, name: str) -> str:
        return f"{self._parent}.{name}" if self._parent else name

    def _value(self, name: str, *, required: bool) -> Any:
        value = self._values.get(name)
        if required and (value is None or value == ""):
            param = self._param(name)
            raise ApiError(400, "missing_parameter", f"Missing required param: {param}", param)
        return value

    def text(
        self, name: str, *, required: bool = False, longest: int = 500, code: str = "invalid_string_size"
    ) -> str | None:
        """A string, or nothing; ``code`` is what one that is too long is refused with."""
        value, param = self._value(name, required=required), self._param(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise ApiError(400, "invalid_string", f"{param} must be a string", param)
        if len(value) > longest:
            raise ApiError(400, code, f"{param} must have at most {longest} characters", param)
        return value

    def required_text(self, name: str, *, longest: int = 500) -> str:
        """A string that must be there."""
        return self.text(name, required=True, longest=longest) or ""

    def integer(self, name: str, *, required: bool = False, least: int = 1, code: str = "invalid_amount") -> int | None:
        """A whole number, or nothing; ``code`` is what one that is too small is refused with."""
        value, param = self._value(name, required=required), self._param(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise ApiError(400, "invalid_integer", f"{param} must be an integer", param)
        if not least <= value < 10**15:
            raise ApiError(400, code, f"{param} must be at least {least}", param)
        return value

    def choice(self, name: str, values: Collection[str], *, required: bool = False, code: str = "invalid_enum") -> Any:
        """One of the listed values, or nothing."""
        value = self.text(name, required=required)
        if value is not None and value not in values:
            param = self._param(name)
            raise ApiError(400, code, f"{param} must be one of: {', '.join(sorted(values))}", param)
        return value

    def currency(self, name: str = "currency", *, required: bool = True) -> Any:
        """``MXN`` or ``CLP``; older clients send them in lower case."""
        value = self.text(name, required=required)
        if value is not None and value.upper() not in {"MXN", "CLP"}:
            raise ApiError(400, "invalid_currency", "currency must be one of: CLP, MXN", self._param(name))
        return None if value is None else value.upper()

    def object(self, name: str, *, required: bool = False) -> "Body":
        """An object of parameters; an empty one where there is none."""
        value, param = self._value(name, required=required), self._param(name)
        if value is not None and not isinstance(value, dict):
            raise ApiError(400, "invalid_hash", f"{param} must be an object", param)
        return Body(value or {}, param)

    def metadata(self) -> dict[str, Any]:
        """``metadata``: at most 50 plain values."""
        values = dict(self.object("metadata"))
        good = len(values) <= MOST_KEYS and all(
            len(key) <= LONGEST_KEY
            and isinstance(value, str | bool | int | float)
            and len(value if isinstance(value, str) else "") <= LONGEST_VALUE
            for key, value in values.items()
        )
        if not good:
            raise ApiError(
                400, "invalid_params", "metadata holds at most 50 strings, booleans or numbers of 500", "metadata"
            )
        return values


def parse_body(raw: bytes, content_type: str) -> Body:
    """The parameters of a body: JSON, or a form, whose brackets are objects.

    :raises ApiError: 400 ``invalid_json``.
    """
    if not raw.strip():
        return Body({})
    if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        return Body(_form(raw))
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ApiError(400, "invalid_json", "The body is not a JSON object")
    return Body(values)


def _form(raw: bytes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True):
        *outer, last = re.findall(r"[^\[\]]+", name) or [name]
        inner = values
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ApiError(400, "invalid_hash", f"{part} is given twice", part)
        inner[last] = int(value) if "amount" in last and value.isascii() and value.isdigit() else value
    return values


def parse_time(name: str, value: str | None, *, last: bool = False) -> datetime | None:
    """A time in ISO 8601, or a day: its first moment, or its ``last`` one.

    :raises ApiError: 400 ``invalid_date``.
    """
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ApiError(400, "invalid_date", f"{name} must be an ISO 8601 date", name) from None
    if len(value) == len("2026-01-01") and last:
        at = at.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
