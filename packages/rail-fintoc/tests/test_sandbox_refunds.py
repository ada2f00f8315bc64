"""A refund gives back at most what was paid, once, out of what Fintoc holds; it ends well or badly, or is canceled."""

import asyncio
from typing import Any

import pytest

from rail_fintoc.sandbox.ledger.merchant_balance import working_days_later
from rail_fintoc.sandbox.refund_magic import SCENARIOS, markdown_table
from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import (
    ACCOUNT,
    LISTENING,
    MEXICAN,
    MISSING,
    PAYMENT,
    UNKNOWN_PAYER,
    PaymentsDriver,
    refund_of,
    refused,
)
from .sandbox_support import NOON

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


PAYER = {"holder_id": "415792638", "institution_id": "cl_banco_estado", "number": "41579263", "type": "sight_account"}
LONG = {"refund_pending_seconds": 60, "refunded_seconds": 60}


async def status(world: PaymentsDriver, id_: str) -> tuple[str, str | None]:
    told = await world.get(f"/v1/refunds/{id_}")
    return told["status"], told["failure_code"]


async def test_a_new_refund_has_the_documented_shape(world: PaymentsDriver) -> None:
    made = await world.refund(amount=500, metadata={"why": "late"})
    assert made.pop("id").startswith("re_")
    assert made == {
        "object": "refund",
        "mode": "test",
        "status": "pending",
        "amount": 500,
        "currency": "CLP",
        "resource_id": PAYMENT,
        "resource_type": "payment_intent",
        "recipient_account": {"holder_name": "Jon Snow", **PAYER},
        "failure_code": None,
        "metadata": {"why": "late"},
        "created_at": "2026-03-04T18:00:00Z",
        "updated_at": "2026-03-04T18:00:00Z",
    }


async def test_a_refund_is_pending_then_in_progress_then_succeeded() -> None:
    world = PaymentsDriver(behaviour=LONG)
    made = await world.refund(amount=500)
    assert await status(world, made["id"]) == ("pending", None)
    world.later(seconds=60)
    assert await status(world, made["id"]) == ("in_progress", None)
    world.later(seconds=60)
    assert await status(world, made["id"]) == ("succeeded", None)
    assert (await world.get(f"/v1/refunds/{made['id']}"))["updated_at"] == "2026-03-04T18:02:00Z"


async def test_without_an_amount_all_that_is_left_is_refunded(world: PaymentsDriver) -> None:
    payment = await world.paid(10_000)
    await world.refund(payment, amount=4000)
    assert (await world.refund(payment))["amount"] == 6000
    assert await refused(world, "POST", "/v1/refunds", refund_of(payment)) == (400, "invalid_amount", "amount")


async def test_partial_refunds_never_add_up_to_more_than_the_payment(world: PaymentsDriver) -> None:
    payment = await world.paid(10_000)
    for amount in (4000, 5999):
        await world.refund(payment, amount=amount)
    assert await refused(world, "POST", "/v1/refunds", refund_of(payment, amount=2)) == (
        400,
        "invalid_amount",
        "amount",
    )
    assert (await world.refund(payment, amount=1))["amount"] == 1
    world.later(minutes=1)
    assert sum(debit.amount for debit in world.debits) == 10_000


@pytest.mark.parametrize("ends", ["canceled", "failed"])
async def test_what_was_not_given_back_can_be_refunded_again(world: PaymentsDriver, ends: str) -> None:
    payment = await world.paid(702)
    first = await world.refund(payment)
    if ends == "canceled":
        await world.post(f"/v1/refunds/{first['id']}/cancel")
    world.later(minutes=1)
    assert (await status(world, first["id"]))[0] == ends
    assert (await world.refund(payment, amount=700))["amount"] == 700


