"""The filters of lists: by time and by the value of a field."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TypeVar

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import parse_time
from rail_fintoc.sandbox.http.request import ApiRequest

T = TypeVar("T")


def filter_by_time(request: ApiRequest, rows: Sequence[T], at: Callable[[T], datetime]) -> list[T]:
    """The rows between ``since`` and ``until``, both included; a day is included as a whole.

    :raises ApiError: 400 ``invalid_date``.
    """
    since, until = (
        parse_time("since", request.query.get("since")),
        parse_time("until", request.query.get("until"), last=True),
    )
    return [row for row in rows if (since is None or since <= at(row)) and (until is None or at(row) <= until)]


def filter_by_value(
    request: ApiRequest, rows: Sequence[T], name: str, values: Collection[str] | None, of: Callable[[T], str | None]
) -> list[T]:
    """The rows whose field has the value of a query parameter; ``None`` as ``values`` allows any.

    :raises ApiError: 400 ``invalid_enum``.
    """
    wanted = request.query.get(name)
    if wanted is None:
        return list(rows)
    if values is not None and wanted not in values:
        raise ApiError(400, "invalid_enum", f"{name} must be one of: {', '.join(sorted(values))}", name)
    return [row for row in rows if of(row) == wanted]


def wrong_state(message: str) -> ApiError:
    """The error for an object whose state does not allow the request; Fintoc documents its status, and no code."""
    return ApiError(409, "operation_not_allowed", message)
