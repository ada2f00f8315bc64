"""An answer counts for nothing unless it is about the order that was asked about, whatever else it says."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from riel import NothingLearned, OutcomeUnknown, Status

from .harness_support import MEXICO, FintocBank

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def ours(reference: str, **said: Any) -> dict[str, Any]:
    return {
        "id": "tr_ours",
        "status": "succeeded",
        "amount": 50_000,
        "currency": "MXN",
        "counterparty": {"account_number": MEXICO["accountNumber"]},
        "metadata": {"riel_reference": reference},
    } | said


OTHERS: dict[str, dict[str, Any]] = {
    "another payment's": {"metadata": {"riel_reference": "RIEL_OF_SOMEBODY_ELSE"}},
    "without a reference": {"metadata": {}},
    "without an id": {"id": None},
    "with a path for an id": {"id": "../../v1/refunds"},
    "with an amount that is text": {"amount": "50000"},
    "without a currency": {"currency": None},
}


@pytest.mark.parametrize("what", OTHERS)
async def test_a_yes_about_something_else_is_no_acceptance(what: str) -> None:
    bank = FintocBank()
    async with bank.rail() as client:
        order = bank.order(client, amount=50_000)
        bank.transport.answer = lambda _: httpx.Response(201, json=ours(order.reference))
        assert (await client.send(order)).status is Status.SETTLED
        bank.transport.answer = lambda _: httpx.Response(201, json=ours(order.reference, **OTHERS[what]))
        with pytest.raises(OutcomeUnknown):
            await client.send(order)


@pytest.mark.parametrize("what", [*OTHERS, "another object's"])
async def test_a_look_up_that_brings_something_else_teaches_nothing(what: str) -> None:
    bank = FintocBank()
    other = {**OTHERS, "another object's": {"id": "tr_of_somebody_else"}}[what]
    async with bank.rail() as client:
        order = replace(bank.order(client, amount=50_000), provider_id="tr_ours")
        bank.transport.answer = lambda _: httpx.Response(200, json=ours(order.reference))
        found = await client.status(order)
        assert found is not None
        assert found.status is Status.SETTLED
        bank.transport.answer = lambda _: httpx.Response(200, json=ours(order.reference, **other))
        with pytest.raises(NothingLearned):
            await client.status(order)