async def test_a_repeated_request_refunds_once(world: PaymentsDriver) -> None:
    before = await world.balance()
    made = [await world.post("/v1/refunds", refund_of(amount=500), key="ours") for _ in range(3)]
    world.later(minutes=1)
    assert len({refund["id"] for refund in made}) == 1
    assert [(debit.reference, debit.amount) for debit in world.debits] == [("ours", 500)]
    assert before - await world.balance() == 500


async def test_the_balance_is_the_sum_of_what_came_and_went(world: PaymentsDriver) -> None:
    before = await world.balance()
    payment = await world.paid(10_000)
    assert await world.balance() == before + 10_000
    await world.refund(payment, amount=3000)
    assert await world.balance() == before + 10_000, "a pending refund has taken nothing"
    world.later(seconds=1)
    assert await world.balance() == before + 7000
    await world.refund(payment, amount=702)
    world.later(minutes=1)
    assert await world.balance() == before + 7000, "what failed came back"
    assert [debit.amount for debit in world.debits] == [3000]
    await world.refund(payment, amount=705)
    world.later(minutes=1)
    assert await world.balance() == before + 7000


async def test_a_refund_counts_as_a_debit_when_it_is_paid(world: PaymentsDriver) -> None:
    assert world.debits == []
    made = await world.refund(amount=500)
    assert world.debits == []
    world.later(seconds=1)
    (debit,) = world.debits
    assert (debit.reference, debit.amount, debit.currency, debit.beneficiary) == (made["id"], 500, "CLP", "41579263")


async def test_the_currencies_are_held_apart(world: PaymentsDriver) -> None:
    pesos = await world.balance("CLP")
    await world.refund(MEXICAN, amount=2000)
    world.later(minutes=1)
    assert (await world.balance("CLP"), await world.balance("MXN")) == (pesos, 102_000 + 50_000 - 60_000 - 2000)


async def test_while_the_balance_is_short_a_refund_waits_for_the_next_working_day(world: PaymentsDriver) -> None:
    payment = await world.paid(1_000_000, currency="MXN")
    spent = await world.paid(
        200_000, currency="MXN", payment_method_options={"bank_transfer": {"recipient_account": ACCOUNT}}
    )
    await world.refund(payment)
    world.later(minutes=1)
    left = await world.balance("MXN")
    assert left == 92_000
    made = await world.refund(spent)
    world.later(minutes=1)
    assert await status(world, made["id"]) == ("pending", None)
    await world.paid(150_000, currency="MXN")
    assert await status(world, made["id"]) == ("pending", None)
    world.later(days=1)
    assert await status(world, made["id"]) == ("succeeded", None)
    assert await world.balance("MXN") == left + 150_000 - 200_000


async def test_after_five_working_days_a_short_refund_fails(world: PaymentsDriver) -> None:
    made = await world.refund(amount=704)
    before = await world.balance()
    world.later(days=6, minutes=1)
    assert await status(world, made["id"]) == ("pending", None), "a weekend lies between"
    world.later(days=1)
    assert await status(world, made["id"]) == ("failed", "insufficient_funds")
    assert (await world.balance(), world.debits) == (before, [])


async def test_a_working_day_is_none_of_the_weekend() -> None:
    friday = NOON.replace(day=6)
    assert working_days_later(friday, 1) == NOON.replace(day=9)
    assert working_days_later(NOON, 5) == NOON.replace(day=11)


@pytest.mark.parametrize(
    ("amount", "after", "expected"),
    [
        (701, {"minutes": 1}, ("failed", "insufficient_funds")),
        (702, {"minutes": 1}, ("failed", "fraud_risk")),
        (703, {"hours": 23}, ("pending", None)),
        (703, {"hours": 25}, ("succeeded", None)),
        (704, {"days": 8}, ("failed", "insufficient_funds")),
        (705, {"days": 30}, ("pending", None)),
        (706, {"minutes": 1}, ("succeeded", None)),
    ],
)
async def test_the_amount_decides_how_a_refund_ends(
    world: PaymentsDriver, amount: int, after: dict[str, float], expected: tuple[str, str | None]
) -> None:
    made = await world.refund(amount=amount)
    world.later(**after)
    assert await status(world, made["id"]) == expected


