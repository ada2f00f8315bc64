"""What a journal promises once it was restored from a copy, or bound to another key."""

import pytest

from riel.journal import ChallengeState, Journal, PaymentRecord
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.epochs import Gap, begin_after_restore, gap_of, note_comparison
from riel.secrets import ServerKey, ServerKeys
from riel.testing.journal_contract.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    S,
    Store,
    TwoHandles,
    count_attempt,
    create_payment,
    event_names,
    move,
    new_challenge,
    new_intent,
    open_challenge,
)
from riel.testing.keys import SERVER_KEYS


@pytest.mark.anyio
class EpochPromises(TwoHandles):
    """A journal that begins anew takes no earlier code, and sends nothing before it has looked."""

    async def test_every_open_challenge_is_ended_and_its_code_confirms_nothing(self, journal: Journal) -> None:
        paid = await create_payment(journal, "paid")
        asked = [(await open_challenge(journal, new_challenge(name))).challenge for name in ("a", "b")]
        attempts = [await count_attempt(journal, challenge) for challenge in asked]
        assert await journal.end_open_challenges("it was restored", NOW) == 2
        for challenge, attempt in zip(asked, attempts, strict=True):
            known = await journal.challenge(challenge.id)
            assert known is not None
            assert known.state is ChallengeState.EXPIRED
            (*_, ended) = await journal.events(challenge.id)
            assert (ended.event, ended.body["reason"]) == ("challenge.expired", "it was restored")
            assert await journal.create_payment(attempt, challenge.id, None, new_intent(), NOW) == "expired"
        assert await journal.payments() == [paid]
        assert await journal.end_open_challenges("it was restored", NOW) == 0

    async def test_what_may_be_under_way_counts_as_sent_just_now_and_is_due(
        self, journal: Journal, store: Store
    ) -> None:
        before = await store.open()
        sending = await create_payment(before, "sending")
        unknown = await move(before, await create_payment(before, "unknown"), S.UNKNOWN, next_at=NOW + HOUR)
        pending = await move(before, await create_payment(before, "pending"), S.PENDING, next_at=NOW + HOUR)
        settled = await move(before, await create_payment(before, "settled"), S.SETTLED)
        await before.close()
        report = await begin_after_restore(journal, "ana", NOW + MINUTE)
        assert (report.closed, report.living) == (0, 2)
        for record in (sending, unknown):
            known = await journal.payment(record.id)
            assert known is not None
            assert (known.state, known.sends, known.owner) == (S.SENDING, 2, None)
            assert (known.sent_at, known.next_at) == (NOW + MINUTE, NOW + MINUTE)
            assert (await event_names(journal, record.id))[-1] == "payment.restored"
        for record in (pending, settled):
            known = await journal.payment(record.id)
            assert known is not None
            assert (known.state, known.sends) == (record.state, 1)

    async def test_the_record_says_that_it_was_restored_and_since_when_payments_may_be_missing(
        self, journal: Journal
    ) -> None:
        await create_payment(journal, at=NOW)
        await open_challenge(journal, new_challenge("open", created_at=NOW + MINUTE))
        report = await begin_after_restore(journal, "ana", NOW + HOUR)
        assert report.gap == Gap(NOW + MINUTE, NOW + HOUR)
        (event,) = await journal.events(JOURNAL_CHAIN)
        assert event.event == "journal.restored"
        assert (event.body["by"], event.body["challengesClosed"]) == ("ana", 1)
        assert gap_of([event], "mock", "live", "ana") == report.gap
        assert await journal.anchor(NOW + HOUR)
        assert (await journal.verify())[1] is None

    async def test_a_gap_is_closed_for_a_rail_by_its_statements_one_after_the_other(self, journal: Journal) -> None:
        await create_payment(journal, at=NOW)
        await begin_after_restore(journal, "ana", NOW + 30 * HOUR)

        async def since() -> object:
            gap = gap_of(await journal.events(JOURNAL_CHAIN), "mock", "live", "ana")
            return gap and gap.since

        await note_comparison(journal, "mock", NOW + HOUR, NOW + 2 * DAY, NOW, mode="live", payer="ana")
        assert await since() == NOW, "what lies before that statement was not compared"
        await note_comparison(journal, "spei", NOW - HOUR, NOW + 2 * DAY, NOW)
        await note_comparison(journal, "mock", NOW - HOUR, NOW + 2 * DAY, NOW, mode="test", payer="ana")
        assert await since() == NOW
        await note_comparison(journal, "mock", NOW - HOUR, NOW + DAY, NOW, mode="live", payer="ana")
        assert await since() == NOW + DAY
        await note_comparison(journal, "mock", NOW + DAY, NOW + 2 * DAY, NOW, mode="live", payer="ana")
        assert await since() is None
        await begin_after_restore(journal, "ana", NOW + 3 * DAY)
        assert await since() is not None

    async def test_another_key_ends_the_challenges_of_the_old_one(self, journal: Journal, other: Journal) -> None:
        first = await journal.key_id() or await journal.bind_key("first")
        asked = (await open_challenge(journal, new_challenge())).challenge
        attempt = await count_attempt(journal, asked)
        assert await journal.replace_key("second", "ana", NOW) == 1
        assert await other.key_id() == await other.bind_key("third") == "second"
        assert await journal.create_payment(attempt, asked.id, None, new_intent(), NOW) == "expired"
        (event,) = await other.events(JOURNAL_CHAIN)
        assert event.event == "journal.key_replaced"
        assert event.body == {"by": "ana", "challengesClosed": 1, "from": first, "to": "second", "lost": False}
        assert (await journal.verify())[1] is None

    async def test_what_a_lost_key_proved_is_read_as_it_stands_and_under_an_unknown_key_it_is_not(
        self, journal: Journal
    ) -> None:
        record = await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        asked = (await open_challenge(journal, new_challenge("open"))).challenge
        attempt = await count_attempt(journal, asked)
        new = ServerKeys(ServerKey(bytes(32)))
        journal.use_keys(new)
        known = await journal.payment(record.id)
        assert known is not None
        assert (known.tampered, known.state) == (True, S.REVIEW)
        journal.use_keys(new, {SERVER_KEYS.current.id})
        known = await journal.payment(record.id)
        assert known is not None
        assert (known.tampered, known.unproven, known.state) == (False, True, S.UNKNOWN)
        assert not isinstance(
            await journal.create_payment(attempt, asked.id, None, new_intent("R"), NOW), PaymentRecord
        )
        settled = await move(journal, known, S.SETTLED, fence=None)
        assert not settled.tampered
        assert (await journal.verify())[1] is None

    async def test_the_keys_of_one_journal_are_not_those_of_another(self, journal: Journal, other: Journal) -> None:
        record = await create_payment(journal)
        journal.use_keys(ServerKeys(ServerKey(bytes(32))))
        known = await other.payment(record.id)
        assert known is not None
        assert not known.tampered

    async def test_a_process_at_work_is_seen(self, journal: Journal, store: Store) -> None:
        assert not await journal.has_other_owners()
        another = await store.open()
        assert await journal.has_other_owners()
        assert isinstance(await create_payment(another), PaymentRecord)
        await another.close()
        assert not await journal.has_other_owners()
