"""The pretend Fintoc takes the transfers that Fintoc takes, in its order of checks, and lets each end as documented."""

from typing import Any

import httpx
import pytest

from rail_fintoc.sandbox.magic import SCENARIOS, markdown_table, payee_for
from rail_fintoc.sandbox.seed.companies import ACCOUNT, CHILEAN_ACCOUNT, fixed_id

from .sandbox_support import SandboxDriver, error

pytestmark = pytest.mark.anyio

TRANSFERS = "/v2/transfers"
PAYEE = "072691004495711499"
CARD, PHONE = "4242424242424242", "5512345678"
TAKEN = object()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> SandboxDriver:
    return SandboxDriver()


def mexican(number: str = PAYEE, **change: Any) -> dict[str, Any]:
    """An order in MXN, changed; ``None`` leaves a field out."""
    order = {"account_id": ACCOUNT, "amount": 50_000, "currency": "MXN", "counterparty": {"account_number": number}}
    return {name: value for name, value in (order | change).items() if value is not None}


def chilean(**change: Any) -> dict[str, Any]:
    """An order in CLP; what begins with ``to_`` changes the counterparty."""
    counterparty = {
        "holder_id": "11.111.111-1",
        "holder_name": "Jon Snow",
        "account_number": "123456",
        "account_type": "checking_account",
        "institution_id": "cl_banco_estado",
    } | {name.removeprefix("to_"): value for name, value in change.items() if name.startswith("to_")}
    order = {"account_id": CHILEAN_ACCOUNT, "amount": 5_000, "currency": "CLP", "counterparty": counterparty}
    return order | {name: value for name, value in change.items() if not name.startswith("to_")}


async def order(world: SandboxDriver, body: dict[str, Any], key: str = "one") -> httpx.Response:
    return await world.send("POST", TRANSFERS, body, key=key, signed=True)


async def balance(world: SandboxDriver, account: str = ACCOUNT) -> int:
    return int((await world.get(f"/v2/accounts/{account}"))["available_balance"])


async def test_an_order_is_answered_as_fintoc_answers_it(world: SandboxDriver) -> None:
    counterparty = {
        "holder_id": "LFHU290523OG0",
        "holder_name": "Jon Snow",
        "account_number": "735969000000203297",
        "account_type": "clabe",
        "institution_id": "40012",
    }
    body = mexican(counterparty=counterparty, comment="Test payment", reference_id="123456")
    answer = await order(world, body)
    assert answer.status_code == 201
    told = answer.json()
    assert told.pop("id").startswith("tr_")
    assert told.pop("account_number")["id"] == fixed_id("acno", "MXN")
    assert told.pop("entity")["id"] == fixed_id("ent", "MXN")
    assert told.pop("tracking_key").startswith("2026030490735")
    assert told == {
        "object": "transfer",
        "mode": "test",
        "amount": 50_000,
        "currency": "MXN",
        "direction": "outbound",
        "status": "pending",
        "transaction_date": "2026-03-04T18:00:00Z",
        "post_date": None,
        "comment": "Test payment",
        "reference_id": "123456",
        "receipt_url": None,
        "counterparty": {
            "holder_id": "LFHU290523OG0",
            "holder_name": "Jon Snow",
            "account_number": "735969000000203297",
            "account_type": "clabe",
            "email": None,
            "institution": {"id": "90735", "name": "FINTOC", "country": "mx"},
        },
        "metadata": {},
        "return_reason": None,
        "error_reason": None,
    }
    world.later(seconds=1)
    later = await world.get(f"{TRANSFERS}/{answer.json()['id']}")
    assert (later["status"], later["post_date"]) == ("succeeded", "2026-03-04T00:00:00Z")
    assert later["receipt_url"].startswith("https://cep.invalid/")
    assert len(later["tracking_key"]) == 30


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (PAYEE[:-1] + "0", "invalid_clabe"),
        (CARD[:-1] + "0", "invalid_card_number"),
        ("12345", "invalid_account_number"),
        ("0726910044957114 9", "invalid_account_number"),
        ("", "missing_parameter"),
    ],
)
async def test_a_destination_that_cannot_be_is_refused(world: SandboxDriver, number: str, code: str) -> None:
    body = mexican(counterparty={"account_number": number, "institution_id": "40012"})
    assert error(await order(world, body)) == (400, code)
    assert not world.debits