def test_the_table_of_the_documentation_has_every_scenario() -> None:
    rows = markdown_table().splitlines()
    assert [f"| `{amount}` | {scenario.description} |" for amount, scenario in sorted(SCENARIOS.items())] == rows[2:-1]


async def test_a_pending_refund_can_be_canceled_and_moves_nothing(world: PaymentsDriver) -> None:
    made, before = await world.refund(amount=500), await world.balance()
    canceled = await world.post(f"/v1/refunds/{made['id']}/cancel")
    assert canceled == made | {"status": "canceled"}
    world.later(days=30)
    assert await status(world, made["id"]) == ("canceled", None)
    assert (await world.balance(), world.debits) == (before, [])


@pytest.mark.parametrize("seconds", [60, 120])
async def test_a_refund_that_was_paid_cannot_be_canceled(seconds: int) -> None:
    world = PaymentsDriver(behaviour=LONG)
    made = await world.refund(amount=500)
    world.later(seconds=seconds)
    before = await status(world, made["id"])
    assert await refused(world, "POST", f"/v1/refunds/{made['id']}/cancel") == (409, "operation_not_allowed", None)
    assert await status(world, made["id"]) == before


async def test_a_canceled_refund_cannot_be_canceled_again(world: PaymentsDriver) -> None:
    path = f"/v1/refunds/{fixed_id('re', 'CLP')}/cancel"
    await world.post(path)
    assert await refused(world, "POST", path) == (409, "operation_not_allowed", None)


