"""What the rail declares is true of the bank that runs with the same settings."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from rail_mock.codes import REFUSALS
from rail_mock.settings import BankBehaviour, guarantees
from riel import FOREVER, NothingLearned, OutcomeUnknown, Rejected, Status

pytestmark = pytest.mark.anyio

LOOKUPS = ["by_reference", "by_key", "by_list"]


async def test_the_defaults_are_those_of_a_good_provider() -> None:
    declared = guarantees(BankBehaviour())
    assert (declared.dedupe, declared.dedupe_window) == ("by_key", timedelta(hours=24))
    assert (declared.lookup, declared.lookup_lag) == ("by_reference", timedelta(0))
    assert declared.absence_after == timedelta(seconds=30)
    assert declared.refusals_stored
    assert declared.refusals == REFUSALS


@pytest.mark.parametrize("dedupe", ["no", "by_key", "by_reference"])
@pytest.mark.parametrize("lookup", ["no", *LOOKUPS])
@pytest.mark.parametrize("settles", ["at_once", "later"])
async def test_every_kind_of_bank_can_be_declared(dedupe: Any, lookup: Any, settles: Any) -> None:
    declared = guarantees(BankBehaviour(dedupe=dedupe, lookup=lookup, settles=settles))
    assert (declared.dedupe, declared.lookup, declared.settlement) == (dedupe, lookup, settles)
    assert (declared.absence_after is None) == (lookup == "no")
    assert declared.refusals_stored == (dedupe != "no")


async def test_a_bank_may_remember_forever_and_never_prove_absence() -> None:
    declared = guarantees(BankBehaviour(dedupe_seconds="forever", absence_seconds="never"))
    assert (declared.dedupe_window, declared.absence_after) == (FOREVER, None)


async def test_absence_cannot_be_proven_by_what_may_still_be_hidden() -> None:
    with pytest.raises(ValidationError, match="absence_seconds is shorter than lookup_lag_seconds"):
        BankBehaviour(absence_seconds=1, lookup_lag_seconds=2)


async def test_a_bank_that_does_not_dedupe_truly_books_twice(make_bank: Callable[..., Any]) -> None:
    here = make_bank(dedupe="no")
    async with here.client() as client:
        order = here.payment(client)
        first, second = await client.send(order), await client.send(order)
    assert first.provider_id != second.provider_id
    assert [debit.reference for debit in here.debits] == [order.reference] * 2


async def test_a_bank_that_dedupes_by_key_answers_a_copy_as_the_first(make_bank: Callable[..., Any]) -> None:
    here = make_bank(dedupe="by_key", dedupe_seconds=60)
    async with here.client() as client:
        order = here.payment(client)
        first = await client.send(order)
        here.later(59.9)
        assert await client.send(order) == first
        assert len(here.debits) == 1
        here.later(0.1)
        await client.send(order)
    assert len(here.debits) == 2, "outside its window it knows the key no more"


async def test_a_bank_that_dedupes_by_reference_refuses_a_copy(make_bank: Callable[..., Any]) -> None:
    here = make_bank(dedupe="by_reference", dedupe_seconds=60)
    async with here.client() as client:
        order = here.payment(client)
        await client.send(order)
        here.later(59.9)
        with pytest.raises(OutcomeUnknown, match="409"):
            await client.send(order)
        assert len(here.debits) == 1
        here.later(0.1)
        await client.send(order)
    assert len(here.debits) == 2


async def test_a_bank_that_remembers_forever_never_books_twice(make_bank: Callable[..., Any]) -> None:
    here = make_bank(dedupe_seconds="forever")
    async with here.client() as client:
        order = here.payment(client)
        await client.send(order)
        here.later(10**9)
        await client.send(order)
    assert len(here.debits) == 1


@pytest.mark.parametrize("dedupe", ["by_key", "by_reference"])
async def test_a_refund_is_deduped_like_a_payment(make_bank: Callable[..., Any], dedupe: str) -> None:
    here = make_bank(dedupe=dedupe)
    async with here.client() as client:
        payment = here.payment(client, amount=100)
        await client.send(payment)
        refund = here.refund(client, payment, 60)
        first = await client.refund(refund)
        if dedupe == "by_key":
            assert await client.refund(refund) == first
        else:
            with pytest.raises(OutcomeUnknown):
                await client.refund(refund)
        assert (await client.refund(here.refund(client, payment, 40))).status is Status.SETTLED


@pytest.mark.parametrize("dedupe", ["by_key", "by_reference"])
async def test_a_stored_refusal_is_final_for_its_reference(make_bank: Callable[..., Any], dedupe: str) -> None:
    here = make_bank(dedupe=dedupe)
    async with here.client() as client:
        payment = here.payment(client, amount=100)
        await client.send(payment)
        early, rest = here.refund(client, payment, 101), here.refund(client, payment, 100)
        for _ in range(2):
            with pytest.raises(Rejected, match="refund_too_large"):
                await client.refund(early)
        assert (await client.refund(rest)).status is Status.SETTLED


@pytest.mark.parametrize("lookup", LOOKUPS)
async def test_both_kinds_of_order_are_found_in_the_declared_way(make_bank: Callable[..., Any], lookup: str) -> None:
    here = make_bank(lookup=lookup)
    async with here.client() as client:
        payment = here.payment(client)
        assert await client.status(payment) is None
        answer = await client.send(payment)
        refund = here.refund(client, payment, 10)
        assert await client.status(refund) is None
        given_back = await client.refund(refund)
        assert await client.status(payment) == answer
        assert await client.status(refund) == given_back


async def test_a_list_is_read_over_its_pages(make_bank: Callable[..., Any]) -> None:
    here = make_bank(lookup="by_list")
    async with here.client() as client:
        oldest, absent = here.payment(client), here.payment(client)
        await client.send(oldest)
        for _ in range(250):
            await client.send(here.payment(client))
        assert (await client.status(oldest)).provider_id == "P-00000001"
        assert await client.status(absent) is None


async def test_a_list_is_not_read_further_back_than_the_order_is_old(make_bank: Callable[..., Any]) -> None:
    here = make_bank(lookup="by_list")
    async with here.client() as client:
        for _ in range(150):
            await client.send(here.payment(client))
        here.later(3_600)
        here.requests.clear()
        assert await client.status(here.payment(client)) is None
    assert here.requests == ["GET /payments"]


async def test_a_bank_that_cannot_be_asked_teaches_nothing(make_bank: Callable[..., Any]) -> None:
    here = make_bank(lookup="no")
    async with here.client() as client, here.http() as http:
        order = here.payment(client)
        await client.send(order)
        with pytest.raises(NothingLearned):
            await client.status(order)
        assert (await http.get(f"/payments/{order.reference}")).json()["error"]["code"] == "no_such_resource"


@pytest.mark.parametrize(("believed", "offered"), [(b, o) for b in LOOKUPS for o in ("no", *LOOKUPS) if b != o])
async def test_asking_in_another_way_than_the_bank_offers_teaches_nothing(
    make_bank: Callable[..., Any], believed: str, offered: str
) -> None:
    here = make_bank(lookup=offered)
    async with here.client(lookup=believed) as client:
        order = here.payment(client)
        await client.send(order)
        with pytest.raises(NothingLearned):
            await client.status(order)


@pytest.mark.parametrize("lookup", LOOKUPS)
async def test_a_look_up_is_behind_by_its_lag_and_not_more(make_bank: Callable[..., Any], lookup: str) -> None:
    here = make_bank(lookup=lookup, lookup_lag_seconds=10)
    async with here.client() as client:
        order = here.payment(client, "4020101005")
        await client.send(order)
        here.later(9.9)
        assert await client.status(order) is None
        here.later(0.1)
        assert (await client.status(order)).status is Status.PENDING
        here.later(5)
        assert (await client.status(order)).status is Status.SETTLED


@pytest.mark.parametrize("account", ["4020101060", "4020102060"])
async def test_where_orders_settle_at_once_all_do(make_bank: Callable[..., Any], account: str) -> None:
    here = make_bank(settles="at_once")
    async with here.client() as client:
        assert (await client.send(here.payment(client, account))).status is Status.SETTLED
    assert len(here.debits) == 1


@pytest.mark.parametrize(("returns", "status"), [(0, Status.SETTLED), (59, Status.SETTLED), (60, Status.RETURNED)])
@pytest.mark.parametrize("wait", [60, 100_000])
async def test_money_comes_back_only_within_the_declared_time(
    make_bank: Callable[..., Any], returns: int, status: Status, wait: int
) -> None:
    here = make_bank(returns_seconds=returns)
    async with here.client() as client:
        order = here.payment(client, "4020103060")
        await client.send(order)
        here.later(wait)
        assert (await client.status(order)).status is status


@pytest.mark.parametrize(
    ("settings", "debits"),
    [
        ({"watch_seconds": 61, "dedupe": "no"}, 1),
        ({"watch_seconds": 60, "dedupe": "no"}, 0),
        ({"watch_seconds": 3_600, "dedupe_seconds": 60}, 0),
    ],
)
async def test_a_request_is_never_later_than_it_is_watched_or_known(
    make_bank: Callable[..., Any], settings: dict[str, Any], debits: int
) -> None:
    here = make_bank(**settings)
    async with here.serve() as client:
        with pytest.raises(OutcomeUnknown):
            await client.send(here.payment(client, "4020105060"))
        here.later(100_000)
    assert len(here.debits) == debits


async def test_a_slow_payment_is_booked_while_it_is_still_watched(make_bank: Callable[..., Any]) -> None:
    here = make_bank(watch_seconds=60, absence_seconds=10)
    async with here.client() as client:
        answer = await client.send(here.payment(client, "4020104999"))
    assert answer.settled_at == here.now
    assert here.waits == [60.0]
