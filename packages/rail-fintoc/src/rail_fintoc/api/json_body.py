"""JSON of the API: its types, and a parser that refuses what could be understood in two ways."""

import json
import math
from typing import Any, TypeAlias

JSON: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]


class InvalidJson(ValueError):
    """A body that is no JSON, or that could be understood in two ways."""


def parse_json(body: bytes) -> JSON:
    """The JSON of an answer; ``None`` where the body is empty, as after a ``DELETE``.

    :raises InvalidJson: it is no JSON in UTF-8, has a name twice in one object, or a number that is not finite.
    """
    if not body.strip():
        return None
    try:
        return json.loads(
            body.decode("utf-8-sig"), parse_float=_finite, parse_constant=_finite, object_pairs_hook=unique_names
        )
    except (ValueError, RecursionError) as failure:
        raise InvalidJson(f"no JSON ({type(failure).__name__})") from None


def unique_names(pairs: list[tuple[str, Any]]) -> JsonObject:
    """The object of some names and values, as a hook of ``json``.

    :raises ValueError: a name stands there twice.
    """
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return values


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number