@pytest.mark.parametrize(("number", "kind"), [(CARD, "debit_card"), (PHONE, "mobile_phone")])
async def test_a_card_or_a_phone_needs_its_institution(world: SandboxDriver, number: str, kind: str) -> None:
    assert error(await order(world, mexican(number), "one")) == (400, "missing_parameter")
    told = await order(world, mexican(counterparty={"account_number": number, "institution_id": "40012"}), "two")
    assert told.json()["counterparty"]["account_type"] == kind
    assert told.json()["counterparty"]["institution"]["id"] == "40012"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": 0}, "invalid_amount"),
        ({"amount": -5}, "invalid_amount"),
        ({"amount": 1.5}, "invalid_integer"),
        ({"amount": "500"}, "invalid_integer"),
        ({"amount": True}, "invalid_integer"),
        ({"amount": None}, "missing_parameter"),
        ({"account_id": None}, "missing_parameter"),
        ({"counterparty": None}, "missing_parameter"),
        ({"counterparty": "x"}, "invalid_hash"),
        ({"currency": "USD"}, "invalid_currency"),
        ({"currency": "CLP"}, "mismatch_transfer_account_currency"),
        ({"comment": "x" * 41}, "invalid_comment_size"),
        ({"comment": 7}, "invalid_string"),
        ({"reference_id": "12345678"}, "invalid_reference_id_size"),
        ({"reference_id": "012"}, "invalid_params"),
        ({"metadata": {"a": {}}}, "invalid_params"),
        ({"metadata": {"k" * 41: "v"}}, "invalid_params"),
        ({"metadata": {"k": "v" * 501}}, "invalid_params"),
        ({"metadata": {str(number): 1 for number in range(51)}}, "invalid_params"),
    ],
)
async def test_a_wrong_parameter_is_named_and_nothing_moves(
    world: SandboxDriver, change: dict[str, Any], expected: str
) -> None:
    before = await balance(world)
    assert error(await order(world, mexican(**change))) == (400, expected)
    assert await balance(world) == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, TAKEN),
        ({"currency": "clp"}, TAKEN),
        ({"amount": 7_000_000}, TAKEN),
        ({"amount": 7_000_001}, "invalid_amount"),
        ({"to_holder_id": "11.111.111-2"}, "invalid_holder_id"),
        ({"to_holder_name": None}, "missing_parameter"),
        ({"to_account_type": "clabe"}, "invalid_account_type"),
        ({"to_institution_id": "40012"}, "invalid_institution_id"),
        ({"to_account_number": "12-34"}, "invalid_account_number"),
    ],
)
async def test_chile_has_rules_of_its_own(world: SandboxDriver, change: dict[str, Any], expected: object) -> None:
    answer = await order(world, chilean(**change))
    assert answer.status_code == 201 if expected is TAKEN else error(answer) == (400, expected)


async def test_chile_refuses_the_same_transfer_twice_on_a_day(world: SandboxDriver) -> None:
    await order(world, chilean(comment="rent"), "one")
    assert error(await order(world, chilean(comment="rent"), "two")) == (409, "invalid_duplicated_transfer")
    await order(world, mexican(), "three")
    for number, body in enumerate(
        [chilean(), chilean(comment="rent 2"), chilean(comment="rent", amount=5_001)], start=4
    ):
        assert (await order(world, body, str(number))).status_code == 201
    other = chilean(comment="rent", to_account_number="654321")
    assert (await order(world, other, "seven")).status_code == 201
    world.later(hours=8, minutes=59)  # 23:59 in Santiago
    assert error(await order(world, chilean(comment="rent"), "eight")) == (409, "invalid_duplicated_transfer")
    world.later(minutes=1)
    assert (await order(world, chilean(comment="rent"), "nine")).status_code == 201


async def test_in_chile_what_has_failed_may_be_tried_again(world: SandboxDriver) -> None:
    body = chilean(to_account_number=payee_for("CLP", 50))
    await order(world, body, "one")
    assert error(await order(world, body, "two")) == (409, "invalid_duplicated_transfer")
    world.later(seconds=1)
    assert (await order(world, body, "three")).status_code == 201


async def test_mexico_takes_the_same_transfer_twice(world: SandboxDriver) -> None:
    assert (await order(world, mexican(), "one")).status_code == 201
    assert (await order(world, mexican(), "two")).status_code == 201


