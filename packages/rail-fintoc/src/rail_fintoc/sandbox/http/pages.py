"""The two ways in which Fintoc pages a list: v1 by number, v2 by cursor, each with its ``Link``."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import urlencode

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.query import Query
from rail_fintoc.sandbox.ledger.organisation import Identified

PAGE, LONGEST_PAGE = 30, 300
T = TypeVar("T", bound=Identified)


def page_v1(query: Query, url: str, rows: Sequence[T]) -> tuple[list[T], dict[str, str]]:
    """``page`` and ``per_page``; ``Link`` has first, prev, next and last."""
    page = _number(query, "page", 1, 10**6)
    size = _number(query, "per_page", PAGE, LONGEST_PAGE)
    last = max(1, -(-len(rows) // size))
    places = {"first": 1, "prev": page - 1, "next": page + 1, "last": last}
    links = [
        f'<{_address(query, url, ("page",), page=number)}>; rel="{name}"'
        for name, number in places.items()
        if 1 <= number <= last
    ]
    some = list(rows[(page - 1) * size : page * size])
    return some, {"Link": ", ".join(links), "X-Total-Count": str(len(rows))}


def page_v2(query: Query, url: str, rows: Sequence[T]) -> tuple[list[T], dict[str, str]]:
    """``limit`` and ``starting_after`` or ``ending_before``; ``Link`` has only next, and is empty at the end."""
    size = _number(query, "limit", PAGE, LONGEST_PAGE)
    after, before = query.get("starting_after"), query.get("ending_before")
    if after and before:
        raise ApiError(400, "invalid_request", "starting_after and ending_before exclude each other", "starting_after")
    begin = 0
    if after:
        begin = _place(rows, after, "starting_after") + 1
    elif before:
        end = _place(rows, before, "ending_before")
        begin, size = max(0, end - size), min(size, end)
    some = list(rows[begin : begin + size])
    if not some or begin + len(some) >= len(rows):
        return some, {"Link": ""}
    following = _address(query, url, ("starting_after", "ending_before"), starting_after=some[-1].id)
    return some, {"Link": f'<{following}>; rel="next"'}


def _place(rows: Sequence[Identified], id_: str, name: str) -> int:
    for place, row in enumerate(rows):
        if row.id == id_:
            return place
    raise ApiError(400, "missing_cursor", f"No such cursor: {id_[:60]}", name)


def _number(query: Query, name: str, default: int, most: int) -> int:
    value = query.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value) >= 1):
        raise ApiError(400, "invalid_positive_integer", f"{name} must be a positive integer", name)
    if int(value) > most:
        raise ApiError(400, "invalid_params", f"{name} must be at most {most}", name)
    return int(value)


def _address(query: Query, url: str, without: tuple[str, ...], **change: object) -> str:
    kept = [(name, value) for name, value in query.pairs if name not in without]
    return f"{url}?{urlencode([*kept, *((name, str(value)) for name, value in change.items())])}"
