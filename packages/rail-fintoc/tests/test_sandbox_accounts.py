"""Accounts, numbers, entities, what is received and given back, and verifications, as the pretend Fintoc keeps them."""

import re
from typing import Any

import httpx
import pytest

from rail_fintoc.sandbox.magic import check_digit, payee_for
from rail_fintoc.sandbox.seed.companies import ACCOUNT, CHILEAN_ACCOUNT, fixed_id

from .sandbox_support import SandboxDriver, error

pytestmark = pytest.mark.anyio

NUMBERS, RECEIVE, RETURN = "/v2/account_numbers", "/v2/simulate/receive_transfer", "/v2/transfers/return"
ROOT = fixed_id("acno", "MXN")
VERIFY = "/v2/account_verifications"
PAYEE = "072691004495711499"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> SandboxDriver:
    return SandboxDriver()


async def balance(world: SandboxDriver, account: str = ACCOUNT) -> int:
    return int((await world.get(f"/v2/accounts/{account}"))["available_balance"])


async def receive(world: SandboxDriver, amount: int = 10_000, number: str = ROOT, **more: Any) -> Any:
    return await world.post(RECEIVE, {"account_number_id": number, "amount": amount, "currency": "MXN"} | more)


async def give_back(world: SandboxDriver, transfer: str, key: str = "back") -> httpx.Response:
    return await world.send("POST", RETURN, {"transfer_id": transfer}, key=key, signed=True)


async def test_an_account_is_told_as_fintoc_tells_it(world: SandboxDriver) -> None:
    assert await world.get(f"/v2/accounts/{ACCOUNT}") == {
        "id": ACCOUNT,
        "object": "account",
        "mode": "test",
        "status": "active",
        "currency": "MXN",
        "description": "Cuenta principal",
        "available_balance": 10**12,
        "is_root": True,
        "root_account_number": "735969000000203297",
        "root_account_number_id": ROOT,
        "entity": {
            "id": fixed_id("ent", "MXN"),
            "holder_name": "Empresa Demo SA de CV",
            "holder_id": "EDE200101AB1",
            "is_root": True,
        },
    }


async def test_a_new_account_is_empty_and_can_be_named(world: SandboxDriver) -> None:
    body = {"entity_id": fixed_id("ent", "MXN"), "description": "Nómina"}
    answer = await world.send("POST", "/v2/accounts", body)
    made = answer.json()
    assert (answer.status_code, made["available_balance"], made["is_root"]) == (201, 0, False)
    async with world.http() as http:
        patched = await http.patch(f"/v2/accounts/{made['id']}", json={"description": "Rentas"})
    assert patched.json()["description"] == "Rentas"
    assert not await world.get(f"/v2/accounts/{made['id']}/movements")
    assert made["root_account_number"] != "735969000000203297"


async def test_lists_of_accounts_and_entities_are_filtered(world: SandboxDriver) -> None:
    assert {row["id"] for row in await world.get("/v2/accounts")} == {ACCOUNT, CHILEAN_ACCOUNT}
    assert [row["id"] for row in await world.get(f"/v2/accounts?entity_id={fixed_id('ent', 'CLP')}")] == [
        CHILEAN_ACCOUNT
    ]
    await world.post(f"/_sandbox/accounts/{ACCOUNT}", {"status": "blocked"})
    assert [row["id"] for row in await world.get("/v2/accounts?status=blocked")] == [ACCOUNT]
    assert [row["id"] for row in await world.get("/v2/entities?holder_id=077.180.653-8")] == [fixed_id("ent", "CLP")]
    assert len(await world.get("/v2/entities?status=operational&status=draft&is_root=true")) == 2
    assert not await world.get("/v2/entities?is_root=false")
    assert error(await world.send("GET", "/v2/entities?status=open")) == (400, "invalid_enum")


