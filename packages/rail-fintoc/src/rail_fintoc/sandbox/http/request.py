"""A request that has come through every door, and the answer to it: what the resources are written with.

A resource is a tuple of ways, each a path and a function that takes what was asked and gives a reply:

    def get(asked: Asked) -> Reply:
        return Reply(asked.books.shelf(Customer).find(asked.path["id"]).told(asked.version))

    WAYS = (Way(method="GET", path="/v2/customers/{id}", answer=get), ...)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.pages import page_v1, page_v2
from rail_fintoc.sandbox.http.query import Query
from rail_fintoc.sandbox.ledger.organisation import Books, Json, Mode, World
from rail_fintoc.sandbox.magic import Delivery


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``url`` is where it went, without its query."""

    world: World
    books: Books
    version: str
    url: str
    path: Mapping[str, str]
    query: Query
    body: Body
    key: str = ""

    @property
    def now(self) -> datetime:
        """When it came."""
        return self.world.now

    @property
    def mode(self) -> Mode:
        """The mode of the key that it came with."""
        return self.books.mode


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, and what befalls the answer; a damaged one was decided and stored all the same.

    ``told_first``: the webhooks of what it brought about arrive before it. ``forgotten``: nothing was done, so that
    the idempotency key is as new. ``late``: the same, and the request arrives by itself, ``slow_seconds`` later.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Delivery = "whole"
    told_first: bool = False
    forgotten: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One address. ``signed`` ones need a JWS; those that ``moves_money`` are what faults are aimed at."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    answer: Callable[[Asked], Reply]
    signed: bool = False
    moves_money: bool = False
    paced: bool = False
    since: str = ""


def listed(asked: Asked, rows: Sequence[Any], told: Callable[[Any], Json]) -> Reply:
    """A page of a list that was filtered and stands newest first; v1 by number, v2 by cursor, as its path says."""
    page = page_v1 if "/v1/" in asked.url else page_v2
    some, headers = page(asked.query, asked.url, rows)
    return Reply([told(row) for row in some], headers=headers)


def only_from(version: str, asked: Asked) -> None:
    """Refuse a request of an older API version.

    :raises Refused: 403 ``invalid_api_version``.
    """
    if asked.version < version:
        raise Refused(403, "invalid_api_version", f"This endpoint needs Fintoc-Version {version} or later")
