"""One page of a list, as every reading tool answers with it: compact, clean, and with the way to the next one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rail_fintoc.tools.arguments import USUAL, Listed
from rail_fintoc.tools.errors import answering, shown
from riel import WireModel

if TYPE_CHECKING:
    from rail_fintoc.client import FintocClient


async def read(client: "FintocClient", path: str, asked: Mapping[str, Any], usual: str) -> Listed:
    """One page of a list, each row cut to the fields that were asked for, or to the ``usual`` ones."""
    given = dict(asked)
    fields = given.pop("fields", None) or usual.split()
    most = given.pop("per_page" if path.startswith("/v1/") else "limit", USUAL)
    with answering():
        rows = await client.api.pages(path, given, most)
    cut = [shown({field: row[field] for field in fields if field in row}) for row in rows.rows]
    return Listed(data=cut, next=_next(rows.next))


def _next(cursor: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Where to go on, as arguments of the same tool: pages are numbers there."""
    if cursor is None:
        return None
    return {name: int(value) if name in {"page", "per_page"} else value for name, value in cursor.items()}


def arguments_of(asked: WireModel) -> dict[str, Any]:
    """The arguments that were given."""
    return asked.model_dump(by_alias=True, exclude_none=True)
