"""What a journal promises of codes: how often one may be wrong."""

import asyncio

import pytest

from riel.journal import Attempt, ChallengeState, Journal, PaymentRecord
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.testing.journal_contract.fixtures import (
    DAY,
    HOUR,
    LIMITS,
    MINUTE,
    NOW,
    SECOND,
    Store,
    TwoHandles,
    count_attempt,
    create_payment,
    enter_wrong_code,
    event_names,
    new_challenge,
    new_intent,
    open_challenge,
)


@pytest.mark.anyio
class AttemptPromises(TwoHandles):
    """How often a code may be wrong."""

    async def test_a_try_is_counted_before_anything_is_compared(self, journal: Journal, other: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        for n in range(1, 6):
            counted = await count_attempt(journal, asked)
            assert counted.left == 5 - n
            known = await other.challenge(asked.id)
            assert known is not None
            assert known.attempts == n

    async def test_the_fifth_wrong_code_locks(self, journal: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        states = [await enter_wrong_code(journal, asked) for _ in range(5)]
        assert states == [ChallengeState.OPEN] * 4 + [ChallengeState.LOCKED]
        assert await event_names(journal, asked.id) == ["challenge.opened", *["attempt.failed"] * 5, "challenge.locked"]
        assert [event.body.get("attempt") for event in (await journal.events(asked.id))[1:6]] == [1, 2, 3, 4, 5]

    async def test_a_sixth_try_is_refused_even_if_right(self, journal: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        for _ in range(5):
            await count_attempt(journal, asked)  # nobody knows yet whether they were right
        assert await journal.count_attempt(asked.id, "ana", NOW, LIMITS) == "locked"

    async def test_twenty_tries_at_once_are_five(self, journal: Journal, other: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        tries = [handle.count_attempt(asked.id, "ana", NOW, LIMITS) for _ in range(10) for handle in (journal, other)]
        counted = await asyncio.gather(*tries)
        assert sorted(one.left for one in counted if isinstance(one, Attempt)) == [0, 1, 2, 3, 4]
        assert [one for one in counted if not isinstance(one, Attempt)] == ["locked"] * 15

    async def test_the_tenth_wrong_code_within_an_hour_locks_the_person(self, journal: Journal, other: Journal) -> None:
        for name in ("a", "b"):
            asked = (await open_challenge(journal, new_challenge(name))).challenge
            for _ in range(5):
                await enter_wrong_code(journal, asked)
        third = (await open_challenge(journal, new_challenge("c", expires_at=NOW + DAY))).challenge
        assert await other.count_attempt(third.id, "ana", NOW + HOUR - SECOND, LIMITS) == "rate_limited"
        assert await other.count_attempt(None, "ana", NOW + HOUR - SECOND, LIMITS) == "rate_limited"
        somebody = (await open_challenge(journal, new_challenge("d", principal="bea"))).challenge
        assert (await count_attempt(other, somebody)).left == 4
        assert (await count_attempt(other, third, NOW + HOUR)).left == 4

    async def test_an_operator_lets_a_principal_confirm_again_and_the_record_says_so(
        self, journal: Journal, other: Journal
    ) -> None:
        for name in ("a", "b"):
            challenge = (await open_challenge(journal, new_challenge(name))).challenge
            for _ in range(5):
                await enter_wrong_code(journal, challenge)
        third = (await open_challenge(journal, new_challenge("c"))).challenge
        assert await journal.count_attempt(third.id, "ana", NOW, LIMITS) == "rate_limited"
        assert await other.unlock_principal("bea", "eva", NOW, LIMITS) == 0
        assert await journal.count_attempt(third.id, "ana", NOW, LIMITS) == "rate_limited"
        assert await other.unlock_principal("ana", "eva", NOW + SECOND, LIMITS) == 10
        assert (await count_attempt(journal, third, NOW + SECOND)).left == 4
        (event,) = await journal.events(JOURNAL_CHAIN)
        assert (event.event, dict(event.body)) == (
            "journal.principal_unlocked",
            {"by": "eva", "principal": "ana", "attempts": 10},
        )
        for _ in range(4):
            await enter_wrong_code(journal, third, NOW + SECOND)
        assert await journal.count_attempt(third.id, "ana", NOW + SECOND, LIMITS) == "locked", "five for each challenge"
        assert (await journal.verify())[1] is None

    async def test_an_attempt_that_somebody_wrote_into_the_journal_is_not_made_void(
        self, journal: Journal, store: Store
    ) -> None:
        challenge = (await open_challenge(journal, new_challenge())).challenge
        await enter_wrong_code(journal, challenge)
        await enter_wrong_code(journal, challenge)
        store.tamper("UPDATE attempts SET at = at + 1 WHERE id = (SELECT min(id) FROM attempts)")
        assert await journal.unlock_principal("ana", "eva", NOW + SECOND, LIMITS) == 1
        assert (await journal.verify())[1] is not None

    async def test_a_try_that_nobody_resolved_counts_as_wrong(self, journal: Journal) -> None:
        for name in ("a", "b"):
            asked = (await open_challenge(journal, new_challenge(name))).challenge
            for _ in range(5):
                await count_attempt(journal, asked)
        third = (await open_challenge(journal, new_challenge("c"))).challenge
        assert await journal.count_attempt(third.id, "ana", NOW, LIMITS) == "rate_limited"

    async def test_a_right_code_does_not_count(self, journal: Journal) -> None:
        for n in range(12):
            asked = (await open_challenge(journal, new_challenge(f"{n}"))).challenge
            counted = await count_attempt(journal, asked)
            assert isinstance(
                await journal.create_payment(counted, asked.id, None, new_intent(f"REF-{n}"), NOW), PaymentRecord
            )

    async def test_a_right_code_that_lost_the_race_does_not_count(self, journal: Journal, other: Journal) -> None:
        for n in range(12):
            asked = (await open_challenge(journal, new_challenge(f"{n}"))).challenge
            attempts = [await count_attempt(handle, asked) for handle in (journal, other)]
            created = await asyncio.gather(
                *(
                    handle.create_payment(attempt, asked.id, None, new_intent(f"REF-{n}"), NOW)
                    for handle, attempt in zip((journal, other), attempts, strict=True)
                )
            )
            assert "consumed" in created

    async def test_a_right_code_whose_reference_is_taken_does_not_count(self, journal: Journal) -> None:
        await create_payment(journal, "first", intent=new_intent("SAME"))
        for n in range(12):
            asked = (await open_challenge(journal, new_challenge(f"{n}"))).challenge
            counted = await count_attempt(journal, asked)
            created = await journal.create_payment(counted, asked.id, None, new_intent("SAME"), NOW)
            assert created == "reference_taken"

    async def test_a_code_that_was_used_before_counts_as_wrong(self, journal: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge("first"))).challenge
        await journal.create_payment(await count_attempt(journal, asked), asked.id, "step", new_intent("R"), NOW)
        for n in range(10):
            asked = (await open_challenge(journal, new_challenge(f"{n}"))).challenge
            counted = await count_attempt(journal, asked)
            assert await journal.create_payment(counted, asked.id, "step", new_intent("S"), NOW) == "code_reused"
        asked = (await open_challenge(journal, new_challenge("last"))).challenge
        assert await journal.count_attempt(asked.id, "ana", NOW, LIMITS) == "rate_limited"

    async def test_a_code_for_nothing_counts_as_wrong(self, journal: Journal) -> None:
        for _ in range(10):
            assert isinstance(await journal.count_attempt(None, "ana", NOW, LIMITS), Attempt)
        assert await journal.count_attempt(None, "ana", NOW, LIMITS) == "rate_limited"

    async def test_an_ended_question_takes_no_more_tries(self, journal: Journal) -> None:
        await create_payment(journal, "consumed")
        await open_challenge(journal, new_challenge("declined"))
        await journal.decline("pay_declined", "ana", NOW)
        asked = (await open_challenge(journal, new_challenge("locked"))).challenge
        for _ in range(5):
            await enter_wrong_code(journal, asked)
        for state in ("consumed", "declined", "locked"):
            assert await journal.count_attempt(f"pay_{state}", "ana", NOW, LIMITS) == state
        assert await journal.count_attempt("pay_none", "ana", NOW, LIMITS) == "expired"

    async def test_a_question_whose_time_is_over_expires_at_the_next_try(self, journal: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        assert (await count_attempt(journal, asked, NOW + 10 * MINUTE - SECOND)).left == 4
        assert await journal.count_attempt(asked.id, "ana", NOW + 10 * MINUTE, LIMITS) == "expired"
        known = await journal.challenge(asked.id)
        assert known is not None
        assert known.state is ChallengeState.EXPIRED
        assert await event_names(journal, asked.id) == ["challenge.opened", "challenge.expired"]
