"""What a journal promises of what it was given: it is there after everybody has gone."""

from datetime import UTC, datetime

import pytest

from riel.errors import JournalUnavailable
from riel.journal import Journal
from riel.rail import Payee
from riel.testing.journal_contract.audit import create_audited
from riel.testing.journal_contract.fixtures import (
    ACCOUNT,
    DAY,
    MEXICO,
    MINUTE,
    NOW,
    S,
    Store,
    TwoHandles,
    create_payment,
    move,
    new_challenge,
    new_intent,
    open_challenge,
)


@pytest.mark.anyio
class DurabilityPromises(TwoHandles):
    """What was answered is there after everybody has gone."""

    async def test_everything_is_there_after_it_was_opened_again(self, store: Store) -> None:
        before = await store.open()
        await create_audited(before)
        waiting = (await open_challenge(before, new_challenge("open"))).challenge
        payments, events = await before.payments(), await before.events("pay_a")
        await before.close()
        after = await store.open()
        assert await after.payments() == payments
        assert await after.events("pay_a") == events
        assert await after.challenge(waiting.id) == waiting
        assert await after.verify() == (8, None)
        assert len(await after.lease_messages(NOW, lease=MINUTE, most=10)) == 1
        await after.close()

    async def test_a_closed_journal_takes_nothing(self, store: Store) -> None:
        journal = await store.open()
        await journal.close()
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await open_challenge(journal, new_challenge())

    @pytest.mark.parametrize(
        "at",
        [
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(2026, 3, 2, 23, 59, 59, 999_000, tzinfo=UTC),
            datetime(2038, 1, 19, 3, 14, 8, 1_000, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        ],
        ids=str,
    )
    async def test_times_are_kept_to_the_millisecond(self, journal: Journal, at: datetime) -> None:
        record = await create_payment(journal)
        after = await move(journal, record, S.SETTLED, next_at=at.astimezone(MEXICO), watch_until=at, settled_at=at)
        assert await journal.payment(record.id) == after
        assert (after.next_at, after.watch_until, after.settled_at) == (at, at, at)

    async def test_the_end_of_time_can_be_kept(self, journal: Journal) -> None:
        forever = datetime.max.replace(tzinfo=UTC)
        record = await move(journal, await create_payment(journal), S.SETTLED, next_at=NOW, watch_until=forever)
        (taken,) = await journal.claim(NOW, (), most=1)
        assert taken.id == record.id
        assert taken.watch_until is not None
        assert taken.watch_until > NOW + 7000 * 365 * DAY

    @pytest.mark.parametrize(
        "name", ["Peñón", "Pen\u0303o\u0301n", "株式会社", "مؤسسة", "👩‍👩‍👧 e\u200b", "'; DROP TABLE events; --"]
    )
    async def test_every_letter_is_kept(self, journal: Journal, other: Journal, name: str) -> None:
        payee = Payee(ACCOUNT, name, name)
        record = await create_payment(journal, payee=payee, principal=name, intent=new_intent(name, facts={name: name}))
        after = await move(journal, record, S.REJECTED, provider_message=name, code=name, why=name)
        assert await other.payment(record.id) == after
        assert after.payee == payee
        assert (await other.events(record.id))[-1].body["providerMessage"] == name
        assert (await other.verify())[1] is None
