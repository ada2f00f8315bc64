"""What a journal promises of a payment's states: which follows which, on what authority, written once."""

import asyncio
from dataclasses import replace

import pytest

from riel.errors import JournalUnavailable
from riel.journal import Change, Journal, State
from riel.journal.columns import to_millis
from riel.journal.records import LEARNED
from riel.journal.transitions import BY_AN_OPERATOR, allowed
from riel.testing.journal_contract.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    S,
    TwoHandles,
    create_in_state,
    create_payment,
    event_names,
    move,
)

STEPS = [(before, after) for before in S for after in S]


@pytest.mark.anyio
class TransitionPromises(TwoHandles):
    """Which state follows which, on what authority, written once."""

    @pytest.mark.parametrize("leased", [True, False], ids=["leased", "on evidence"])
    async def test_life_allows_what_it_allows_and_nothing_else(self, journal: Journal, leased: bool) -> None:
        async def step(before: State, after: State) -> None:
            record = await create_in_state(journal, before, f"{before}-{after}")
            told = await event_names(journal, record.id)
            change = Change(to=after, event="moved", fence=record.fence if leased else None)
            known, done = await journal.record(record.id, change, NOW + SECOND)
            assert done == allowed(before, after, leased=leased), f"{before} to {after}"
            assert known == await journal.payment(record.id)
            assert known.state is (after if done else before)
            assert (await event_names(journal, record.id)) == told + ["payment.moved"] * done

        await asyncio.gather(*(step(before, after) for before, after in STEPS))
        assert (await journal.verify())[1] is None

    @pytest.mark.parametrize("state", State)
    async def test_facts_are_added_to_what_is_pending_or_settled_and_change_nothing_else(
        self, journal: Journal, other: Journal, state: State
    ) -> None:
        record = await create_in_state(journal, state, "a")
        told = await event_names(journal, record.id)
        learned = Change(to=state, event=LEARNED, facts={"nameAtBank": "ANA"}, settled_at=NOW + HOUR, code="x", why="y")
        known, done = await other.record(record.id, learned, NOW + MINUTE)
        assert known == await journal.payment(record.id)
        assert done == (state in {S.PENDING, S.SETTLED})
        if not done:
            assert known == record
            return
        facts = {**record.facts, "nameAtBank": "ANA"}
        assert known == replace(record, facts=facts, settled_at=NOW + HOUR, updated_at=NOW + MINUTE)
        assert await event_names(journal, record.id) == [*told, "payment.learned"]
        assert (await journal.events(record.id))[-1].body == {
            "facts": ["nameAtBank"],
            "settledAt": to_millis(NOW + HOUR),
        }
        messages = await journal.lease_messages(NOW + HOUR, lease=HOUR, most=10)
        assert len(messages) == (state is S.SETTLED), "what was sent of the settlement is not sent again"
        after = S.RETURNED
        await move(journal, known, after)
        assert (await journal.verify())[1] is None

    async def test_a_negative_conclusion_needs_the_newest_lease(self, journal: Journal, other: Journal) -> None:
        record = await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        taken = await other.claim_one(record.id, NOW, ())
        assert taken is not None
        for to in (S.REJECTED, S.REVIEW, S.SENDING):
            for fence in (record.fence, taken.fence + 1, None):
                known, done = await journal.record(record.id, Change(to=to, event="no", fence=fence), NOW)
                assert (known, done) == (taken, False)
        await move(other, taken, S.REJECTED)

    async def test_evidence_ends_the_lease_of_whoever_is_asking(self, journal: Journal, other: Journal) -> None:
        record = await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        asking = await other.claim_one(record.id, NOW, ())
        assert asking is not None
        accepted = await move(journal, record, S.PENDING)
        for to in (S.REJECTED, S.REVIEW):
            concluded = await other.record(record.id, Change(to=to, event="no", fence=asking.fence), NOW)
            assert concluded == (accepted, False), "what it had asked was older than what is known"

    @pytest.mark.parametrize("fence", [None, 1, 2, 3, 99])
    @pytest.mark.parametrize("to", [S.PENDING, S.SETTLED, S.RETURNED])
    async def test_positive_evidence_counts_with_any_fence(
        self, journal: Journal, other: Journal, to: State, fence: int | None
    ) -> None:
        record = await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        assert await other.claim_one(record.id, NOW, ()) is not None
        known, done = await journal.record(record.id, Change(to=to, event="yes", fence=fence), NOW)
        assert done
        assert (known.state, known.owner, known.fence) == (to, None, 2)

    async def test_what_was_learned_is_kept(self, journal: Journal, other: Journal) -> None:
        record = await create_payment(journal)
        change = Change(
            to=S.SETTLED,
            event="settled",
            why="it said so",
            next_at=NOW + HOUR,
            watch_until=NOW + DAY,
            settled_at=NOW - SECOND,
            provider_id="P-1",
            code="00",
            provider_message="liquidado ✓",
            facts={"cep": "https://…"},
        )
        after, _ = await journal.record(record.id, change, NOW + SECOND)
        assert after == replace(
            record,
            state=S.SETTLED,
            owner=None,
            updated_at=NOW + SECOND,
            next_at=NOW + HOUR,
            watch_until=NOW + DAY,
            settled_at=NOW - SECOND,
            provider_id="P-1",
            code="00",
            provider_message="liquidado ✓",
            facts={**record.facts, "cep": "https://…"},
        )
        assert await other.payment(record.id) == after
        assert (await other.events(record.id))[-1].body == {
            "from": "sending",
            "to": "settled",
            "sends": 1,
            "reason": "it said so",
            "code": "00",
            "providerMessage": "liquidado ✓",
            "providerId": "P-1",
            "settledAt": int((NOW - SECOND).timestamp() * 1000),
        }
        returned, _ = await journal.record(record.id, Change(to=S.RETURNED, event="returned"), NOW + DAY)
        assert (returned.provider_id, returned.settled_at) == ("P-1", NOW - SECOND), "what is known is not forgotten"

    async def test_a_second_send_is_counted_before_it_leaves(self, journal: Journal, other: Journal) -> None:
        record = await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        mine = await journal.claim_one(record.id, NOW, ())
        assert mine is not None
        again = await move(journal, mine, S.SENDING, NOW + MINUTE, resend=True, next_at=NOW + MINUTE)
        assert (again.sends, again.sent_at, again.owner) == (2, NOW + MINUTE, mine.owner)
        assert (again.reference, again.body, again.created_at) == (record.reference, record.body, NOW)
        assert await other.payment(record.id) == again
        assert await other.claim_one(record.id, NOW + HOUR, ()) is None, "who sends it, owns it"

    async def test_twenty_proofs_at_once_are_written_once(self, journal: Journal, other: Journal) -> None:
        record = await create_payment(journal)
        proof = Change(to=S.SETTLED, event="settled")
        answers = await asyncio.gather(*((journal, other)[n % 2].record(record.id, proof, NOW) for n in range(20)))
        assert sum(done for _, done in answers) == 1
        assert {known.state for known, _ in answers} == {S.SETTLED}
        assert await event_names(journal, record.id) == ["challenge.opened", "payment.created", "payment.settled"]

    async def test_a_payment_that_is_not_there_cannot_be_written(self, journal: Journal) -> None:
        with pytest.raises(JournalUnavailable):
            await journal.record("pay_none", Change(to=S.SETTLED, event="settled"), NOW)

    @pytest.mark.parametrize("state", S)
    async def test_an_operator_decides_what_is_in_review_and_nothing_else(self, journal: Journal, state: State) -> None:
        for to in S:
            record = await create_in_state(journal, state, to.value)
            decided = await journal.resolve_manually(record.id, to, "op@riel", "statement of 2 March", NOW + HOUR)
            if to not in BY_AN_OPERATOR.get(state, frozenset()):
                assert decided is None
                assert await journal.payment(record.id) == record
                continue
            assert decided is not None
            assert (decided.state, decided.next_at, decided.owner) == (to, None, None)
            assert decided.settled_at == (NOW + HOUR if to is S.SETTLED else None)
            assert await journal.payment(record.id) == decided
            last = (await journal.events(record.id))[-1]
            assert (last.event, last.at) == ("payment.resolved", NOW + HOUR)
            assert last.body == {"from": "review", "to": to, "by": "op@riel", "evidence": "statement of 2 March"}
        assert await journal.resolve_manually("pay_none", S.SETTLED, "op", "none", NOW) is None
