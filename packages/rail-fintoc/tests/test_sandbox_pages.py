"""Both routes of paging show every row once, newest first, and their links lead from one page to the next."""

import re
from typing import Any

import pytest

from rail_fintoc.sandbox.app import pretend_fintoc
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.accounts import Entity
from rail_fintoc.sandbox.routes import ROUTES
from rail_fintoc.sandbox.seed.companies import ACCOUNT

from .sandbox_support import SandboxDriver, error

pytestmark = pytest.mark.anyio

NUMBERS = "/v2/account_numbers"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def with_numbers(made: int) -> SandboxDriver:
    world = SandboxDriver()
    for _ in range(made):
        await world.post(NUMBERS, {"account_id": ACCOUNT})
    return world


async def walked(world: SandboxDriver, path: str) -> list[list[str]]:
    """The pages that one comes to by following ``next`` as it stands."""
    pages: list[list[str]] = []
    async with world.http() as http:
        while path:
            answer = await http.get(path)
            assert answer.status_code == 200, answer.text
            pages.append([row["id"] for row in answer.json()])
            found = re.search(r'<([^>]+)>; rel="next"', answer.headers["Link"])
            path = found[1] if found else ""
    return pages


@pytest.mark.parametrize("limit", [1, 2, 5, 7, 300])
async def test_the_cursor_shows_every_row_once(limit: int) -> None:
    world = await with_numbers(5)
    pages = await walked(world, f"{NUMBERS}?limit={limit}&account_id={ACCOUNT}")
    shown = [id_ for page in pages for id_ in page]
    assert len(shown) == len(set(shown)) == 6
    assert shown[0] > shown[-2]
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


async def test_the_end_of_a_list_has_an_empty_link() -> None:
    world = await with_numbers(1)
    assert (await world.send("GET", NUMBERS)).headers["Link"] == ""


async def test_a_link_keeps_the_filters() -> None:
    world = await with_numbers(2)
    link = (await world.send("GET", f"{NUMBERS}?account_id={ACCOUNT}&limit=1")).headers["Link"]
    assert f"account_id={ACCOUNT}&limit=1&starting_after=acno_" in link
    assert link.startswith("<http://fintoc.invalid/v2/account_numbers?")
    assert "last" not in link


async def test_one_can_go_back() -> None:
    world = await with_numbers(5)
    newest = [row["id"] for row in await world.get(NUMBERS)]
    assert [row["id"] for row in await world.get(f"{NUMBERS}?limit=2&ending_before={newest[4]}")] == newest[2:4]
    assert [row["id"] for row in await world.get(f"{NUMBERS}?limit=9&ending_before={newest[2]}")] == newest[:2]
    assert await world.get(f"{NUMBERS}?ending_before={newest[0]}") == []


async def test_a_row_that_comes_while_one_pages_moves_nothing() -> None:
    world = await with_numbers(4)
    first = await world.send("GET", f"{NUMBERS}?limit=2")
    shown = [row["id"] for row in first.json()]
    new = await world.post(NUMBERS, {"account_id": ACCOUNT})
    rest = await walked(world, f"{NUMBERS}?limit=2&starting_after={shown[-1]}")
    assert new["id"] not in [id_ for page in rest for id_ in page]
    assert not {*shown} & {id_ for page in rest for id_ in page}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_positive_integer"),
        ("limit=x", "invalid_positive_integer"),
        ("limit=301", "invalid_params"),
        ("starting_after=acno_none", "missing_cursor"),
        ("starting_after=a&ending_before=b", "invalid_request"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(query: str, code: str) -> None:
    world = SandboxDriver()
    assert error(await world.send("GET", f"{NUMBERS}?{query}")) == (400, code)


def rows(request: ApiRequest) -> ApiResponse:
    return list_response(request, request.store.table(Entity).newest_first(), lambda row: {"id": row.id})


async def of_v1(entities: int) -> SandboxDriver:
    world = SandboxDriver()
    routes = (
        *ROUTES,
        ApiRoute(method="GET", path="/v1/things", handler=rows),
        ApiRoute(method="POST", path="/v1/more", handler=more),
    )
    world.sandbox = pretend_fintoc(clock=lambda: world.now, routes=routes)
    for _ in range(entities - 2):
        await world.post("/v1/more")
    return world


def more(request: ApiRequest) -> ApiResponse:
    made = Entity(
        id=request.organisation.id("ent"),
        mode=request.mode,
        holder_name="x",
        holder_id="x",
        country_code="mx",
        is_root=False,
    )
    request.store.table(Entity).add(made)
    return ApiResponse({})


@pytest.mark.parametrize("size", [1, 2, 5, 300])
async def test_numbered_pages_show_every_row_once_and_tell_how_many_there_are(size: int) -> None:
    world = await of_v1(5)
    pages = await walked(world, f"/v1/things?per_page={size}")
    shown = [id_ for page in pages for id_ in page]
    assert len(shown) == len(set(shown)) == 5
    assert (await world.send("GET", "/v1/things")).headers["X-Total-Count"] == "5"


def links(header: str) -> dict[str, Any]:
    return {name: re.search(r"[?&]page=(\d+)", url)[1] for url, name in re.findall(r'<([^>]+)>; rel="(\w+)"', header)}  # type: ignore[index]


async def test_a_numbered_page_links_to_its_neighbours() -> None:
    world = await of_v1(5)
    middle = await world.send("GET", "/v1/things?page=2&per_page=2")
    assert links(middle.headers["Link"]) == {"first": "1", "prev": "1", "next": "3", "last": "3"}
    last = await world.send("GET", "/v1/things?page=3&per_page=2")
    assert links(last.headers["Link"]) == {"first": "1", "prev": "2", "last": "3"}
    assert (await world.get("/v1/things?page=9&per_page=2")) == []
