"""A payout takes what Fintoc holds to the merchant's bank; what is canceled or comes back is held again."""

import pytest

from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import LISTENING, MISSING, NOT_NOW, PaymentsDriver, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


OPEN = fixed_id("po", "CLP")


async def test_a_payout_has_the_documented_shape(world: PaymentsDriver) -> None:
    assert await world.get(f"/v1/payouts/{OPEN}") == {
        "id": OPEN,
        "object": "payout",
        "mode": "test",
        "status": "in_progress",
        "amount": 30_000,
        "currency": "CLP",
        "recipient_account": {
            "holder_id": "771806538",
            "institution_id": "cl_banco_de_chile",
            "number": "1530108000",
            "type": "checking_account",
        },
        "created_at": "2026-03-01T18:00:00Z",
        "succeeded_at": None,
        "updated_at": "2026-03-01T18:00:00Z",
    }


@pytest.mark.parametrize("status", ["in_progress", "succeeded", "canceled", "returned"])
async def test_payouts_are_listed_by_state(world: PaymentsDriver, status: str) -> None:
    rows = await world.get(f"/v1/payouts?status={status}")
    assert {row["status"] for row in rows} == {status}
    assert len(rows) == [row["status"] for row in await world.get("/v1/payouts")].count(status)


async def test_no_payout_is_listed_as_created(world: PaymentsDriver) -> None:
    assert await refused(world, "GET", "/v1/payouts?status=created") == (400, "invalid_enum", "status")


async def test_payouts_are_listed_by_whole_days(world: PaymentsDriver) -> None:
    everything = await world.get("/v1/payouts")
    assert await world.get("/v1/payouts?since=2026-03-01&until=2026-03-01") == everything != []
    assert await world.get("/v1/payouts?since=2026-03-02") == []
    assert await world.get("/v1/payouts?until=2026-02-28") == []
    assert await refused(world, "GET", "/v1/payouts?since=x") == (400, "invalid_date", "since")


async def test_pages_are_numbered(world: PaymentsDriver) -> None:
    everything = [row["id"] for row in await world.get("/v1/payouts")]
    answer = await world.send("GET", "/v1/payouts?per_page=2&page=3")
    assert [row["id"] for row in answer.json()] == everything[4:]
    assert 'rel="next"' not in answer.headers["link"]
    assert answer.headers["x-total-count"] == "5"
    assert await refused(world, "GET", "/v1/payouts?per_page=301") == (400, "invalid_params", "per_page")
    assert await refused(world, "GET", "/v1/payouts?page=0") == (400, "invalid_positive_integer", "page")


@pytest.mark.parametrize(("status", "back"), [("succeeded", 0), ("canceled", 30_000), ("returned", 30_000)])
async def test_what_does_not_reach_the_bank_is_held_again(world: PaymentsDriver, status: str, back: int) -> None:
    before = await world.balance()
    ended = await world.post(f"/_sandbox/payouts/{OPEN}", {"status": status})
    assert (ended["status"], ended["succeeded_at"] is None) == (status, status != "succeeded")
    assert await world.balance() == before + back
    assert await refused(world, "POST", f"/_sandbox/payouts/{OPEN}", {"status": status}) == NOT_NOW
    assert await world.balance() == before + back


async def test_a_payout_can_come_back_after_it_succeeded(world: PaymentsDriver) -> None:
    before = await world.balance()
    for status in ("succeeded", "returned"):
        await world.post(f"/_sandbox/payouts/{OPEN}", {"status": status})
    assert await world.balance() == before + 30_000


@pytest.mark.parametrize("id_", ["po_unknown", fixed_id("po", "CLP", "live")])
async def test_an_unknown_payout_and_one_of_the_other_mode_are_not_there(world: PaymentsDriver, id_: str) -> None:
    assert await refused(world, "GET", f"/v1/payouts/{id_}") == MISSING


async def test_nobody_asks_for_a_payout(world: PaymentsDriver) -> None:
    assert await refused(world, "POST", "/v1/payouts", {"amount": 1}) == (405, "operation_not_allowed", None)


async def test_the_end_of_a_payout_is_told() -> None:
    world = PaymentsDriver(behaviour=LISTENING)
    ended = await world.post(f"/_sandbox/payouts/{OPEN}", {"status": "succeeded"})
    (told,) = await world.hears("payout.succeeded")
    assert told["data"] == ended
