"""Each magic account does what the README says of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rail_mock.client import MockClient
from rail_mock.codes import ERRORS, REFUSALS
from rail_mock.sandbox.magic import PREFIX, SCENARIOS, scenario_of
from riel import Order, OutcomeUnknown, Rejected, Status

pytestmark = pytest.mark.anyio

REFUND_CODES = {"payment_not_found", "not_refundable", "refund_too_large", "refund_refused"}


def account(digits: str, seconds: int = 0) -> str:
    return f"{PREFIX}{digits}{seconds:03d}"


async def send_payment(here: Any, client: MockClient, to: str, amount: int = 50_000) -> Order:
    """Send a payment, and return its order."""
    order: Order = here.payment(client, to, amount)
    await client.send(order)
    return order


async def test_the_readme_lists_every_fate_in_the_same_words() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    listed = [line for line in readme.splitlines() if line.startswith(f"| `{PREFIX}")]
    assert listed == [f"| `{PREFIX}{f.digits}{'NNN' if f.delays else 'xxx'}` | {f.description} |" for f in SCENARIOS]


async def test_no_two_scenarios_share_their_digits() -> None:
    assert len({scenario.digits for scenario in SCENARIOS}) == len(SCENARIOS)


async def test_each_refusal_of_a_payment_has_an_account() -> None:
    assert {scenario.refuses for scenario in SCENARIOS if not scenario.first_only} >= REFUSALS - REFUND_CODES


@pytest.mark.parametrize("to", ["0123456789", "0000000000", "9999999999", "4020999005", "4020404040", "1402010100"])
async def test_an_ordinary_account_settles_at_once(make_bank: Callable[..., Any], to: str) -> None:
    here = make_bank()
    async with here.client() as client:
        answer = await client.send(order := here.payment(client, to))
        assert (answer.status, answer.amount, answer.currency, answer.account) == ("settled", 50_000, "MXN", to)
        assert answer.settled_at == here.now
        assert answer.provider_id == answer.facts["bankReference"]
        assert await client.status(order) == answer
    (debit,) = here.debits
    assert (debit.reference, debit.amount, debit.currency) == (order.reference, 50_000, "MXN")
    assert (debit.beneficiary, debit.at) == (to, here.now)


@pytest.mark.parametrize(
    "scenario", [f for f in SCENARIOS if f.refuses in REFUSALS and f.kind == "payment"], ids=lambda f: f.digits
)
async def test_a_refused_payment_is_refused_with_its_code_and_books_nothing(
    make_bank: Callable[..., Any], scenario: Any
) -> None:
    here = make_bank()
    async with here.client() as client:
        order = here.payment(client, account(scenario.digits))
        with pytest.raises(Rejected) as refused:
            await client.send(order)
        assert refused.value.provider_code == scenario.refuses
        assert ERRORS[scenario.refuses].code.startswith("MOCK_")
        assert await client.status(order) is None
    assert here.debits == []


async def test_a_code_that_nobody_documented_is_no_refusal(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.send(here.payment(client, account("222")))
    assert here.debits == []


async def test_words_meant_to_trick_an_agent_are_left_to_the_core_to_clean(
    make_bank: Callable[..., Any],
) -> None:
    here = make_bank()
    async with here.client() as client:
        with pytest.raises(Rejected) as refused:
            await client.send(here.payment(client, account("223")))
    assert len(refused.value.provider_message) > 200
    assert not refused.value.provider_message.isprintable()


async def test_settles_later(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        order = here.payment(client, account("101", 5))
        assert (await client.send(order)).status is Status.PENDING
        here.later(4.9)
        assert (await client.status(order)).status is Status.PENDING
        here.later(0.1)
        answer = await client.status(order)
        assert (answer.status, answer.settled_at) == (Status.SETTLED, here.now)
    assert len(here.debits) == 1


async def test_rejected_later_and_never_debited(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        order = here.payment(client, account("102", 5))
        assert (await client.send(order)).status is Status.PENDING
        assert here.debits == []
        here.later(5)
        answer = await client.status(order)
        assert (answer.status, answer.provider_code, answer.settled_at) == (Status.REJECTED, "account_closed", None)
    assert here.debits == []


async def test_comes_back_after_settling(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        order = here.payment(client, account("103", 5))
        assert (await client.send(order)).status is Status.SETTLED
        here.later(5)
        answer = await client.status(order)
        assert (answer.status, answer.provider_code) == (Status.RETURNED, "returned_by_payee")
        with pytest.raises(Rejected, match="not_refundable"):
            await client.refund(here.refund(client, order, 50_000))
    assert len(here.debits) == 1


async def test_slow(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        answer = await client.send(here.payment(client, account("104", 7)))
    assert (answer.status, answer.settled_at) == (Status.SETTLED, here.now)
    assert here.waits == [7.0]
    assert len(here.debits) == 1


@pytest.mark.parametrize("digits", ["303", "304", "305"])
async def test_a_spoiled_answer_is_unknown_until_it_is_looked_up(make_bank: Callable[..., Any], digits: str) -> None:
    here = make_bank()
    async with here.client() as client:
        order = here.payment(client, account(digits))
        with pytest.raises(OutcomeUnknown):
            await client.send(order)
        assert len(here.debits) == 1
        assert (await client.status(order)).status is Status.SETTLED
        assert (await client.send(order)).status is Status.SETTLED
    assert len(here.debits) == 1


async def test_another_amount_than_asked_is_told_as_the_bank_booked_it(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        order = here.payment(client, account("306"), amount=100)
        assert (await client.send(order)).amount == 101
        assert (await client.status(order)).amount == 101
    assert [debit.amount for debit in here.debits] == [101]


async def test_refused_once_is_refused_again_where_refusals_are_stored(make_bank: Callable[..., Any]) -> None:
    here = make_bank(refusals_stored=True)
    async with here.client() as client:
        order = here.payment(client, account("221"))
        for _ in range(2):
            with pytest.raises(Rejected, match="insufficient_funds"):
                await client.send(order)
    assert here.debits == []


@pytest.mark.parametrize("dedupe", ["by_key", "by_reference", "no"])
async def test_refused_once_is_booked_by_a_copy_where_they_are_not(make_bank: Callable[..., Any], dedupe: str) -> None:
    here = make_bank(refusals_stored=False, dedupe=dedupe)
    async with here.client() as client:
        order = here.payment(client, account("221"))
        with pytest.raises(Rejected, match="insufficient_funds"):
            await client.send(order)
        assert (await client.send(order)).status is Status.SETTLED
    assert len(here.debits) == 1


async def test_refunds_are_whole_or_in_parts_until_the_payment_is_used_up(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        payment = await send_payment(here, client, account("999"), amount=100)
        for part in (30, 70):
            refund = here.refund(client, payment, part)
            answer = await client.refund(refund)
            assert (answer.status, answer.amount, answer.account) == (Status.SETTLED, part, None)
            assert await client.status(refund) == answer
        with pytest.raises(Rejected, match="refund_too_large"):
            await client.refund(here.refund(client, payment, 1))
    assert len(here.debits) == 1, "a refund is no debit"


async def test_a_refund_of_a_payment_that_the_bank_has_not_is_refused(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        with pytest.raises(Rejected, match="payment_not_found"):
            await client.refund(here.refund(client, here.payment(client), 1))


async def test_a_payment_that_has_not_settled_is_not_refundable(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        payment = await send_payment(here, client, account("101", 60))
        with pytest.raises(Rejected, match="not_refundable"):
            await client.refund(here.refund(client, payment, 1))


async def test_a_refund_can_be_refused(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        payment = await send_payment(here, client, account("401"))
        refund = here.refund(client, payment, 50_000)
        with pytest.raises(Rejected, match="refund_refused"):
            await client.refund(refund)
        assert await client.status(refund) is None


async def test_a_refund_can_settle_later(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        refund = here.refund(client, await send_payment(here, client, account("402", 5)), 50_000)
        assert (await client.refund(refund)).status is Status.PENDING
        here.later(5)
        assert (await client.status(refund)).status is Status.SETTLED


async def test_a_refund_can_be_rejected_later_and_be_asked_for_again(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        payment = await send_payment(here, client, account("403", 5))
        refund = here.refund(client, payment, 50_000)
        assert (await client.refund(refund)).status is Status.PENDING
        with pytest.raises(Rejected, match="refund_too_large"):
            await client.refund(here.refund(client, payment, 1))
        here.later(5)
        assert (await client.status(refund)).status is Status.REJECTED
        assert (await client.refund(here.refund(client, payment, 50_000))).status is Status.PENDING


async def test_seconds_are_the_last_three_digits() -> None:
    assert scenario_of("payment", account("101", 999)).seconds == 999
    assert scenario_of("payment", account("301", 999)).seconds == 0
    assert scenario_of("refund", account("101", 999)).seconds == 0
