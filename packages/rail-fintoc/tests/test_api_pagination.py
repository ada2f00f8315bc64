"""Lists come whole and in order, page by page as Fintoc links them, and the key goes to nobody else."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_fintoc.api import API, VERSION, FintocApi, ResourcePage
from riel import NothingLearned

from .api_support import SECRET, ScriptedResponses, error, said, talking_to

pytestmark = pytest.mark.anyio


def listing(total: int, *, empty_link: bool = True) -> Callable[[httpx.Request], httpx.Response]:
    """A Fintoc that has ``total`` rows and pages both ways, written down here from its documentation."""
    rows = [{"id": f"tr_{number:04d}", "amount": number} for number in range(total)]

    def respond(request: httpx.Request) -> httpx.Response:
        asked = {name: values[-1] for name, values in parse_qs(request.url.query.decode()).items()}
        here = f"{request.url.scheme}://{request.url.netloc.decode()}{request.url.path}"
        kept = "".join(f"&{name}={value}" for name, value in asked.items() if name in {"direction", "status"})
        if request.url.path.startswith("/v1/"):
            size, page = int(asked.get("per_page", 30)), int(asked.get("page", 1))
            last = max(1, -(-total // size))
            links = {"first": 1, "last": last} | ({"next": page + 1} if page < last else {})
            link = ", ".join(f'<{here}?page={to}&per_page={size}{kept}>; rel="{rel}"' for rel, to in links.items())
            return said(rows[(page - 1) * size : page * size], Link=link)
        size, after = int(asked.get("limit", 30)), asked.get("starting_after")
        start = next((place + 1 for place, row in enumerate(rows) if row["id"] == after), 0)
        page_rows = rows[start : start + size]
        if start + size >= total:
            return said(page_rows, Link="") if empty_link else said(page_rows)
        return said(page_rows, Link=f'<{here}?starting_after={page_rows[-1]["id"]}&limit={size}{kept}>; rel="next"')

    return respond


async def every(fintoc: FintocApi, path: str, **params: Any) -> list[int]:
    return [row["amount"] async for row in fintoc.iter_list(path, params)]


@given(total=st.integers(0, 700), path=st.sampled_from(["/v1/refunds", "/v2/transfers"]), empty=st.booleans())
async def test_every_row_comes_once_and_in_order(total: int, path: str, empty: bool) -> None:
    async with talking_to(listing(total, empty_link=empty)) as fintoc:
        assert await every(fintoc, path) == list(range(total))


@given(
    total=st.integers(0, 700),
    sizes=st.lists(st.integers(20, 650), min_size=1, max_size=8),
    path=st.sampled_from(["/v1/refunds", "/v2/transfers"]),
)
async def test_going_on_from_where_a_part_ended_loses_nothing_and_repeats_nothing(
    total: int, sizes: list[int], path: str
) -> None:
    found: list[int] = []
    where: dict[str, str] | None = {}
    async with talking_to(listing(total)) as fintoc:
        for turn in range(total + 1):
            most = sizes[0] if path.startswith("/v1/") else sizes[turn % len(sizes)]
            part = await fintoc.list_page(path, where or {}, most)
            assert len(part.rows) <= most
            found += [row["amount"] for row in part.rows]
            where = dict(part.next) if part.next else None
            if where is None:
                break
    assert found == list(range(total))


@pytest.mark.parametrize(
    ("path", "following"),
    [("/v1/refunds", {"page": "2", "per_page": "30"}), ("/v2/transfers", {"starting_after": "tr_0029"})],
)
async def test_a_part_says_with_which_parameters_to_go_on(path: str, following: dict[str, str]) -> None:
    async with talking_to(listing(31)) as fintoc:
        assert (await fintoc.list_page(path, {}, 30)).next == following
        assert (await fintoc.list_page(path, {}, 31)).next is None
        assert await fintoc.list_page(path, following, 30) == ResourcePage([{"id": "tr_0030", "amount": 30}])


async def test_the_next_page_is_asked_for_as_it_is_linked_with_the_version_and_the_key() -> None:
    link = f'<{API}/v2/transfers?starting_after=tr_1&x=%5B1%5D&since=2026-01-01T00%3A00%3A00Z&limit=7>; rel="next"'
    wire = ScriptedResponses([said([{"id": "tr_1"}], Link=link), said([{"id": "tr_2"}])])
    async with talking_to(wire) as fintoc:
        rows = [row["id"] async for row in fintoc.iter_list("/v2/transfers", {"status": ["failed", "pending"]})]
    assert rows == ["tr_1", "tr_2"]
    first, second = wire.left
    assert first.url.query == b"limit=300&status=failed&status=pending"
    assert str(second.url) == link[1:].partition(">")[0]
    for request in wire.left:
        assert (request.headers["Fintoc-Version"], request.headers["Authorization"]) == (VERSION, SECRET)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v2/transfers?starting_after=tr_1",
        "https://api.fintoc.com.evil.example/v2/transfers?starting_after=tr_1",
        "http://api.fintoc.com/v2/transfers?starting_after=tr_1",
        "https://api.fintoc.com:8443/v2/transfers?starting_after=tr_1",
        "https://user@api.fintoc.com/v2/transfers?starting_after=tr_1",
        "https://api.fintoc.com@evil.example/v2/transfers?starting_after=tr_1",
        "https://api.fintoc.com\\@evil.example/v2/transfers",
        "//evil.example/v2/transfers",
        "/v2/transfers?starting_after=tr_1",
        "https://api.fintoc.com/v1/transfers?page=2",
        "https://api.fintoc.com/v2/transfers/../accounts",
        "https://api.fintoc.com/v2/transfers/tr_1",
        "https://api.fintoc.com/v2/%74ransfers",
        "https://api.fintoc.com/v2/transfers?page=2#x",
        "https://[::1/v2/transfers",
        "javascript:alert(1)",
    ],
)
async def test_a_next_page_that_is_elsewhere_never_gets_the_key(link: str) -> None:
    wire = ScriptedResponses([said([{"id": "tr_1"}], Link=f'<{link}>; rel="next"')])
    async with talking_to(wire) as fintoc:
        with pytest.raises(NothingLearned, match="elsewhere"):
            await every(fintoc, "/v2/transfers")
        with pytest.raises(NothingLearned, match="elsewhere"):
            await fintoc.list_page("/v2/transfers", {}, 1)
    assert {(request.url.host, request.url.path) for request in wire.left} == {("api.fintoc.com", "/v2/transfers")}


@given(host=st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), port=st.none() | st.integers(1, 65535))
async def test_no_host_but_our_own_is_ever_asked(host: str, port: int | None) -> None:
    netloc = host if port is None else f"{host}:{port}"
    wire = ScriptedResponses([said([], Link=f'<https://{netloc}/v2/transfers?starting_after=x>; rel="next"')])
    async with talking_to(wire, base_url="http://127.0.0.1:8999") as fintoc:
        with pytest.raises(NothingLearned):
            await fintoc.list_page("/v2/transfers", {}, 300)
    assert {request.url.netloc for request in wire.left} == {b"127.0.0.1:8999"}


async def test_a_list_that_turns_in_a_circle_is_no_list() -> None:
    wire = ScriptedResponses([said([{"id": "tr_1"}], Link=f'<{API}/v2/transfers?limit=300>; rel="next"')])
    async with talking_to(wire) as fintoc:
        with pytest.raises(NothingLearned, match="end"):
            [row async for row in fintoc.iter_list("/v2/transfers")]
    assert len(wire.left) == 1


async def test_a_row_that_slips_to_the_next_page_comes_once() -> None:
    link = f'<{API}/v1/refunds?page=2>; rel="next"'
    wire = ScriptedResponses(
        [said([{"id": "re_2"}, {"id": "re_1"}], Link=link), said([{"id": "re_1"}, {"id": "re_0"}])]
    )
    async with talking_to(wire) as fintoc:
        assert [row["id"] async for row in fintoc.iter_list("/v1/refunds")] == ["re_2", "re_1", "re_0"]


async def test_a_page_that_fails_on_the_way_makes_no_shorter_list() -> None:
    link = f'<{API}/v2/transfers?starting_after=tr_1>; rel="next"'
    wire = ScriptedResponses([said([{"id": "tr_1"}], Link=link), error(500, "internal_server_error", "api_error")])
    async with talking_to(wire) as fintoc:
        with pytest.raises(NothingLearned):
            await fintoc.list_page("/v2/transfers", {}, 600)


@pytest.mark.parametrize("body", [{}, {"data": []}, None, "x", 7, [1], [[]], [{"id": "tr_1"}, None]])
async def test_what_is_no_list_of_objects_teaches_nothing(body: object) -> None:
    async with talking_to(ScriptedResponses([said(body)])) as fintoc:
        with pytest.raises(NothingLearned, match="list"):
            await fintoc.list_page("/v2/transfers", {}, 30)


async def test_a_next_page_without_a_place_is_not_taken_for_the_end() -> None:
    async with talking_to(ScriptedResponses([said([], Link=f'<{API}/v2/transfers?limit=1>; rel="next"')])) as fintoc:
        with pytest.raises(NothingLearned, match="where"):
            await fintoc.list_page("/v2/transfers", {}, 30)


@pytest.mark.parametrize("most", [0, -1])
async def test_a_list_is_asked_for_at_least_one_row(most: int) -> None:
    async with talking_to(listing(3)) as fintoc:
        with pytest.raises(ValueError, match="at least one"):
            await fintoc.list_page("/v2/transfers", {}, most)


@pytest.mark.parametrize("link", ['<>; rel="next"', "nonsense", ";", '<x>; rel="prev"', ", ,", '<x>; rel=""'])
async def test_a_link_without_a_next_page_is_the_end(link: str) -> None:
    async with talking_to(ScriptedResponses([said([{"id": "tr_1"}], Link=link)])) as fintoc:
        assert await fintoc.list_page("/v2/transfers", {}, 30) == ResourcePage([{"id": "tr_1"}])


@pytest.mark.parametrize("path", ["/v1/refunds", "/v2/transfers"])
@pytest.mark.parametrize(("most", "rows"), [(300, 300), (301, 300), (450, 450), (601, 600)])
async def test_more_than_a_page_is_read_in_even_pages_and_never_more_than_was_asked(
    path: str, most: int, rows: int
) -> None:
    async with talking_to(listing(700)) as fintoc:
        part = await fintoc.list_page(path, {}, most)
        assert len(part.rows) == rows
        rest = await fintoc.list_page(path, part.next or {}, most)
    assert rest.rows[0]["amount"] == rows
