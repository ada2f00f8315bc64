"""One page of a list, as every reading tool answers with it: compact, clean, and with the way to the next one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rail_fintoc.tools.arguments import DEFAULT_ROWS, ResourceList
from rail_fintoc.tools.errors import clean_value, refuse_with_details
from riel import WireModel

if TYPE_CHECKING:
    from rail_fintoc.client import FintocClient


async def read_page(
    client: "FintocClient", path: str, arguments: Mapping[str, Any], default_fields: str
) -> ResourceList:
    """One page of a list, each row cut to the fields that were asked for, or to the ``usual`` ones."""
    filters = dict(arguments)
    fields = filters.pop("fields", None) or default_fields.split()
    limit = filters.pop("per_page" if path.startswith("/v1/") else "limit", DEFAULT_ROWS)
    with refuse_with_details():
        rows = await client.api.list_page(path, filters, limit)
    cut = [clean_value({field: row[field] for field in fields if field in row}) for row in rows.rows]
    return ResourceList(data=cut, next=_next(rows.next))


def _next(cursor: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Where to go on, as arguments of the same tool: pages are numbers there."""
    if cursor is None:
        return None
    return {name: int(value) if name in {"page", "per_page"} else value for name, value in cursor.items()}


def arguments_of(arguments: WireModel) -> dict[str, Any]:
    """The arguments that were given."""
    return arguments.model_dump(by_alias=True, exclude_none=True)
