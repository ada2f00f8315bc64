"""The limits of an operator, as a guard for a test."""

from collections.abc import Mapping
from typing import Any

from riel.guards import Guard
from riel.guards.limits import Limits, read_limits


def limits_guard(table: Mapping[str, Any]) -> Guard:
    """Return the guard of a table ``[limits]``: ``limits_guard({"per_payment": {"MXN": 50_000}})``.

    :raises ValueError: a limit is wrong.
    """
    return Limits(read_limits(table))
