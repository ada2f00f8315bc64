"""A request that has passed the middleware, and the response to it.

A module of ``routes`` has a tuple of routes, each with a path and a function from the request to the response:

    def get(request: ApiRequest) -> ApiResponse:
        return ApiResponse(request.store.table(Customer).get(request.path["id"]).to_json(request.version))

    ROUTES = (ApiRoute(method="GET", path="/v2/customers/{id}", handler=get), ...)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.pages import page_v1, page_v2
from rail_fintoc.sandbox.http.query import Query
from rail_fintoc.sandbox.ledger.organisation import Json, Mode, ModeStore, Organisation
from rail_fintoc.sandbox.magic import Delivery


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request. ``url`` is its whole address without the query; ``key`` is its idempotency key."""

    organisation: Organisation
    store: ModeStore
    version: str
    url: str
    path: Mapping[str, str]
    query: Query
    body: Body
    key: str = ""

    @property
    def now(self) -> datetime:
        """When it arrived."""
        return self.organisation.now

    @property
    def mode(self) -> Mode:
        """The mode of its API key."""
        return self.store.mode


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response, and what happens to it on its way; one that is damaged there was stored all the same.

    ``webhooks_first``: the webhooks of the change are delivered before it. ``not_stored``: the request was not
    processed, so its idempotency key stays unused. ``arrives_later``: as that, and the request is processed after
    ``slow_seconds``.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = "whole"
    webhooks_first: bool = False
    not_stored: bool = False
    arrives_later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """One address. A ``signed`` one needs a JWS; ordered faults are aimed at those with ``moves_money``."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    handler: Callable[[ApiRequest], ApiResponse]
    signed: bool = False
    moves_money: bool = False
    transfer_limited: bool = False


def list_response(request: ApiRequest, rows: Sequence[Any], to_json: Callable[[Any], Json]) -> ApiResponse:
    """A page of filtered rows, newest first: by number in v1, by cursor in v2, as the path says."""
    page = page_v1 if "/v1/" in request.url else page_v2
    some, headers = page(request.query, request.url, rows)
    return ApiResponse([to_json(row) for row in some], headers=headers)


def require_version(version: str, request: ApiRequest) -> None:
    """Refuse a request of an older API version.

    :raises ApiError: 403 ``invalid_api_version``.
    """
    if request.version < version:
        raise ApiError(403, "invalid_api_version", f"This endpoint needs Fintoc-Version {version} or later")