async def test_each_check_comes_before_the_next(world: SandboxDriver) -> None:
    """The order of the checks, each order wrong in all that comes later too."""
    poor = {"amount": 2 * 10**12}
    await world.post(f"/_sandbox/entities/{fixed_id('ent', 'MXN')}", {"status": "paused"})
    await world.post(f"/_sandbox/accounts/{ACCOUNT}", {"status": "blocked"})
    wrong = mexican("123", amount=poor["amount"])
    signed = await world.send("POST", TRANSFERS, wrong, key="0", signed=True, api_key="sk_test_other")
    assert error(signed) == (401, "invalid_api_key")
    assert error(await world.send("POST", TRANSFERS, wrong, key="0")) == (401, "missing_jws_signature_header")
    steps = [
        (wrong | {"comment": 7, "currency": "USD"}, (400, "invalid_string")),
        (wrong | {"currency": "USD", "account_id": "acc_none"}, (400, "invalid_currency")),
        (wrong | {"account_id": "acc_none"}, (404, "missing_resource")),
        (wrong, (422, "sender_blocked_account")),
    ]
    for number, (body, expected) in enumerate(steps):
        assert error(await order(world, body, f"a{number}")) == expected
    await world.post(f"/_sandbox/accounts/{ACCOUNT}", {"status": "closed"})
    assert error(await order(world, wrong, "b")) == (403, "account_not_active")
    await world.post(f"/_sandbox/accounts/{ACCOUNT}", {"status": "active"})
    assert error(await order(world, wrong, "c")) == (403, "entity_not_operational")
    await world.post(f"/_sandbox/entities/{fixed_id('ent', 'MXN')}", {"status": "operational"})
    assert error(await order(world, wrong, "d")) == (400, "invalid_account_number")
    assert error(await order(world, mexican(amount=poor["amount"]), "e")) == (409, "insufficient_balance")
    assert not world.debits


async def test_a_duplicate_is_seen_before_an_empty_account() -> None:
    world = SandboxDriver(behaviour={"opening_balance": 5_000})
    await order(world, chilean(), "one")
    assert error(await order(world, chilean(), "two")) == (409, "invalid_duplicated_transfer")
    assert error(await order(world, chilean(comment="x"), "three")) == (409, "insufficient_balance")


async def test_all_of_a_balance_can_be_spent_and_no_more() -> None:
    world = SandboxDriver(behaviour={"opening_balance": 50_000})
    assert error(await order(world, mexican(amount=50_001), "one")) == (409, "insufficient_balance")
    assert (await order(world, mexican(amount=50_000), "two")).status_code == 201
    assert error(await order(world, mexican(amount=1), "three")) == (409, "insufficient_balance")
    assert await balance(world) == 0


@pytest.mark.parametrize(
    "number", [number for number, scenario in SCENARIOS.items() if scenario.currency in {"", "MXN"}]
)
async def test_in_mexico_every_scenario_ends_as_it_says(world: SandboxDriver, number: int) -> None:
    await ends_as_it_says(world, number, mexican(payee_for("MXN", number)), ACCOUNT)


@pytest.mark.parametrize(
    "number", [number for number, scenario in SCENARIOS.items() if scenario.currency in {"", "CLP"}]
)
async def test_in_chile_every_scenario_ends_as_it_says(world: SandboxDriver, number: int) -> None:
    body = chilean(to_account_number=payee_for("CLP", number))
    await ends_as_it_says(world, number, body, CHILEAN_ACCOUNT)


async def ends_as_it_says(world: SandboxDriver, number: int, body: dict[str, Any], account: str) -> None:
    scenario, before = SCENARIOS[number], await balance(world, account)
    try:
        answer = await order(world, body)
    except httpx.RemoteProtocolError:
        assert scenario.delivery == "cut"
    else:
        expected = {"html": 502, "garbage": 200}.get(scenario.delivery, scenario.error or 201)
        assert answer.status_code == expected
    world.later(seconds=100)
    made = [row for row in await world.get(f"{TRANSFERS}?account_id={account}") if row["direction"] == "outbound"]
    booked = (scenario.moves_money and not scenario.lost) or scenario.arrives_later
    assert len(made) == (booked and scenario.listed)
    left = before - await balance(world, account)
    paid = booked and scenario.final_status not in {"rejected", "failed", "returned"}
    assert left == (body["amount"] + scenario.extra_amount if paid else 0)
    assert len(world.debits) == (booked and scenario.final_status not in {"rejected", "failed"})
    if made:
        assert made[0]["status"] == scenario.final_status
        reason = "return_reason" if body["currency"] == "MXN" else "error_reason"
        assert made[0][reason] == scenario.reason