@pytest.mark.parametrize("id_", ["re_unknown", fixed_id("re", "CLP", "live")])
async def test_an_unknown_refund_and_one_of_the_other_mode_are_not_there(world: PaymentsDriver, id_: str) -> None:
    assert await refused(world, "GET", f"/v1/refunds/{id_}") == MISSING
    assert await refused(world, "POST", f"/v1/refunds/{id_}/cancel") == MISSING


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"resource_type": "payment_intent"}, (400, "missing_parameter", "resource_id")),
        ({"resource_id": PAYMENT}, (400, "missing_parameter", "resource_type")),
        (refund_of(resource_type="transfer"), (400, "invalid_enum", "resource_type")),
        (refund_of(amount=0), (400, "invalid_amount", "amount")),
        (refund_of(amount=-5), (400, "invalid_amount", "amount")),
        (refund_of(amount=5.0), (400, "invalid_integer", "amount")),
        (refund_of(amount="5"), (400, "invalid_integer", "amount")),
        (refund_of(amount=350_001), (400, "invalid_amount", "amount")),
        (refund_of(metadata=[]), (400, "invalid_hash", "metadata")),
        (refund_of("pi_unknown"), MISSING),
        (refund_of(fixed_id("pi", "CLP", "live")), MISSING),
        (refund_of(recipient_account={"holder_name": "X", **ACCOUNT}), (400, "invalid_params", "recipient_account")),
        (refund_of(UNKNOWN_PAYER), (400, "missing_parameter", "recipient_account")),
        (
            refund_of(UNKNOWN_PAYER, recipient_account=ACCOUNT),
            (400, "missing_parameter", "recipient_account.holder_name"),
        ),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_refunded(
    world: PaymentsDriver, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    before = await world.get("/v1/refunds")
    assert await refused(world, "POST", "/v1/refunds", body) == expected
    assert await world.get("/v1/refunds") == before


async def test_a_payment_that_did_not_succeed_cannot_be_refunded(world: PaymentsDriver) -> None:
    for what in ("failed", "rejected", "pending", "expired"):
        (payment,) = await world.get(f"/v1/payment_intents?status={what}&per_page=1")
        body = refund_of(payment["id"])
        assert await refused(world, "POST", "/v1/refunds", body) == (409, "operation_not_allowed", None)


async def test_where_the_payer_is_unknown_whoever_asks_says_who_gets_it(world: PaymentsDriver) -> None:
    made = await world.refund(UNKNOWN_PAYER, recipient_account={"holder_name": "Jon Snow", **ACCOUNT})
    assert made["recipient_account"] == {"holder_name": "Jon Snow", **ACCOUNT, "holder_id": "415792638"}


async def test_a_card_has_no_account_that_gets_the_refund(world: PaymentsDriver) -> None:
    payment = await world.paid(5000, payment_method_types=["card"])
    assert (await world.refund(payment))["recipient_account"] is None


@pytest.mark.parametrize("what", ["pending", "succeeded", "failed", "canceled"])
async def test_refunds_are_listed_by_their_state(world: PaymentsDriver, what: str) -> None:
    assert [row["status"] for row in await world.get(f"/v1/refunds?status={what}")] == [what]


async def test_refunds_in_progress_are_listed() -> None:
    world = PaymentsDriver(behaviour=LONG)
    made = await world.refund(amount=500)
    assert await world.get("/v1/refunds?status=in_progress") == []
    world.later(seconds=60)
    assert [row["id"] for row in await world.get("/v1/refunds?status=in_progress")] == [made["id"]]


async def test_refunds_are_listed_by_their_time_both_ends_included(world: PaymentsDriver) -> None:
    old = {row["id"] for row in await world.get("/v1/refunds")}
    made = await world.refund(amount=500)
    at = made["created_at"]
    assert {row["id"] for row in await world.get(f"/v1/refunds?since={at}")} == {made["id"]}
    assert {row["id"] for row in await world.get("/v1/refunds?since=2026-03-04T18:00:01Z")} == set()
    assert {row["id"] for row in await world.get(f"/v1/refunds?until={at}")} == {*old, made["id"]}
    assert {row["id"] for row in await world.get("/v1/refunds?until=2026-03-04T17:59:59Z")} == old
    assert {row["id"] for row in await world.get("/v1/refunds?since=2026-03-01&until=2026-03-01")} == old
    assert await refused(world, "GET", "/v1/refunds?since=soon") == (400, "invalid_date", "since")


async def test_an_older_version_has_other_words_for_the_states(world: PaymentsDriver) -> None:
    older = {row["status"] for row in await world.get("/v1/refunds", version="2023-11-15")}
    assert older == {"pending", "succeeded", "failed", "rejected"}
    (canceled,) = await world.get("/v1/refunds?status=rejected", version="2023-11-15")
    assert (await status(world, canceled["id"]))[0] == "canceled"
    for version, what in (("2023-11-15", "canceled"), ("2026-02-01", "rejected")):
        wrong = await refused(world, "GET", f"/v1/refunds?status={what}", version=version)
        assert wrong == (400, "invalid_enum", "status")


async def test_every_change_is_told_when_it_has_happened() -> None:
    world = PaymentsDriver(behaviour=LISTENING | LONG)
    good, bad = [await world.refund(amount=amount) for amount in (500, 702)]
    told = await world.hears("refund.in_progress", "refund.in_progress", "refund.succeeded", "refund.failed")
    assert [event["data"]["id"] for event in told] == [good["id"], bad["id"]] * 2
    assert [event["data"]["status"] for event in told] == ["in_progress", "in_progress", "succeeded", "failed"]
    assert told[-1]["data"] == await world.get(f"/v1/refunds/{bad['id']}")


async def test_what_is_due_tomorrow_does_not_hold_back_what_is_due_now() -> None:
    world = PaymentsDriver(behaviour=LISTENING | LONG)
    world.gate = asyncio.Event()
    await world.session()
    await world.books()
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.slept == [86_400]
    await world.refund(amount=500)
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.slept == [86_400, 60]
    world.gate.set()
