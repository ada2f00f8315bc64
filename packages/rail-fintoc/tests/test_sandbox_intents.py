"""A payment intent is made in the widget or by charging a customer, ends once, and is found in v1 and in v2."""

from typing import Any

import pytest

from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import (
    ACCOUNT,
    INVALID_VERSION,
    LISTENING,
    MISSING,
    NOT_NOW,
    OLD,
    PAYMENT,
    PaymentsDriver,
    refused,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


V1, V2 = "/v1/payment_intents", "/v2/payment_intents"
CHARGE = {
    "amount": 9990,
    "currency": "CLP",
    "customer": fixed_id("cus", "CLP"),
    "payment_method": fixed_id("pm", "CLP"),
}
SHAPE = {
    "object": "payment_intent",
    "mode": "test",
    "status": "created",
    "amount": 1000,
    "currency": "CLP",
    "payment_type": "bank_transfer",
    "payment_type_options": {},
    "recipient_account": ACCOUNT | {"holder_id": "415792638"},
    "sender_account": None,
    "reference_id": None,
    "transaction_date": None,
    "expires_at": None,
    "customer": None,
    "customer_email": "payer@example.com",
    "payment_method": None,
    "next_action": None,
    "business_profile": None,
    "subscription": None,
    "error_reason": None,
    "metadata": {},
    "created_at": "2026-03-04T18:00:00Z",
}


async def start(world: PaymentsDriver, **change: Any) -> Any:
    body = {"amount": 1000, "currency": "clp", "customer_email": "payer@example.com", "recipient_account": ACCOUNT}
    return await world.post(V1, body | change)


async def test_a_new_payment_has_the_documented_shape_and_its_widget_token_once(world: PaymentsDriver) -> None:
    made = await start(world)
    id_, token = made.pop("id"), made.pop("widget_token")
    assert made == SHAPE
    assert id_.startswith("pi_")
    assert token.startswith(f"{id_}_sec_")
    assert await world.get(f"{V1}/{id_}") == {"id": id_, **SHAPE, "widget_token": None}


async def test_a_payment_that_succeeds_says_who_paid_and_when(world: PaymentsDriver) -> None:
    made = await start(world)
    world.later(minutes=3)
    paid = await world.post(f"/_sandbox/payment_intents/{made['id']}", {"status": "succeeded"})
    assert paid["status"] == "succeeded"
    assert paid["transaction_date"] == "2026-03-04T18:03:00Z"
    assert set(paid["sender_account"]) == {"holder_id", "institution_id", "number", "type"}
    assert paid["reference_id"].isdigit()


async def test_money_that_goes_straight_to_the_merchant_is_not_held_by_fintoc(world: PaymentsDriver) -> None:
    before = await world.balance()
    for recipient, gain in ((ACCOUNT, 0), (None, 1000)):
        made = await start(world, recipient_account=recipient)
        await world.post(f"/_sandbox/payment_intents/{made['id']}", {"status": "succeeded"})
        assert await world.balance() == before + gain


async def test_a_payment_that_fails_says_why_and_pays_nobody(world: PaymentsDriver) -> None:
    before, made = await world.balance(), await start(world, recipient_account=None)
    said = {"status": "failed", "error_reason": "mfa_locked"}
    failed = await world.post(f"/_sandbox/payment_intents/{made['id']}", said)
    assert (failed["status"], failed["error_reason"], failed["sender_account"]) == ("failed", "mfa_locked", None)
    assert await world.balance() == before


async def test_a_payment_ends_once(world: PaymentsDriver) -> None:
    before, made = await world.balance(), await start(world, recipient_account=None)
    path = f"/_sandbox/payment_intents/{made['id']}"
    await world.post(path, {"status": "pending"})
    await world.post(path, {"status": "succeeded"})
    assert await refused(world, "POST", path, {"status": "succeeded"}) == NOT_NOW
    assert await refused(world, "POST", f"{V1}/{made['id']}/expire") == NOT_NOW
    assert await world.balance() == before + 1000


async def test_an_open_payment_can_be_expired(world: PaymentsDriver) -> None:
    made = await start(world)
    assert (await world.post(f"{V1}/{made['id']}/expire"))["status"] == "expired"
    assert await refused(world, "POST", f"{V1}/{made['id']}/expire") == NOT_NOW


async def test_a_customers_payment_method_is_charged(world: PaymentsDriver) -> None:
    before = await world.balance()
    made = await world.post(V2, CHARGE)
    assert (made["status"], made["customer"]) == ("in_progress", CHARGE["customer"])
    world.later(seconds=1)
    assert (await world.get(f"{V2}/{made['id']}"))["status"] == "succeeded"
    assert await world.balance() == before + 9990


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (V1, {"currency": "CLP"}, (400, "missing_parameter", "amount")),
        (V1, {"amount": 0, "currency": "CLP"}, (400, "invalid_amount", "amount")),
        (V1, {"amount": True, "currency": "CLP"}, (400, "invalid_integer", "amount")),
        (V1, {"amount": 1}, (400, "missing_parameter", "currency")),
        (V1, {"amount": 1, "currency": "USD"}, (400, "invalid_currency", "currency")),
        (
            V1,
            {"amount": 1, "currency": "CLP", "recipient_account": ACCOUNT | {"holder_id": "1-1"}},
            (400, "invalid_holder_id", "recipient_account.holder_id"),
        ),
        (
            V1,
            {"amount": 1, "currency": "CLP", "recipient_account": ACCOUNT | {"type": "purse"}},
            (400, "invalid_account_type", "recipient_account.type"),
        ),
        (
            V1,
            {"amount": 1, "currency": "CLP", "recipient_account": ACCOUNT | {"number": "12-34"}},
            (400, "invalid_account_number", "recipient_account.number"),
        ),
        (V2, CHARGE | {"customer": None}, (400, "missing_parameter", "customer")),
        (V2, CHARGE | {"customer": "cus_unknown"}, MISSING),
        (V2, CHARGE | {"payment_method": "pm_unknown"}, MISSING),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    world: PaymentsDriver, path: str, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    before = await world.get(V1)
    assert await refused(world, "POST", path, body) == expected
    assert await world.get(V1) == before


@pytest.mark.parametrize("what", ["succeeded", "failed", "rejected", "pending", "expired"])
async def test_v1_lists_by_state(world: PaymentsDriver, what: str) -> None:
    rows = await world.get(f"{V1}?status={what}")
    assert {row["status"] for row in rows} == {what}
    assert len(rows) == [row["status"] for row in await world.get(V1)].count(what)


async def test_v1_lists_no_other_state_and_v2_knows_none(world: PaymentsDriver) -> None:
    assert await refused(world, "GET", f"{V1}?status=created") == (400, "invalid_enum", "status")
    assert await world.get(f"{V2}?status=failed") == await world.get(V2)


@pytest.mark.parametrize("path", [V1, V2])
async def test_both_list_by_time(world: PaymentsDriver, path: str) -> None:
    made = await start(world)
    assert [row["id"] for row in await world.get(f"{path}?since=2026-03-04T18:00:00Z")] == [made["id"]]
    assert made["id"] not in {row["id"] for row in await world.get(f"{path}?until=2026-03-04T17:59:59Z")}
    assert await world.get(f"{path}?since=2026-03-05") == []
    assert await refused(world, "GET", f"{path}?until=x") == (400, "invalid_date", "until")


async def test_v1_pages_by_number_and_counts(world: PaymentsDriver) -> None:
    everything = [row["id"] for row in await world.get(V1)]
    answer = await world.send("GET", f"{V1}?per_page=4&page=2&until=2026-12-31")
    assert [row["id"] for row in answer.json()] == everything[4:8]
    assert answer.headers["x-total-count"] == str(len(everything)) == "11"
    base = "<http://fintoc.invalid/v1/payment_intents?per_page=4&until=2026-12-31&page"
    assert answer.headers["link"] == ", ".join(
        f'{base}={page}>; rel="{name}"' for name, page in (("first", 1), ("prev", 1), ("next", 3), ("last", 3))
    )


async def test_v2_pages_by_cursor(world: PaymentsDriver) -> None:
    everything = [row["id"] for row in await world.get(V2)]
    answer = await world.send("GET", f"{V2}?limit=6")
    link = f'<http://fintoc.invalid/v2/payment_intents?limit=6&starting_after={everything[5]}>; rel="next"'
    assert answer.headers["link"] == link
    rest = await world.send("GET", f"{V2}?limit=6&starting_after={everything[5]}")
    assert [row["id"] for row in rest.json()] == everything[6:]
    assert (rest.headers["link"], "x-total-count" in rest.headers) == ("", False)


@pytest.mark.parametrize(("method", "path"), [("GET", V2), ("GET", f"{V2}/{PAYMENT}"), ("POST", V2)])
async def test_v2_is_for_those_whose_version_is_new_enough(world: PaymentsDriver, method: str, path: str) -> None:
    body = CHARGE if method == "POST" else None
    assert await refused(world, method, path, body, version=OLD) == INVALID_VERSION
    assert (await world.send(method, path, body, version="2026-02-01")).is_success


async def test_an_organisation_that_is_pinned_to_an_older_version_has_no_v2_payments() -> None:
    world = PaymentsDriver(behaviour={"pinned_version": OLD})
    assert await refused(world, "GET", V2) == INVALID_VERSION
    assert await world.get(V2, version="2026-02-01")
    assert await world.get(V1)


@pytest.mark.parametrize("id_", ["pi_unknown", fixed_id("pi", "CLP", "live")])
@pytest.mark.parametrize("path", [V1, V2])
async def test_an_unknown_payment_and_one_of_the_other_mode_are_not_there(
    world: PaymentsDriver, path: str, id_: str
) -> None:
    assert await refused(world, "GET", f"{path}/{id_}") == MISSING


async def test_what_becomes_of_a_payment_is_told() -> None:
    world = PaymentsDriver(behaviour=LISTENING)
    made = await start(world)
    path = f"/_sandbox/payment_intents/{made['id']}"
    for what in ("in_progress", "pending", "rejected"):
        await world.post(path, {"status": what})
    told = await world.hears("payment_intent.pending", "payment_intent.rejected")
    assert told[-1]["data"] == await world.get(f"{V1}/{made['id']}")