async def test_a_lost_request_can_be_sent_again(world: SandboxDriver) -> None:
    body = mexican(payee_for("MXN", 21))
    assert (await order(world, body)).status_code == 502
    assert not world.debits
    assert (await order(world, body)).status_code == 201
    assert len(world.debits) == 1


async def test_a_late_request_and_its_copy_are_one_order(world: SandboxDriver) -> None:
    body = mexican(payee_for("MXN", 29))
    assert (await order(world, body)).status_code == 502
    assert (await order(world, body)).status_code == 201
    world.later(seconds=60)
    assert len(world.debits) == 1


async def test_a_late_request_arrives_by_itself(world: SandboxDriver) -> None:
    await order(world, mexican(payee_for("MXN", 29)))
    world.later(seconds=59)
    assert not world.debits
    world.later(seconds=1)
    assert [debit.reference for debit in world.debits] == ["one"]
    assert (await order(world, mexican(payee_for("MXN", 29)))).status_code == 201
    assert len(world.debits) == 1


@pytest.mark.parametrize("number", [22, 23, 24])
async def test_a_damaged_answer_is_whole_when_it_is_asked_for_again(world: SandboxDriver, number: int) -> None:
    body = mexican(payee_for("MXN", number))
    try:
        await order(world, body)
    except httpx.RemoteProtocolError:
        assert number == 23
    again = await order(world, body)
    assert (again.status_code, again.json()["status"]) == (201, "pending")
    assert len(world.debits) == 1


async def test_a_slow_answer_comes_after_the_money_has_moved(world: SandboxDriver) -> None:
    assert (await order(world, mexican(payee_for("MXN", 20)))).status_code == 201
    assert world.slept == [60]


async def test_what_comes_back_has_left_all_the_same(world: SandboxDriver) -> None:
    before = await balance(world)
    made = (await order(world, mexican(payee_for("MXN", 12)))).json()
    world.later(seconds=1)
    assert (await world.get(f"{TRANSFERS}/{made['id']}"))["status"] == "succeeded"
    world.later(seconds=5)
    told = await world.get(f"{TRANSFERS}/{made['id']}")
    assert (told["status"], told["return_reason"]) == ("returned", "canceled_account")
    assert await balance(world) == before
    assert len(world.debits) == 1


async def test_a_list_is_filtered(world: SandboxDriver) -> None:
    for number, payee in enumerate([PAYEE, payee_for("MXN", 3), payee_for("MXN", 14)]):
        await order(world, mexican(payee), str(number))
        world.later(seconds=10)
    await order(world, chilean(), "chile")

    async def found(query: str) -> int:
        return len(await world.get(f"{TRANSFERS}?{query}"))

    assert await found("direction=outbound") == 4
    assert await found("direction=inbound") == 2
    assert await found(f"direction=outbound&account_id={ACCOUNT}") == 3
    assert await found(f"direction=outbound&account_number_id={fixed_id('acno', 'CLP')}") == 1
    assert await found("status=rejected") == 1
    assert await found("status[]=rejected&status[]=pending") == 3
    assert await found("status=rejected&status=pending") == 3
    assert await found("since=2026-03-04T18:00:10Z&until=2026-03-04T18:00:20Z") == 2
    assert await found("since=2026-03-04&until=2026-03-04") == 4
    assert await found("since=2026-03-04T12:00:30-06:00") == 1
    assert await found("transfer_batch_id=trb_1") == 0
    assert error(await world.send("GET", f"{TRANSFERS}?status=paid")) == (400, "invalid_enum")
    assert error(await world.send("GET", f"{TRANSFERS}?since=yesterday")) == (400, "invalid_date")


async def test_a_new_transfer_is_listed_late_where_lists_lag() -> None:
    world = SandboxDriver(behaviour={"lookup_lag_seconds": 5})
    made = (await order(world, mexican())).json()
    assert not await world.get(f"{TRANSFERS}?direction=outbound")
    assert (await world.get(f"{TRANSFERS}/{made['id']}"))["id"] == made["id"]
    world.later(seconds=5)
    assert len(await world.get(f"{TRANSFERS}?direction=outbound")) == 1


async def test_the_table_of_fates_names_every_payee() -> None:
    shown = markdown_table()
    assert "`012969100000000013`" in shown
    assert all(scenario.description in shown for scenario in SCENARIOS.values())
