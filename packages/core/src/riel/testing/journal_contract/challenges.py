"""What a journal promises of the questions that are asked of a person."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from riel.confirm import PriorPayment
from riel.journal import (
    MAX_REFUSALS,
    REFUSAL_WINDOW,
    ChallengeState,
    Journal,
    OpenedChallenge,
    State,
    TooManyOpen,
)
from riel.money import Money
from riel.rail import Payee
from riel.testing.journal_contract.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    S,
    TwoHandles,
    create_payment,
    event_names,
    move,
    new_challenge,
    new_intent,
    open_challenge,
    try_to_open,
)


@pytest.mark.anyio
class ChallengePromises(TwoHandles):
    """What is asked of a person."""

    async def test_a_question_is_kept_as_it_was_asked(self, journal: Journal, other: Journal) -> None:
        asked = await open_challenge(journal, new_challenge())
        assert asked == OpenedChallenge(new_challenge(text="Pay?"), fresh=True)
        assert await other.challenge("pay_a") == asked.challenge
        assert await other.challenges("ana", new_challenge().digest) == [asked.challenge]
        assert await journal.challenge("pay_none") is None

    async def test_the_same_thing_is_asked_once(self, journal: Journal, other: Journal) -> None:
        first = await open_challenge(journal, new_challenge())
        again = await open_challenge(
            other, new_challenge(id="pay_again", created_at=NOW + MINUTE, expires_at=NOW + HOUR)
        )
        assert again == replace(first, fresh=False)
        assert await journal.challenge("pay_again") is None

    async def test_one_question_survives_a_race(self, journal: Journal, other: Journal) -> None:
        racers = [(handle, f"pay_{n}") for n in range(10) for handle in (journal, other)]
        answers = await asyncio.gather(
            *(open_challenge(handle, new_challenge(id=f"{i}{id(handle)}")) for handle, i in racers)
        )
        assert sum(answer.fresh for answer in answers) == 1
        assert len({answer.challenge.id for answer in answers}) == 1
        assert len(await journal.challenges("ana", new_challenge().digest)) == 1

    @pytest.mark.parametrize("changes", [{"principal": "bea"}, {"digest": b"\x01" * 32}], ids=["person", "payment"])
    async def test_another_person_or_payment_is_another_question(
        self, journal: Journal, changes: dict[str, Any]
    ) -> None:
        await open_challenge(journal, new_challenge())
        assert (await open_challenge(journal, new_challenge(id="pay_b", **changes))).fresh

    @pytest.mark.parametrize(
        "changes", [{"created_at": NOW + 10 * MINUTE}, {"factor": "totp"}], ids=["when its time is over", "new factor"]
    )
    async def test_a_question_that_cannot_be_answered_gives_way(
        self, journal: Journal, changes: dict[str, Any]
    ) -> None:
        await open_challenge(journal, new_challenge())
        anew = await open_challenge(journal, new_challenge(id="pay_b", expires_at=NOW + HOUR, **changes))
        assert anew.fresh
        before = await journal.challenge("pay_a")
        assert before is not None
        assert before.state is ChallengeState.EXPIRED
        assert await event_names(journal, "pay_a") == ["challenge.opened", "challenge.expired"]
        found = await journal.challenges("ana", new_challenge().digest)
        assert [one.id for one in found] == ["pay_b", "pay_a"]

    async def test_the_open_question_comes_first_then_the_newest(self, journal: Journal) -> None:
        for n in range(3):
            await create_payment(journal, at=NOW + n * SECOND, id=f"pay_{n}", intent=new_intent(f"REF-{n}"))
        clock_was_set_back = new_challenge(id="pay_open", created_at=NOW - HOUR)
        await open_challenge(journal, clock_was_set_back)
        found = await journal.challenges("ana", new_challenge().digest)
        assert [one.id for one in found] == ["pay_open", "pay_2", "pay_1", "pay_0"]

    async def test_the_person_is_told_of_an_identical_payment_made_shortly_before(self, journal: Journal) -> None:
        assert (await open_challenge(journal, new_challenge())).challenge.text == "Pay?"
        for n, at in enumerate((NOW, NOW + MINUTE), 1):
            record = await create_payment(journal, at=at, id=f"pay_{n}", intent=new_intent(f"REF-{n}"))
            again = await open_challenge(
                journal, new_challenge(id=f"pay_{n + 1}", created_at=at + SECOND, expires_at=at + HOUR)
            )
            assert again.challenge.text == f"Payment number {n + 1}, after REF-{n}?"
            assert again.challenge.duplicate_of == record.reference
            assert await journal.challenge(again.challenge.id) == again.challenge

    @pytest.mark.parametrize("why", ["long ago", "rejected", "another person's"])
    async def test_the_person_is_not_told_of_one_that_is_no_repeat(self, journal: Journal, why: str) -> None:
        record = await create_payment(journal, principal="bea" if why == "another person's" else "ana")
        await move(journal, record, S.REJECTED if why == "rejected" else S.SETTLED)
        at = NOW + (10 * MINUTE if why == "long ago" else SECOND)
        anew = await open_challenge(journal, new_challenge(id="pay_b", created_at=at, expires_at=at + HOUR))
        assert (anew.challenge.text, anew.challenge.duplicate_of) == ("Pay?", None)

    @pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN, S.PENDING, S.SETTLED])
    async def test_the_person_is_told_of_the_same_amount_to_the_same_account_in_other_words(
        self, journal: Journal, state: State
    ) -> None:
        record = await create_payment(journal)
        if state is not S.SENDING:
            record = await move(journal, record, state)
        told: list[PriorPayment | None] = []
        later = NOW + (SECOND if state is S.SETTLED else 29 * DAY)
        reworded = new_challenge(id="pay_b", digest=bytes(32), created_at=later, expires_at=later + HOUR)

        def text(prior: PriorPayment | None) -> str:
            told.append(prior)
            return "Pay?"

        opened = await journal.open_challenge(reworded, text, duplicate_window=10 * MINUTE, decline_ttl=DAY)
        assert isinstance(opened, OpenedChallenge)
        unresolved = state is not S.SETTLED
        assert told == [PriorPayment(reference=record.reference, count=1, identical=False, unresolved=unresolved)]
        assert opened.challenge.duplicate_of == record.reference

    @pytest.mark.parametrize(
        "other",
        [
            {"money": Money(50_001, "MXN")},
            {"money": Money(50_000, "CLP")},
            {"payee": Payee("014027000005555559", "Empresa Demo")},
            {"kind": "request"},
            {"mode": "live"},
            {"rail": "another"},
            {"principal": "bea"},
        ],
        ids=lambda other: next(iter(other)),
    )
    async def test_another_payment_is_no_repeat(self, journal: Journal, other: dict[str, Any]) -> None:
        await create_payment(journal)
        at = NOW + SECOND
        anew = new_challenge(id="pay_b", digest=bytes(32), created_at=at, expires_at=at + HOUR, **other)
        assert (await open_challenge(journal, anew)).challenge.duplicate_of is None

    async def test_the_one_whose_outcome_is_not_known_is_named_before_the_newest(self, journal: Journal) -> None:
        unknown = await move(journal, await create_payment(journal, "a"), S.UNKNOWN)
        await move(journal, await create_payment(journal, "b", at=NOW + SECOND), S.SETTLED)
        at = NOW + MINUTE
        anew = await open_challenge(journal, new_challenge(id="pay_c", created_at=at, expires_at=at + HOUR))
        assert anew.challenge.duplicate_of == unknown.reference
        assert anew.challenge.text == f"Payment number 3, after {unknown.reference}?"

    async def test_a_no_stays_a_no(self, journal: Journal, other: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        declined = await journal.decline(asked.id, "ana", NOW + SECOND)
        assert declined == replace(asked, state=ChallengeState.DECLINED)
        for at in (NOW + MINUTE, NOW + DAY - SECOND):
            again = await open_challenge(other, new_challenge(id="pay_b", created_at=at, expires_at=at + HOUR))
            assert again == OpenedChallenge(declined, fresh=False)
        later = await open_challenge(other, new_challenge(id="pay_b", created_at=NOW + DAY, expires_at=NOW + 2 * DAY))
        assert later.fresh
        assert (await journal.events(asked.id))[-1].body == {"to": "declined", "by": "ana"}

    async def test_only_an_open_question_can_be_declined(self, journal: Journal) -> None:
        assert await journal.decline("pay_none", "ana", NOW) is None
        record = await create_payment(journal)
        assert await journal.decline(record.id, "ana", NOW) is None
        asked = (await open_challenge(journal, new_challenge("b"))).challenge
        assert await journal.decline(asked.id, "ana", NOW) is not None
        assert await journal.decline(asked.id, "ana", NOW) is None

    async def test_a_question_that_must_stand_alone_ends_every_other_of_its_person(
        self, journal: Journal, other: Journal
    ) -> None:
        for name, principal in (("a", "ana"), ("b", "ana"), ("c", "bea")):
            await open_challenge(journal, new_challenge(name, principal=principal))
        await journal.decline("pay_b", "ana", NOW)
        for fresh in (True, False):
            alone = await open_challenge(other, new_challenge("d"), alone=True)
            assert alone.fresh is fresh
        found = [await journal.challenge(f"pay_{name}") for name in "abcd"]
        assert [one and one.state for one in found] == ["expired", "declined", "open", "open"]
        assert await event_names(journal, "pay_a") == ["challenge.opened", "challenge.expired"]
        assert (await journal.verify())[1] is None

    async def test_it_is_remembered_when_the_person_was_asked(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_challenge())
        await journal.mark_delivered("pay_a", NOW + SECOND)
        assert (await open_challenge(other, new_challenge(id="pay_b"))).challenge.delivered_at == NOW + SECOND

    async def test_so_many_challenges_of_one_principal_wait_for_a_person_and_no_more(
        self, journal: Journal, other: Journal
    ) -> None:
        for name in "abc":
            assert isinstance(await try_to_open(journal, new_challenge(name), max_open=3), OpenedChallenge)
        assert await try_to_open(other, new_challenge("d"), max_open=3) == TooManyOpen(3)
        assert await journal.challenge("pay_d") is None
        again = await try_to_open(other, new_challenge("a"), max_open=3)
        assert isinstance(again, OpenedChallenge), "the one that waits is found again"
        bea = new_challenge("e", principal="bea")
        assert isinstance(await try_to_open(other, bea, max_open=3), OpenedChallenge)
        await other.decline("pay_b", "ana", NOW)
        assert isinstance(await try_to_open(journal, new_challenge("d"), max_open=3), OpenedChallenge)
        later = NOW + 10 * MINUTE
        anew = new_challenge("f", created_at=later, expires_at=later + MINUTE)
        assert isinstance(await try_to_open(journal, anew, max_open=1), OpenedChallenge), "what expired does not wait"

    async def test_refusals_beyond_a_number_are_counted_and_the_next_record_says_how_many(
        self, journal: Journal, other: Journal
    ) -> None:
        for n in range(MAX_REFUSALS + 5):
            await (journal, other)[n % 2].record_refusal(new_challenge(f"{n:02}"), "CLOSED", "at night")
        await journal.record_refusal(new_challenge("bea", principal="bea"), "CLOSED", "at night")
        recorded = [n for n in range(MAX_REFUSALS + 5) if await journal.events(f"pay_{n:02}")]
        assert recorded == [*range(MAX_REFUSALS)]
        assert [event.event for event in await other.events("pay_bea")] == ["challenge.refused"]
        later = NOW + REFUSAL_WINDOW
        await other.record_refusal(new_challenge("later", created_at=later), "CLOSED", "at night")
        (event,) = await journal.events("pay_later")
        assert event.body["unrecorded"] == 5
        await other.record_refusal(new_challenge("next", created_at=later), "CLOSED", "at night")
        (event,) = await journal.events("pay_next")
        assert "unrecorded" not in event.body
        assert (await journal.verify())[1] is None
