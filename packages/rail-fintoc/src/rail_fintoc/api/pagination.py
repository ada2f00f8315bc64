"""Fintoc's lists, page by page: where the next one is, and what to ask for to go on later.

``/v1`` counts pages (``page``, ``per_page``), ``/v2`` goes on after the last object seen (``starting_after``,
``limit``). Both name the next page in the ``Link`` header, which carries the filters too and is followed as it stands.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from rail_fintoc.api.json_body import JsonObject
from rail_fintoc.api.request import Params
from riel import NothingLearned

MAX_PAGE_SIZE: Final = 300
"""Rows of a page at most, in both."""

CURSORS: Final = ("starting_after", "ending_before", "page")
"""The parameters that say where a page is."""

_PLACE = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class ResourcePage:
    """Rows of a list, newest first, and the parameters that bring the next ones (with the same filters), if any."""

    rows: list[JsonObject]
    next: Mapping[str, str] | None = None


def page_params(path: str, params: Params, limit: int) -> tuple[dict[str, Any], int]:
    """The parameters of pages that end where ``most`` rows do, and how many of them there are.

    Pages are always given whole, so that the next one is where Fintoc says. Where ``most`` is more than a page it may
    not divide evenly; then a few rows fewer are read.
    """
    if limit < 1:
        raise ValueError("a list is asked for at least one row")
    pages = -(-limit // MAX_PAGE_SIZE)
    return {**params, size_param(path): limit // pages}, pages


def size_param(path: str) -> str:
    """What the size of a page is called there."""
    return "per_page" if path.startswith("/v1/") else "limit"


def next_link(response: httpx.Response) -> str:
    """The address of the next page, as the ``Link`` header has it; empty at the end of the list."""
    return response.links.get("next", {}).get("url", "")


def cursor(link: httpx.URL, path: str) -> dict[str, str]:
    """What stands in the address of the next page and says where it is.

    :raises NothingLearned: nothing there says so, so a list that goes on would look like one that ends.
    """
    values = {name: link.params[name] for name in CURSORS if _PLACE.fullmatch(link.params.get(name, ""))}
    if not values:
        raise NothingLearned("Fintoc names a next page and not where it is")
    if "page" in values and (size := link.params.get(size_param(path))):
        values[size_param(path)] = size
    return values