async def test_a_number_is_a_clabe_that_leads_to_its_account(world: SandboxDriver) -> None:
    body = {
        "account_id": ACCOUNT,
        "description": "Payer 7",
        "metadata": {"payer": 7},
        "options": {"min_amount": 100, "max_amount": None},
    }
    answer = await world.send("POST", NUMBERS, body)
    assert answer.status_code == 200
    made = answer.json()
    assert re.fullmatch(r"735969\d{12}", made["number"])
    assert check_digit(made["number"][:17]) == made["number"][17]
    assert made["options"] == {"min_amount": 100, "max_amount": None}
    assert (made["status"], made["is_root"], made["metadata"]) == ("enabled", False, {"payer": 7})
    assert await world.get(f"{NUMBERS}/{made['id']}") == made
    assert len(await world.get(f"{NUMBERS}?account_id={ACCOUNT}")) == 2


async def test_in_chile_an_account_has_one_number(world: SandboxDriver) -> None:
    answer = await world.send("POST", NUMBERS, {"account_id": CHILEAN_ACCOUNT})
    assert error(answer) == (422, "not_supported_country")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "missing_parameter")),
        ({"account_id": "acc_none"}, (404, "missing_resource")),
        ({"account_id": ACCOUNT, "description": "x" * 41}, (400, "invalid_string_size")),
        ({"account_id": ACCOUNT, "options": {"min_amount": 5, "max_amount": 4}}, (400, "invalid_amount")),
        ({"account_id": ACCOUNT, "options": [1]}, (400, "invalid_hash")),
    ],
)
async def test_a_number_that_cannot_be_is_refused(
    world: SandboxDriver, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert error(await world.send("POST", NUMBERS, body)) == expected


async def test_a_number_is_changed_and_deleted_for_good(world: SandboxDriver) -> None:
    made = await world.post(NUMBERS, {"account_id": ACCOUNT, "options": {"max_amount": 9}, "description": "a"})
    path = f"{NUMBERS}/{made['id']}"
    async with world.http() as http:
        changed = (await http.patch(path, json={"status": "disabled"})).json()
        assert (changed["status"], changed["description"], changed["options"]["max_amount"]) == ("disabled", "a", 9)
        deleted = await http.delete(path)
        assert (deleted.status_code, deleted.content) == (200, b"")
        assert error(await http.patch(path, json={"status": "enabled"})) == (403, "forbidden_account_number")
        assert error(await http.delete(f"{NUMBERS}/{ROOT}")) == (403, "forbidden_account_number")
    gone = await world.get(path)
    assert (gone["status"], gone["deleted_at"]) == ("deleted", "2026-03-04T18:00:00Z")


async def test_numbers_that_nobody_uses_can_be_found(world: SandboxDriver) -> None:
    made = await world.post(NUMBERS, {"account_id": ACCOUNT})
    path = f"{NUMBERS}?account_id={ACCOUNT}&no_transfers_since=2026-03-04"
    assert {row["id"] for row in await world.get(path)} == {made["id"], ROOT}
    await receive(world, number=made["id"])
    assert {row["id"] for row in await world.get(path)} == {ROOT}


async def test_received_money_is_credited_once_and_a_moment_later(world: SandboxDriver) -> None:
    before = await balance(world)
    told = await receive(world, comment="Invoice 7")
    assert (told["status"], told["direction"], told["comment"]) == ("pending", "inbound", "Invoice 7")
    assert told["post_date"] == "2026-03-04T00:00:00Z"
    assert told["receipt_url"] is None
    assert told["counterparty"]["account_number"][3:6] == "969"
    assert re.fullmatch(r"[A-Z]{4}\d{6}[A-Z]{2}\d", told["counterparty"]["holder_id"])
    assert await balance(world) == before
    world.later(seconds=1)
    assert await balance(world) == before + 10_000
    world.later(days=1)
    assert await balance(world) == before + 10_000
    assert (await world.get(f"/v2/transfers/{told['id']}"))["status"] == "succeeded"


async def test_the_simulated_sender_is_who_was_named(world: SandboxDriver) -> None:
    flat = await receive(world, counterparty_account_number=PAYEE, counterparty_holder_name="Ana")
    nested = await receive(world, counterparty={"account_number": PAYEE, "holder_name": "Ana"})
    for told in (flat, nested):
        assert told["counterparty"]["account_number"] == PAYEE
        assert told["counterparty"]["holder_name"] == "Ana"
        assert told["counterparty"]["institution"]["id"] == "40072"


async def test_simulate_takes_a_form_and_older_words(world: SandboxDriver) -> None:
    before = await balance(world)
    async with world.http() as http:
        form = {
            "account_number_id": ROOT,
            "amount": "70",
            "currency": "mxn",
            "counterparty[holder_name]": "Ana",
        }
        answer = await http.post("/v2/simulate/receive-transfer", data=form)
    assert answer.json()["counterparty"]["holder_name"] == "Ana"
    older = {"destination_account_number_id": ROOT, "amount": 5, "currency_code": "MXN"}
    await world.post("/v1/simulate/receive-transfer", older)
    world.later(seconds=1)
    assert await balance(world) == before + 75


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"currency": "CLP"}, (400, "mismatch_transfer_account_currency")),
        ({"account_number_id": "acno_none"}, (404, "missing_resource")),
        ({"amount": 0}, (400, "invalid_amount")),
        ({"counterparty_account_number": "123"}, (400, "invalid_clabe")),
    ],
)
async def test_nothing_arrives_that_cannot(
    world: SandboxDriver, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    body = {"account_number_id": ROOT, "amount": 10, "currency": "MXN"} | change
    assert error(await world.send("POST", RECEIVE, body)) == expected


@pytest.mark.parametrize("amount", [99, 1001])
async def test_a_number_takes_only_the_amounts_it_is_set_to(world: SandboxDriver, amount: int) -> None:
    before = await balance(world)
    made = await world.post(NUMBERS, {"account_id": ACCOUNT, "options": {"min_amount": 100, "max_amount": 1000}})
    taken = [await receive(world, some, made["id"]) for some in (100, 1000)]
    refused = await receive(world, amount, made["id"])
    world.later(seconds=1)
    statuses = [(await world.get(f"/v2/transfers/{told['id']}"))["status"] for told in [*taken, refused]]
    assert statuses == ["succeeded", "succeeded", "rejected"]
    assert await balance(world) == before + 1100


async def test_a_disabled_number_takes_nothing_even_if_the_money_was_under_way(world: SandboxDriver) -> None:
    before = await balance(world)
    made = await world.post(NUMBERS, {"account_id": ACCOUNT})
    told = await receive(world, number=made["id"])
    async with world.http() as http:
        await http.patch(f"{NUMBERS}/{made['id']}", json={"status": "disabled"})
    world.later(seconds=1)
    assert (await world.get(f"/v2/transfers/{told['id']}"))["status"] == "rejected"
    assert await balance(world) == before
    assert len(await world.get(f"/v2/accounts/{ACCOUNT}/movements")) == 1


async def test_a_received_transfer_is_given_back(world: SandboxDriver) -> None:
    before = await balance(world)
    told = await receive(world)
    world.later(seconds=1)
    answer = await give_back(world, told["id"])
    assert (answer.status_code, answer.json()["status"]) == (200, "return_pending")
    assert await balance(world) == before
    world.later(seconds=1)
    assert (await world.get(f"/v2/transfers/{told['id']}"))["status"] == "returned"
    assert await balance(world) == before
    assert [(debit.reference, debit.amount) for debit in world.debits] == [("back", 10_000)]
    newest, oldest = (await world.get(f"/v2/accounts/{ACCOUNT}/movements"))[:2]
    assert (newest["return_pair_id"], oldest["return_pair_id"]) == (oldest["id"], newest["id"])


async def test_a_return_that_fails_leaves_everything_as_it_was(world: SandboxDriver) -> None:
    before = await balance(world)
    told = await receive(world, 40_400)
    world.later(seconds=1)
    assert (await give_back(world, told["id"])).json()["status"] == "return_pending"
    assert await balance(world) == before
    world.later(seconds=1)
    assert (await world.get(f"/v2/transfers/{told['id']}"))["status"] == "succeeded"
    assert await balance(world) == before + 40_400
    assert not world.debits


@pytest.mark.parametrize(("days", "good"), [(90, True), (91, False)])
async def test_a_return_is_possible_for_ninety_days(world: SandboxDriver, days: int, good: bool) -> None:
    told = await receive(world)
    world.later(days=days)
    answer = await give_back(world, told["id"])
    assert answer.is_success if good else error(answer) == (409, "invalid_transfer_status")


async def test_only_what_was_received_and_is_still_here_can_be_given_back(world: SandboxDriver) -> None:
    told = await receive(world)
    assert error(await give_back(world, told["id"], "early")) == (409, "invalid_transfer_status")
    order = {"account_id": ACCOUNT, "amount": 5, "currency": "MXN", "counterparty": {"account_number": PAYEE}}
    sent = await world.post("/v2/transfers", order, signed=True)
    world.later(seconds=1)
    assert error(await give_back(world, sent["id"], "sent")) == (409, "invalid_transfer_direction")
    assert error(await give_back(world, "tr_none", "none")) == (404, "missing_resource")
    await give_back(world, told["id"], "once")
    assert error(await give_back(world, told["id"], "twice")) == (409, "invalid_transfer_status")
    chilean = {"account_number_id": fixed_id("acno", "CLP"), "amount": 5, "currency": "CLP"}
    peso = await world.post(RECEIVE, chilean)
    world.later(seconds=1)
    assert error(await give_back(world, peso["id"], "chile")) == (422, "not_supported_currency")


async def test_what_was_spent_cannot_be_given_back() -> None:
    world = SandboxDriver(behaviour={"opening_balance": 0})
    told = await receive(world, 100)
    world.later(seconds=1)
    order = {"account_id": ACCOUNT, "amount": 1, "currency": "MXN", "counterparty": {"account_number": PAYEE}}
    await world.post("/v2/transfers", order, signed=True)
    assert error(await give_back(world, told["id"])) == (409, "insufficient_balance")


async def test_movements_tell_how_the_balance_came_about(world: SandboxDriver) -> None:
    order = {"account_id": ACCOUNT, "amount": 700, "currency": "MXN"}
    payee = {"counterparty": {"account_number": payee_for("MXN", 4)}}
    sent = await world.post("/v2/transfers", order | payee, signed=True)
    world.later(seconds=1)
    back, out, first = await world.get(f"/v2/accounts/{ACCOUNT}/movements")
    assert (out["direction"], out["amount"], out["balance"]) == ("outbound", 700, 10**12 - 700)
    assert (back["direction"], back["amount"], back["balance"]) == ("inbound", 700, 10**12)
    assert (back["resource_id"], out["resource_id"]) == (sent["id"], sent["id"])
    assert (back["return_pair_id"], out["return_pair_id"]) == (out["id"], back["id"])
    assert (first["direction"], first["balance"], first["return_pair_id"]) == ("inbound", 10**12, None)
    assert await world.get(f"/v2/accounts/{ACCOUNT}/movements/{out['id']}") == out
    assert error(await world.send("GET", f"/v2/accounts/{CHILEAN_ACCOUNT}/movements/{out['id']}")) == (
        404,
        "missing_resource",
    )


async def test_what_happened_has_its_own_time_however_late_somebody_looks(world: SandboxDriver) -> None:
    order = {"account_id": ACCOUNT, "amount": 700, "currency": "MXN"}
    payee = {"counterparty": {"account_number": payee_for("MXN", 12)}}
    await world.post("/v2/transfers", order | payee, signed=True)
    world.later(days=1)
    back, out = (await world.get(f"/v2/accounts/{ACCOUNT}/movements"))[:2]
    assert out["transaction_date"] == "2026-03-04T18:00:00Z"
    assert back["transaction_date"] == "2026-03-04T18:00:06Z"


async def test_a_statement_sums_up_a_month(world: SandboxDriver) -> None:
    await receive(world, 300)
    world.later(days=31)
    order = {"account_id": ACCOUNT, "amount": 100, "currency": "MXN", "counterparty": {"account_number": PAYEE}}
    await world.post("/v2/transfers", order, signed=True)
    april, march = await world.get(f"/v2/accounts/{ACCOUNT}/account_statements")
    assert march["final_balance_cents"] == april["initial_balance_cents"] == 10**12 + 300
    assert (april["total_debited_cents"], april["total_credited_cents"]) == (100, 0)
    assert april["final_balance_cents"] == await balance(world)
    assert (march["initial_balance_cents"], march["start_date"]) == (0, "2026-03-01")


async def verify(world: SandboxDriver, clabe: str) -> Any:
    return await world.post(VERIFY, {"account_number": clabe}, signed=True)


async def test_a_verification_tells_who_holds_a_clabe(world: SandboxDriver) -> None:
    before = await balance(world)
    made = await verify(world, PAYEE)
    assert (made["status"], made["counterparty"]["holder_name"], made["receipt_url"]) == ("pending", None, None)
    world.later(seconds=1)
    told = await world.get(f"{VERIFY}/{made['id']}")
    assert told["status"] == "succeeded"
    assert told["counterparty"]["holder_name"]
    assert told["receipt_url"].startswith("https://cep.invalid/")
    assert told["counterparty"] == (await world.get(VERIFY))[0]["counterparty"]
    assert await balance(world) == before - 1
    assert (await world.get(f"/v2/transfers/{told['transfer_id']}"))["amount"] == 1
    assert not world.debits


async def test_a_verification_of_an_account_that_is_none_fails_with_a_reason(world: SandboxDriver) -> None:
    before = await balance(world)
    made = await verify(world, payee_for("MXN", 3))
    world.later(seconds=1)
    told = await world.get(f"{VERIFY}/{made['id']}")
    assert (told["status"], told["reason"]) == ("failed", "non_existing_account")
    assert told["counterparty"]["holder_id"] is None
    assert await balance(world) == before


async def test_a_verification_can_find_another_holder(world: SandboxDriver) -> None:
    made = await verify(world, payee_for("MXN", 35))
    world.later(seconds=1)
    assert (await world.get(f"{VERIFY}/{made['id']}"))["counterparty"]["holder_name"] == "OTRA PERSONA"


async def test_a_verification_is_signed_and_of_a_clabe(world: SandboxDriver) -> None:
    body = {"account_number": PAYEE}
    assert error(await world.send("POST", VERIFY, body)) == (401, "missing_jws_signature_header")
    wrong = {"account_number": "123"}
    assert error(await world.send("POST", VERIFY, wrong, signed=True)) == (400, "invalid_clabe")


async def test_a_bank_changes_its_mind_where_it_is_told_to(world: SandboxDriver) -> None:
    before = await balance(world)
    order = {"account_id": ACCOUNT, "amount": 100, "currency": "MXN", "counterparty": {"account_number": PAYEE}}
    sent = await world.post("/v2/transfers", order, signed=True)
    world.later(seconds=1)
    door = f"/_sandbox/transfers/{sent['id']}"
    told = await world.post(door, {"status": "returned", "reason": "blocked_account"})
    assert (told["status"], told["return_reason"]) == ("returned", "blocked_account")
    assert await balance(world) == before
    assert error(await world.send("POST", door, {"status": "succeeded"})) == (409, "invalid_transfer_status")
