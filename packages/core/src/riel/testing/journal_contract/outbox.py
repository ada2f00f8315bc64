"""What a journal promises to others: they are told of every end, at least once."""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from riel.journal import Backlog, Change, Journal, Message, PaymentRecord, State, Topic
from riel.journal.events import TOPICS
from riel.testing.journal_contract.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    S,
    TwoHandles,
    create_in_state,
    create_refund,
    create_settled,
    move,
)


@pytest.mark.anyio
class OutboxPromises(TwoHandles):
    """Others are told of every end, at least once."""

    @staticmethod
    async def taken(journal: Journal, at: datetime = NOW, most: int = 100) -> list[Message]:
        return list(await journal.lease_messages(at, lease=MINUTE, most=most))

    @pytest.mark.parametrize("state", S)
    async def test_each_final_state_is_told_of_once_and_no_other(self, journal: Journal, state: State) -> None:
        record = await create_in_state(journal, state, "a")
        for _ in range(2):
            await journal.record(record.id, Change(to=state, event="again", fence=record.fence), NOW)
        messages, topic = await self.taken(journal), TOPICS.get(("payment", state))
        assert [message.topic for message in messages] == [topic] * (topic is not None)
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
        record = await create_settled(journal)
        await move(journal, record, S.RETURNED, NOW + SECOND)
        refund = await create_refund(journal, "r", await create_settled(journal, "b"), 100)
        assert isinstance(refund, PaymentRecord)
        await move(journal, refund, S.REVIEW, NOW + SECOND)
        await journal.resolve_manually(refund.id, S.SETTLED, "op", "statement", NOW + 2 * SECOND)
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
        await create_settled(journal)
        both = await asyncio.gather(self.taken(journal), self.taken(other))
        ((message,),) = [messages for messages in both if messages]
        assert (message.attempts, message.created_at) == (1, NOW)
        assert await self.taken(other, NOW + MINUTE - SECOND) == []
        assert await self.taken(other, NOW + MINUTE) == [replace(message, attempts=2)]
        await other.message_sent(message.id, NOW + MINUTE + SECOND)
        assert await self.taken(journal, NOW + DAY) == []

    async def test_as_many_messages_are_taken_as_were_asked_for(self, journal: Journal) -> None:
        for name in "abc":
            await create_settled(journal, name)
        assert len(await self.taken(journal, most=2)) == 2
        assert len(await self.taken(journal, most=2)) == 1

    async def test_a_message_that_failed_comes_again_when_it_is_told_to(self, journal: Journal, other: Journal) -> None:
        await create_settled(journal)
        (message,) = await self.taken(journal)
        await journal.message_failed(message.id, "HTTP 503", NOW + SECOND, NOW + HOUR)
        assert await self.taken(other, NOW + HOUR - SECOND) == []
        assert await self.taken(other, NOW + HOUR) == [replace(message, attempts=2)]

    async def test_what_was_delivered_stays_so_whatever_another_who_tried_says(
        self, journal: Journal, other: Journal
    ) -> None:
        await create_settled(journal)
        (message,) = await self.taken(journal)
        await self.taken(other, NOW + MINUTE)
        await other.message_sent(message.id, NOW + MINUTE)
        await journal.message_failed(message.id, "no answer", NOW + MINUTE, NOW + MINUTE)
        assert await self.taken(journal, NOW + DAY) == []
        assert await journal.backlog() == Backlog(count=0)

    async def test_an_operator_sees_what_waits_since_when_and_the_last_failure(self, journal: Journal) -> None:
        assert await journal.backlog() == Backlog(count=0)
        await create_settled(journal, "a")
        await journal.enqueue("later", Topic.TEST, {}, NOW + SECOND)
        assert await journal.backlog() == Backlog(count=2, since=NOW)
        first, later = sorted(await self.taken(journal, NOW + SECOND), key=lambda message: message.created_at)
        await journal.message_failed(first.id, "HTTP 503", NOW + 2 * SECOND, NOW + HOUR)
        await journal.message_failed(later.id, "no answer", NOW + 3 * SECOND, NOW + HOUR)
        failed = Backlog(count=2, since=NOW, failure="no answer", failed_at=NOW + 3 * SECOND)
        assert await journal.backlog() == failed
        await journal.message_sent(first.id, NOW + HOUR)
        assert await journal.backlog() == replace(failed, count=1, since=NOW + SECOND)

    async def test_what_is_posted_twice_under_one_id_is_one_message(self, journal: Journal, other: Journal) -> None:
        await asyncio.gather(*(one.enqueue("m", Topic.TEST, {"n": "ñ"}, NOW) for one in (journal, other, journal)))
        await other.enqueue("m", Topic.PAYMENT_SETTLED, {}, NOW + SECOND)
        (message,) = await self.taken(journal, NOW + SECOND)
        assert (message.topic, message.body, message.created_at) == (Topic.TEST, {"n": "ñ"}, NOW)
        await journal.message_sent("m", NOW + SECOND)
        await journal.enqueue("m", Topic.TEST, {}, NOW + MINUTE)
        assert await self.taken(journal, NOW + DAY) == []
