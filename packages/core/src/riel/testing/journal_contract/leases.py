"""What a journal promises to those who work on payments: one owner at a time, and a dead one loses it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from riel.journal import Journal
from riel.rail import Mode
from riel.testing.journal_contract.fixtures import (
    DAY,
    MINUTE,
    NOW,
    SECOND,
    S,
    Store,
    TwoHandles,
    create_payment,
    create_settled,
    move,
    new_intent,
)


@pytest.mark.anyio
class LeasePromises(TwoHandles):
    """Who works on what: each payment has one owner at a time, and a dead one loses it."""

    async def test_what_a_living_process_owns_is_not_taken(self, journal: Journal, other: Journal) -> None:
        record = await create_payment(journal)
        assert await other.claim(NOW + DAY, (), most=10) == []
        assert await other.claim_one(record.id, NOW + DAY, ()) is None
        assert await other.payment(record.id) == record

    async def test_what_a_process_works_on_it_does_not_claim_again(self, journal: Journal) -> None:
        record = await create_payment(journal)
        assert await journal.claim(NOW, {record.id}, most=10) == []
        assert await journal.claim_one(record.id, NOW, {record.id}) is None
        (taken,) = await journal.claim(NOW, (), most=10)
        assert taken == replace(record, fence=2, lookups=1)
        assert await journal.payment(record.id) == taken

    async def test_what_a_process_left_behind_is_taken_once(
        self, store: Store, journal: Journal, other: Journal
    ) -> None:
        gone = await store.open()
        record = await create_payment(gone)
        await gone.close()
        claims = await asyncio.gather(*((journal, other)[n % 2].claim(NOW, (), most=10) for n in range(2)))
        ((taken,),) = [claimed for claimed in claims if claimed]
        assert taken == replace(record, owner=taken.owner, fence=2, lookups=1)
        assert taken.owner != record.owner

    async def test_only_what_is_due_is_claimed_the_longest_waiting_first(
        self, journal: Journal, other: Journal
    ) -> None:
        for n, name in enumerate("abcd"):
            await move(journal, await create_payment(journal, name), S.UNKNOWN, next_at=NOW + (4 - n) * SECOND)
        await move(journal, await create_payment(journal, "e"), S.REJECTED)
        assert await other.claim(NOW + SECOND - timedelta(milliseconds=1), (), most=10) == []
        first = await other.claim(NOW + 3 * SECOND, {"pay_d"}, most=1)
        assert [one.id for one in first] == ["pay_c"], "what is busy takes nobody's place"
        rest = await journal.claim(NOW + DAY, (), most=10)
        assert [one.id for one in rest] == ["pay_d", "pay_b", "pay_a"]

    async def test_what_is_only_watched_never_stands_before_what_is_unknown(self, journal: Journal) -> None:
        async def watched(n: int) -> None:
            record = await create_payment(journal, f"watched {n}", intent=new_intent(f"REF-{n}"))
            state = S.REJECTED if n % 2 else S.SETTLED
            await move(journal, record, state, next_at=NOW, watch_until=NOW + DAY)

        await asyncio.gather(*(watched(n) for n in range(300)))
        await move(journal, await create_payment(journal, "p"), S.PENDING, next_at=NOW + MINUTE)
        await move(journal, await create_payment(journal, "u"), S.UNKNOWN, next_at=NOW + MINUTE)
        claimed = await journal.claim(NOW + MINUTE, (), most=32)
        assert [one.id for one in claimed[:2]] == ["pay_u", "pay_p"]
        assert len(claimed) == 32

    async def test_payments_of_rails_that_are_not_asked_for_are_left_alone(self, journal: Journal) -> None:
        places: list[tuple[str, str, Mode, str]] = [
            ("a", "mock", "sandbox", "us"),
            ("b", "mock", "test", "us"),
            ("c", "spei", "sandbox", "us"),
            ("d", "spei", "sandbox", "another account"),
        ]
        for name, rail, mode, payer in places:
            intent = new_intent(f"REF-{name}", payer=payer)
            record = await create_payment(journal, name, rail=rail, mode=mode, intent=intent)
            await move(journal, record, S.UNKNOWN, next_at=NOW)
        assert await journal.claim(NOW, (), most=10, rails=()) == []
        assert await journal.claim(NOW, (), most=10, rails={("spei", "test", "us")}) == []
        first = await journal.claim(NOW, (), most=10, rails={("mock", "test", "us"), ("spei", "sandbox", "us")})
        assert [one.id for one in first] == ["pay_b", "pay_c"]
        rest = await journal.claim(NOW, {"pay_b", "pay_c"}, most=10)
        assert [one.id for one in rest] == ["pay_a", "pay_d"]

    async def test_open_payments_are_counted_by_the_payer_that_could_look_them_up(
        self, journal: Journal, other: Journal
    ) -> None:
        assert await journal.open_payments() == {}
        for n, state in enumerate((S.SENDING, S.UNKNOWN, S.PENDING, S.SETTLED, S.REJECTED, S.REVIEW)):
            for payer in ("us", "another account"):
                name = f"{n} of {payer}"
                record = await create_payment(journal, name, intent=new_intent(f"REF-{name}", payer=payer))
                if state is not S.SENDING and (payer == "us" or state is S.UNKNOWN):
                    await move(journal, record, state, next_at=NOW + DAY)
        counted = {("mock", "sandbox", "us"): 3, ("mock", "sandbox", "another account"): 6}
        assert await journal.open_payments() == await other.open_payments() == counted

    async def test_one_can_be_claimed_before_it_is_due(self, journal: Journal, other: Journal) -> None:
        record = await move(journal, await create_payment(journal), S.PENDING, next_at=NOW + DAY)
        taken = await other.claim_one(record.id, NOW, ())
        assert taken is not None
        assert (taken.fence, taken.lookups) == (2, 1)
        assert await journal.claim_one(record.id, NOW, ()) is None
        assert await journal.claim_one("pay_none", NOW, ()) is None

    async def test_a_payment_of_which_nothing_more_is_expected_is_left_alone(self, journal: Journal) -> None:
        record = await create_settled(journal)
        assert record.next_at is None
        assert await journal.claim(NOW + DAY, (), most=10) == []
        assert await journal.claim_one(record.id, NOW, ()) is None

    async def test_a_lease_is_given_back_until_the_payment_is_due_again(self, journal: Journal, other: Journal) -> None:
        await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        for looks in (1, 2):
            (taken,) = await journal.claim(NOW, (), most=1)
            assert taken.lookups == looks
            await journal.release(taken.id, taken.fence, NOW)
        (taken,) = await journal.claim(NOW, (), most=1)
        await journal.release(taken.id, taken.fence, NOW + MINUTE)
        assert await other.claim(NOW + MINUTE - SECOND, (), most=1) == []
        (theirs,) = await other.claim(NOW + MINUTE, (), most=1)
        assert theirs.fence == taken.fence + 1
        await journal.release(taken.id, taken.fence, None)
        assert await journal.payment(taken.id) == theirs, "the old lease gives nothing back"
        await other.release(theirs.id, theirs.fence, None)
        assert await journal.claim(NOW + DAY, (), most=1) == []

    async def test_looks_are_counted_since_the_last_change(self, journal: Journal) -> None:
        await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        (taken,) = await journal.claim(NOW, (), most=1)
        assert taken.lookups == 1
        assert (await move(journal, taken, S.PENDING)).lookups == 0
