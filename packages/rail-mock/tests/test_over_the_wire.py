"""What only real connections can show: answers that are cut off, and callers that go away."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from riel import NotSent, OutcomeUnknown, Status

pytestmark = [pytest.mark.anyio, pytest.mark.alone]


async def test_a_payment_settles_over_http(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.serve() as client:
        order = here.payment(client)
        assert (await client.send(order)).status is Status.SETTLED
        assert (await client.status(order)).status is Status.SETTLED
    assert len(here.debits) == 1


async def test_a_lost_answer_is_unknown_though_it_was_booked(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.serve() as client:
        order = here.payment(client, "4020301000")
        with pytest.raises(OutcomeUnknown):
            await client.send(order)
        assert len(here.debits) == 1
        assert (await client.status(order)).status is Status.SETTLED
        assert (await client.send(order)).status is Status.SETTLED
    assert len(here.debits) == 1


async def test_what_never_arrives_is_unknown_and_never_booked(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.serve() as client:
        order = here.payment(client, "4020302000")
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                await client.send(order)
        here.later(100_000)
        assert await client.status(order) is None
    assert here.debits == []


@pytest.mark.parametrize("dedupe", ["by_key", "by_reference", "no"])
async def test_a_late_request_is_booked_when_it_arrives(make_bank: Callable[..., Any], dedupe: str) -> None:
    here = make_bank(dedupe=dedupe)
    async with here.serve() as client:
        order = here.payment(client, "4020105060")
        with pytest.raises(OutcomeUnknown):
            await client.send(order)
        here.later(59.9)
        assert await client.status(order) is None
        here.later(0.1)
        assert (await client.status(order)).settled_at == here.now
    assert len(here.debits) == 1


@pytest.mark.parametrize(("dedupe", "debits"), [("by_key", 1), ("by_reference", 1), ("no", 2)])
async def test_a_late_request_meets_its_own_copy(make_bank: Callable[..., Any], dedupe: str, debits: int) -> None:
    here = make_bank(dedupe=dedupe)
    async with here.serve() as client:
        order = here.payment(client, "4020105060")
        with pytest.raises(OutcomeUnknown):
            await client.send(order)
        assert (await client.send(order)).status is Status.SETTLED
        assert len(here.debits) == 1
        here.later(3_000)
        assert len(here.debits) == debits


async def test_a_lost_refund_is_unknown_though_it_was_booked(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.serve() as client:
        payment = here.payment(client, "4020404000")
        await client.send(payment)
        refund = here.refund(client, payment, 50_000)
        with pytest.raises(OutcomeUnknown):
            await client.refund(refund)
        assert (await client.status(refund)).status is Status.SETTLED


async def test_a_slow_payment_is_booked_though_its_caller_has_gone(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    here.gate = asyncio.Event()
    async with here.serve() as client:
        order = here.payment(client, "4020104005")
        sending = asyncio.create_task(client.send(order))
        async with asyncio.timeout(120):
            await here.waiting.wait()
        sending.cancel()
        await asyncio.wait({sending})
        assert await client.status(order) is None
        with pytest.raises(OutcomeUnknown):
            await client.send(order)
        here.later(5)
        here.gate.set()
        assert (await client.status(order)).status is Status.SETTLED
        assert (await client.send(order)).status is Status.SETTLED
    assert len(here.debits) == 1


async def test_where_nobody_listens_nothing_was_sent(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.serve() as client:
        order = here.payment(client)
    async with here.unreachable() as client:
        with pytest.raises(NotSent):
            await client.send(order)
