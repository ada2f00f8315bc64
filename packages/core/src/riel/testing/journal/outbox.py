"""What a journal promises to others: they are told of every end, at least once."""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from riel.journal import Change, Journal, Message, PaymentRecord, State
from riel.journal.life import ANNOUNCED
from riel.testing.journal.given import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    S,
    TwoHandles,
    in_state,
    moved,
    paid_back,
    settled,
)


@pytest.mark.anyio
class OutboxPromises(TwoHandles):
    """Others are told of every end, at least once."""

    @staticmethod
    async def taken(journal: Journal, at: datetime = NOW, most: int = 100) -> list[Message]:
        return list(await journal.take_messages(at, lease=MINUTE, most=most))

    @pytest.mark.parametrize("state", S)
    async def test_each_final_state_is_told_of_once_and_no_other(self, journal: Journal, state: State) -> None:
        record = await in_state(journal, state, "a")
        for _ in range(2):
            await journal.record(record.id, Change(to=state, event="again", fence=record.fence), NOW)
        messages = await self.taken(journal)
        assert [message.topic for message in messages] == [f"payment.{state}"] * (state in ANNOUNCED)
        for message in messages:
            assert message.body == {
                "paymentId": "pay_a",
                "kind": "payment",
                "rail": "mock",
                "mode": "sandbox",
                "reference": "REF-a",
                "amount": 50_000,
                "currency": "MXN",
                "state": state,
                "code": "",
            }

    async def test_every_step_of_a_life_is_told_under_an_id_of_its_own(self, journal: Journal) -> None:
        record = await settled(journal)
        await moved(journal, record, S.RETURNED, NOW + SECOND)
        refund = await paid_back(journal, "r", await settled(journal, "b"), 100)
        assert isinstance(refund, PaymentRecord)
        await moved(journal, refund, S.REVIEW, NOW + SECOND)
        await journal.decide(refund.id, S.SETTLED, "op", "statement", NOW + 2 * SECOND)
        messages = await self.taken(journal, NOW + HOUR)
        assert sorted(message.topic for message in messages) == [
            "payment.returned",
            "payment.settled",
            "payment.settled",
            "refund.review",
            "refund.settled",
        ]
        assert len({message.id for message in messages}) == 5

    async def test_a_message_is_leased_and_comes_again_until_it_was_sent(
        self, journal: Journal, other: Journal
    ) -> None:
        await settled(journal)
        both = await asyncio.gather(self.taken(journal), self.taken(other))
        ((message,),) = [messages for messages in both if messages]
        assert (message.attempts, message.created_at) == (1, NOW)
        assert await self.taken(other, NOW + MINUTE - SECOND) == []
        assert await self.taken(other, NOW + MINUTE) == [replace(message, attempts=2)]
        await other.message_sent(message.id, NOW + MINUTE + SECOND)
        assert await self.taken(journal, NOW + DAY) == []

    async def test_as_many_messages_are_taken_as_were_asked_for(self, journal: Journal) -> None:
        for name in "abc":
            await settled(journal, name)
        assert len(await self.taken(journal, most=2)) == 2
        assert len(await self.taken(journal, most=2)) == 1
