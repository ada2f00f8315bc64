"""How the lists of payments are narrowed: by a time and by a state, each refused where it is neither."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TypeVar

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import instant
from rail_fintoc.sandbox.http.request import Asked

T = TypeVar("T")


def by_time(asked: Asked, rows: Sequence[T], at: Callable[[T], datetime]) -> list[T]:
    """Those between ``since`` and ``until``, both included; a day means the whole of it.

    :raises Refused: 400 ``invalid_date``.
    """
    since, until = instant("since", asked.query.get("since")), instant("until", asked.query.get("until"), last=True)
    return [row for row in rows if (since is None or since <= at(row)) and (until is None or at(row) <= until)]


def by_word(
    asked: Asked, rows: Sequence[T], name: str, words: Collection[str] | None, of: Callable[[T], str | None]
) -> list[T]:
    """Those whose word is the one asked for; ``words`` are the ones that there are, or any.

    :raises Refused: 400 ``invalid_enum``.
    """
    wanted = asked.query.get(name)
    if wanted is None:
        return list(rows)
    if words is not None and wanted not in words:
        raise Refused(400, "invalid_enum", f"{name} must be one of: {', '.join(sorted(words))}", name)
    return [row for row in rows if of(row) == wanted]


def not_now(what: str) -> Refused:
    """The object is in a state in which this cannot be done; Fintoc documents the status, and no code."""
    return Refused(409, "operation_not_allowed", what)
