"""Every event that is documented can be made in test mode, with the newest object of its kind in it."""

import pytest

from rail_fintoc.sandbox.routes.events import TYPES

from .payments_support import LISTENING, PAYMENT, PaymentsDriver, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


TRIGGER = "/v1/events/trigger"


@pytest.mark.parametrize("type_", sorted(TYPES))
async def test_each_type_can_be_made(world: PaymentsDriver, type_: str) -> None:
    event = await world.post(TRIGGER, {"type": type_})
    assert set(event) == {"id", "object", "type", "mode", "created_at", "data"}
    assert (event["object"], event["type"], event["mode"]) == ("event", type_, "test")
    assert event["id"].startswith("evt_")
    assert event["data"].get("status", type_.rpartition(".")[2]) == type_.rpartition(".")[2]


async def test_an_event_holds_the_newest_object_of_its_kind(world: PaymentsDriver) -> None:
    made = await world.refund(PAYMENT, amount=500)
    event = await world.post(TRIGGER, {"type": "refund.failed"})
    assert event["data"] == made | {"status": "failed"}
    assert await world.get(f"/v1/refunds/{made['id']}") == made, "nothing has happened to it"


async def test_fields_can_be_replaced(world: PaymentsDriver) -> None:
    said = {"type": "payout.succeeded", "overrides": {"amount": 7, "id": "po_mine"}}
    event = await world.post(TRIGGER, said)
    assert (event["data"]["amount"], event["data"]["id"]) == (7, "po_mine")


async def test_an_unknown_type_is_refused(world: PaymentsDriver) -> None:
    assert await refused(world, "POST", TRIGGER, {"type": "refund.lost"}) == (400, "invalid_enum", "type")
    assert await refused(world, "POST", TRIGGER, {}) == (400, "missing_parameter", "type")
    wrong = await refused(world, "POST", TRIGGER, {"type": "refund.failed", "overrides": 1})
    assert wrong == (400, "invalid_hash", "overrides")


async def test_whoever_asked_for_its_type_is_told() -> None:
    world = PaymentsDriver(behaviour=LISTENING)
    event = await world.post(TRIGGER, {"type": "charge.failed"})
    assert await world.hears("charge.failed") == [event]
