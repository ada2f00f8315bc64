"""A webhook endpoint tells its secret when it is made and never again, and is told what it asked for."""

import hashlib
import hmac
from typing import Any

import pytest

from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import MISSING, PAYMENT, PaymentsDriver, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


PATH = "/v1/webhook_endpoints"
HERE = "http://127.0.0.1:9/hook"


async def make(world: PaymentsDriver, *events: str, url: str = HERE) -> Any:
    return await world.post(PATH, {"url": url, "enabled_events": [*events]})


async def test_the_secret_is_in_the_creation_answer_only(world: PaymentsDriver) -> None:
    made = await make(world, "refund.succeeded", url="https://example.com/hooks/fintoc")
    assert made["secret"].startswith("whsec_")
    told = made | {"secret": None}
    assert await world.get(f"{PATH}/{made['id']}") == told
    assert (await world.get(PATH))[0] == told
    assert made["secret"] not in (await world.send("PATCH", f"{PATH}/{made['id']}", {"description": "x"})).text


async def test_an_endpoint_has_the_documented_shape(world: PaymentsDriver) -> None:
    (endpoint,) = await world.get(PATH)
    assert endpoint == {
        "id": fixed_id("we", "CLP"),
        "object": "webhook_endpoint",
        "mode": "test",
        "status": "enabled",
        "url": "https://example.com/hooks/fintoc",
        "description": None,
        "enabled_events": ["transfer.outbound.succeeded"],
        "secret": None,
        "created_at": "2026-03-03T18:00:00Z",
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"enabled_events": ["refund.failed"]}, (400, "missing_parameter", "url")),
        ({"url": "http://example.com", "enabled_events": ["refund.failed"]}, (400, "invalid_params", "url")),
        ({"url": "https://", "enabled_events": ["refund.failed"]}, (400, "invalid_params", "url")),
        ({"url": HERE}, (400, "missing_parameter", "enabled_events")),
        ({"url": HERE, "enabled_events": []}, (400, "missing_parameter", "enabled_events")),
        ({"url": HERE, "enabled_events": "refund.failed"}, (400, "invalid_array", "enabled_events")),
        (
            {"url": HERE, "enabled_events": ["refund.failed", "refund.lost"]},
            (400, "invalid_webhook_subscription", "enabled_events"),
        ),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    world: PaymentsDriver, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    assert await refused(world, "POST", PATH, body) == expected
    assert len(await world.get(PATH)) == 1


async def test_what_is_not_named_stays_as_it_was(world: PaymentsDriver) -> None:
    made = await make(world, "refund.failed")
    path = f"{PATH}/{made['id']}"
    for change, after in (
        ({"description": "ours"}, {"description": "ours"}),
        ({"enabled_events": ["link.created"]}, {"enabled_events": ["link.created"]}),
        ({"disabled": True}, {"status": "disabled"}),
        ({"status": "enabled"}, {"status": "enabled"}),
        ({"url": "https://example.com/x"}, {"url": "https://example.com/x"}),
    ):
        before = await world.get(path)
        assert (await world.send("PATCH", path, change)).json() == before | after
    assert await refused(world, "PATCH", path, {"url": "ftp://x"}) == (400, "invalid_params", "url")
    assert await refused(world, "PATCH", path, {"disabled": "yes"}) == (400, "invalid_boolean", "disabled")
    assert await refused(world, "PATCH", path, {"status": "gone"}) == (400, "invalid_enum", "status")
    assert (await world.get(path))["url"] == "https://example.com/x"


async def test_a_deleted_endpoint_leaves_the_list_and_hears_nothing_more(world: PaymentsDriver) -> None:
    made = await make(world, "refund.in_progress")
    answer = await world.send("DELETE", f"{PATH}/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [row["id"] for row in await world.get(PATH)] == [fixed_id("we", "CLP")]
    assert await refused(world, "DELETE", f"{PATH}/{made['id']}") == MISSING
    await world.post("/v1/events/trigger", {"type": "refund.in_progress"})
    await world.hears()


async def test_an_endpoint_hears_what_it_asked_for_signed_with_its_secret(world: PaymentsDriver) -> None:
    made = await make(world, "refund.succeeded")
    await world.refund(PAYMENT, amount=500)
    await world.hears("refund.succeeded")
    (request,) = world.heard
    time, _, mac = request.headers["fintoc-signature"].removeprefix("t=").partition(",v1=")
    expected = hmac.new(made["secret"].encode(), time.encode() + b"." + request.content, hashlib.sha256)
    assert mac == expected.hexdigest()


async def test_a_disabled_endpoint_hears_nothing(world: PaymentsDriver) -> None:
    made = await make(world, "refund.failed")
    await world.send("PATCH", f"{PATH}/{made['id']}", {"disabled": True})
    await world.post("/v1/events/trigger", {"type": "refund.failed"})
    await make(world, "refund.failed")
    await world.post("/v1/events/trigger", {"type": "refund.failed"})
    await world.hears("refund.failed")


async def test_one_endpoint_alone_can_be_told_of_anything(world: PaymentsDriver) -> None:
    one, _other = await make(world, "link.created", url=f"{HERE}/one"), await make(world, "refund.failed")
    event = await world.post(f"{PATH}/{one['id']}/test", {"type": "refund.failed"})
    (told,) = await world.hears("refund.failed")
    assert told == event
    assert str(world.heard[0].url) == one["url"]
    assert event["data"]["object"] == "refund"
    assert await refused(world, "POST", f"{PATH}/{one['id']}/test", {"type": "x"}) == (400, "invalid_enum", "type")


async def test_endpoints_are_paged_by_number(world: PaymentsDriver) -> None:
    made = [(await make(world, "refund.failed"))["id"] for _ in range(3)]
    answer = await world.send("GET", f"{PATH}?per_page=3&page=1")
    assert [row["id"] for row in answer.json()] == made[::-1]
    assert answer.headers["x-total-count"] == "4"
    assert 'page=2>; rel="next"' in answer.headers["link"]


@pytest.mark.parametrize("id_", ["we_unknown", fixed_id("we", "CLP", "live")])
async def test_an_unknown_endpoint_and_one_of_the_other_mode_are_not_there(world: PaymentsDriver, id_: str) -> None:
    for method, end in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test")):
        assert await refused(world, method, f"{PATH}/{id_}{end}", {} if method == "PATCH" else None) == MISSING
