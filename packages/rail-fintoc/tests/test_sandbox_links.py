"""A link is found by its token and by nothing else, and the token is told once."""

import pytest

from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import LISTENING, MISSING, PaymentsDriver, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


NO_LINK = (404, "missing_resource", "link_token")
NO_TOKEN = (401, "invalid_exchange_token", "exchange_token")


async def connected(world: PaymentsDriver) -> tuple[str, str]:
    """Id and token of a link that was just made."""
    made = await world.post("/_sandbox/links", {"username": "416148503"})
    link = await world.get(f"/v1/links/exchange?exchange_token={made['exchange_token']}")
    assert link["id"] == made["id"]
    return link["id"], link["link_token"]


async def test_a_list_tells_neither_tokens_nor_accounts(world: PaymentsDriver) -> None:
    link = next(row for row in await world.get("/v1/links") if row["id"] == fixed_id("link", "CLP"))
    assert link == {
        "id": fixed_id("link", "CLP"),
        "object": "link",
        "mode": "test",
        "status": "active",
        "active": True,
        "username": "183917137",
        "holder_id": "183917137",
        "holder_type": "individual",
        "institution": {"id": "cl_banco_de_chile", "name": "Banco de Chile", "country": "cl"},
        "link_token": None,
        "accounts": None,
        "refresh_status": "succeeded",
        "last_time_refreshed": "2026-02-27T18:00:00Z",
        "created_at": "2026-02-27T18:00:00.000Z",
    }


async def test_the_token_is_told_at_the_exchange_and_never_again(world: PaymentsDriver) -> None:
    made = await world.post("/_sandbox/links", {})
    path = f"/v1/links/exchange?exchange_token={made['exchange_token']}"
    link = await world.get(path)
    assert link["link_token"].startswith(f"{made['id']}_token_")
    assert await refused(world, "GET", path) == NO_TOKEN
    assert (await world.get(f"/v1/links/{link['link_token']}"))["link_token"] is None


@pytest.mark.parametrize("query", ["exchange_token=x", "exchange_token="])
async def test_nothing_else_is_exchanged(world: PaymentsDriver, query: str) -> None:
    missing = (400, "missing_parameter", "exchange_token")
    assert await refused(world, "GET", f"/v1/links/exchange?{query}") == (NO_TOKEN if query[-1] == "x" else missing)


async def test_a_link_is_found_by_its_token_with_its_accounts(world: PaymentsDriver) -> None:
    id_, token = await connected(world)
    link = await world.get(f"/v1/links/{token}")
    assert (link["id"], len(link["accounts"])) == (id_, 1)
    assert await refused(world, "GET", f"/v1/links/{id_}") == NO_LINK


async def test_the_accounts_behind_a_link_need_its_token(world: PaymentsDriver) -> None:
    _, token = await connected(world)
    (account,) = await world.get(f"/v1/accounts?link_token={token}")
    assert set(account["balance"]) == {"available", "current", "limit"}
    assert await world.get(f"/v1/accounts/{account['id']}?link_token={token}") == account
    assert await refused(world, "GET", "/v1/accounts") == (400, "missing_parameter", "link_token")
    assert await refused(world, "GET", "/v1/accounts?link_token=x") == NO_LINK
    assert await refused(world, "GET", f"/v1/accounts/acc_unknown?link_token={token}") == MISSING


async def test_a_link_is_switched_off_and_on(world: PaymentsDriver) -> None:
    _, token = await connected(world)
    for active, status in ((False, "inactive"), (True, "active")):
        link = (await world.send("PATCH", f"/v1/links/{token}", {"active": active})).json()
        assert (link["active"], link["status"]) == (active, status)
    wrong = await refused(world, "PATCH", f"/v1/links/{token}", {"active": "no"})
    assert wrong == (400, "invalid_boolean", "active")
    assert await refused(world, "PATCH", "/v1/links/x", {"active": True}) == NO_LINK


async def test_a_link_is_deleted_by_its_id(world: PaymentsDriver) -> None:
    id_, token = await connected(world)
    assert await refused(world, "DELETE", f"/v1/links/{token}") == MISSING
    answer = await world.send("DELETE", f"/v1/links/{id_}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await refused(world, "GET", f"/v1/links/{token}") == NO_LINK
    assert await refused(world, "DELETE", f"/v1/links/{id_}") == MISSING


async def test_a_link_of_the_other_mode_is_not_there(world: PaymentsDriver) -> None:
    assert await refused(world, "DELETE", f"/v1/links/{fixed_id('link', 'CLP', 'live')}") == MISSING


@pytest.mark.parametrize("status", ["active", "inactive", "login_required"])
async def test_links_are_listed_by_state(world: PaymentsDriver, status: str) -> None:
    assert [row["status"] for row in await world.get(f"/v1/links?status={status}")] == [status]


async def test_links_have_no_other_state(world: PaymentsDriver) -> None:
    assert await refused(world, "GET", "/v1/links?status=gone") == (400, "invalid_enum", "status")


async def test_a_new_link_is_told_with_its_token() -> None:
    world = PaymentsDriver(behaviour=LISTENING)
    _, token = await connected(world)
    (told,) = await world.hears("link.created")
    assert told["data"]["link_token"] == token
