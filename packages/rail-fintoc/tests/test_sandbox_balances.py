"""Whatever is ordered, received and given back: a balance is the sum of its movements, and that of its transfers."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from rail_fintoc.sandbox.magic import SCENARIOS, payee_for
from rail_fintoc.sandbox.seed.companies import ACCOUNT, CHILEAN_ACCOUNT, fixed_id

from .sandbox_support import SandboxDriver

OPENING = 100_000
CURRENCIES = {"MXN": ACCOUNT, "CLP": CHILEAN_ACCOUNT}
GIVEN_BACK = {"rejected", "failed", "returned"}


@dataclass(frozen=True)
class Step:
    """Something that somebody does."""

    act: str
    currency: str
    amount: int
    scenario: int
    key: int
    wait: float


STEPS = st.builds(
    Step,
    act=st.sampled_from(["order", "order", "order", "receive", "return", "again", "verify", "move"]),
    currency=st.sampled_from(["MXN", "CLP"]),
    amount=st.one_of(st.integers(1, 60_000), st.just(40_400)),
    scenario=st.sampled_from([0, *SCENARIOS]),
    key=st.integers(0, 5),
    wait=st.sampled_from([0, 0, 0.5, 1, 6, 61, 90_000]),
)


def order_of(step: Step) -> dict[str, Any]:
    counterparty = {"account_number": payee_for(step.currency, step.scenario)}
    if step.currency == "CLP":
        counterparty |= {
            "holder_id": "111111111",
            "holder_name": "Jon Snow",
            "account_type": "sight_account",
            "institution_id": "cl_mach",
        }
    return {
        "account_id": CURRENCIES[step.currency],
        "amount": step.amount,
        "currency": step.currency,
        "counterparty": counterparty,
    }


async def all_of(world: SandboxDriver, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    following = f"{path}limit=300"
    async with world.http() as http:
        while following:
            answer = await http.get(following)
            rows += answer.json()
            following = answer.links.get("next", {}).get("url", "")
    return rows


async def take(world: SandboxDriver, step: Step, sent: list[tuple[str, dict[str, Any], str]]) -> None:
    async def send(path: str, body: dict[str, Any], key: str) -> None:
        sent.append((path, body, key))
        with contextlib.suppress(httpx.RemoteProtocolError):
            await world.send("POST", path, body, key=key, signed=True)

    found = [row["id"] for row in await all_of(world, "/v2/transfers?")]
    match step.act:
        case "order":
            await send("/v2/transfers", order_of(step), f"order {step.key}")
        case "receive":
            number = fixed_id("acno", step.currency)
            body = {"account_number_id": number, "amount": step.amount, "currency": step.currency}
            await send("/v2/simulate/receive_transfer", body, "")
        case "return":
            await send("/v2/transfers/return", {"transfer_id": found[step.key % len(found)]}, f"return {step.amount}")
        case "again" if sent:
            await send(*sent[step.key % len(sent)])
        case "verify":
            await send("/v2/account_verifications", {"account_number": payee_for("MXN", step.scenario)}, "")
        case "move":
            status = sorted(GIVEN_BACK | {"succeeded"})[step.key % 4]
            await send(f"/_sandbox/transfers/{found[step.scenario % len(found)]}", {"status": status}, "")


async def check(world: SandboxDriver) -> None:
    transfers = await all_of(world, "/v2/transfers?")
    unlisted = {payee_for(currency, 34) for currency in CURRENCIES}
    for currency, account in CURRENCIES.items():
        told = await world.get(f"/v2/accounts/{account}")
        movements = await all_of(world, f"/v2/accounts/{account}/movements?")
        balance = 0
        for row in reversed(movements):
            balance += row["amount"] if row["direction"] == "inbound" else -row["amount"]
            assert row["balance"] == balance >= 0
        assert told["available_balance"] == balance
        hidden = {row["resource_id"] for row in movements} - {row["id"] for row in transfers}
        by_transfers = 0
        for row in [*transfers, *[await world.get(f"/v2/transfers/{id_}") for id_ in hidden]]:
            if row["currency"] != currency:
                continue
            if row["direction"] == "inbound":
                by_transfers += row["amount"] if row["status"] == "succeeded" else 0
            else:
                by_transfers -= 0 if row["status"] in GIVEN_BACK else row["amount"]
            assert row["id"] not in hidden or row["counterparty"]["account_number"] in unlisted
        assert balance == by_transfers


@given(st.lists(STEPS, min_size=1, max_size=12))
def test_a_balance_is_the_sum_of_its_movements_and_of_its_transfers(steps: list[Step]) -> None:
    async def lived() -> None:
        world, sent = SandboxDriver(behaviour={"opening_balance": OPENING}), list[tuple[str, dict[str, Any], str]]()
        for step in steps:
            await take(world, step, sent)
            world.later(seconds=step.wait)
            await check(world)
        world.later(days=1)
        await check(world)

    asyncio.run(lived())


@given(st.lists(STEPS, max_size=12))
def test_one_key_is_never_two_debits_within_a_day(steps: list[Step]) -> None:
    async def lived() -> None:
        world, sent = SandboxDriver(behaviour={"opening_balance": 10**9}), list[tuple[str, dict[str, Any], str]]()
        for step in steps:
            await take(world, step, sent)
            world.later(seconds=min(step.wait, 90))
        world.later(minutes=2)
        references = [debit.reference for debit in world.debits if debit.reference.startswith(("order", "return"))]
        assert len(references) == len(set(references))

    asyncio.run(lived())
