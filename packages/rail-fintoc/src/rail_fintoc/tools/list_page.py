"""One page of a list, as every reading tool answers with it: compact, clean, and with the way to the next one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rail_fintoc.codes import CODES
from rail_fintoc.tools.arguments import DEFAULT_ROWS, ResourceList
from rail_fintoc.tools.errors import clean_value, refuse_with_details
from riel import NotAllowed, WireModel

if TYPE_CHECKING:
    from rail_fintoc.client import FintocClient

FIELD_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,39}")
"""A name of a field as an agent may read it outside ``untrusted``."""


async def read_page(
    client: "FintocClient", path: str, arguments: Mapping[str, Any], default_fields: str
) -> ResourceList:
    """One page of a list, each row cut to the fields that were asked for, or to the ``usual`` ones."""
    filters = dict(arguments)
    asked = filters.pop("fields", None)
    fields = asked or default_fields.split()
    limit = filters.pop("per_page" if path.startswith("/v1/") else "limit", DEFAULT_ROWS)
    with refuse_with_details():
        rows = await client.api.list_page(path, filters, limit)
    _check_fields(asked or (), rows.rows)
    cut = [clean_value({field: row[field] for field in fields if field in row}) for row in rows.rows]
    return ResourceList(data=cut, next=_next(rows.next))


def _check_fields(fields: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a field that no row has: an agent would take rows without it for an answer.

    :raises NotAllowed: with the names that there are.
    """
    known = sorted({name for row in rows for name in row if FIELD_NAME.fullmatch(name)})
    unknown = [field for field in fields if field not in known]
    if rows and unknown:
        refused = replace(
            CODES["FINTOC_INVALID_FIELD"],
            message=f"No row has the field {unknown[0]}.",
            remedy=f"Ask for some of {', '.join(known)}; or leave fields out.",
        )
        raise NotAllowed(refused, details={"field": "fields"})


def _next(cursor: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Where to go on, as arguments of the same tool: pages are numbers there."""
    if cursor is None:
        return None
    return {name: int(value) if name in {"page", "per_page"} else value for name, value in cursor.items()}


def arguments_of(arguments: WireModel) -> dict[str, Any]:
    """The arguments that were given."""
    return arguments.model_dump(by_alias=True, exclude_none=True)
