"""What a journal promises of limits: what is taken of them is taken once, together, and given back once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from riel.errors import Code, NotAllowed
from riel.guards import Reservation
from riel.journal import Change, Journal, LimitReached, OpenedChallenge, State
from riel.testing.journal_contract.fixtures import (
    ACCOUNT,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    TALLY,
    S,
    TwoHandles,
    a_question,
    an_intent,
    asked_for,
    born,
    guess,
    moved,
    opened,
    settled,
    tried,
)

SCOPE = "day|sandbox|everybody|MXN"


def a_hold(takes: int = 10, most: int = 100, **changes: Any) -> Reservation:
    """Something taken of a limit."""
    hold = Reservation(
        scope=SCOPE, bucket=0, since=0, amount=takes, limit=most, error=lambda left: NotAllowed(reason=f"{left} left")
    )
    return replace(hold, **changes)


async def held(journal: Journal, name: str = "a", hold: Reservation | None = None, **changes: Any) -> OpenedChallenge:
    """A question that has taken its part."""
    return await opened(journal, a_question(name, **changes), holds=[hold or a_hold()])


async def paying(journal: Journal, name: str = "a") -> Any:
    """A payment that has taken its part, and is being sent."""
    asked = (await held(journal, name)).challenge
    return await journal.create_payment(await tried(journal, asked), asked.id, None, an_intent(f"REF-{name}"), NOW)


async def _expires(journal: Journal) -> None:
    later = NOW + 10 * MINUTE
    await asked_for(journal, a_question("z", created_at=later, expires_at=later + HOUR), holds=[a_hold(scope="other")])


async def _declined(journal: Journal) -> None:
    await journal.decline("pay_a", "ana", NOW)


async def _locked(journal: Journal) -> None:
    for _ in range(TALLY.per_challenge):
        await guess(journal, a_question())


async def _another_takes_its_place(journal: Journal) -> None:
    await opened(journal, a_question("y"), alone=True)


WAYS_TO_END = {
    "its time is over": _expires,
    "the person said no": _declined,
    "five wrong codes": _locked,
    "another question": _another_takes_its_place,
}


@pytest.mark.anyio
class HoldPromises(TwoHandles):
    """Limits that many payments share."""

    async def test_what_is_asked_takes_its_part_of_a_limit(self, journal: Journal, other: Journal) -> None:
        assert await journal.reserved_total(SCOPE, 0) == 0
        await held(journal, "a", a_hold(30))
        await held(other, "b", a_hold(70))
        assert await journal.reserved_total(SCOPE, 0) == await other.reserved_total(SCOPE, 0) == 100
        assert await journal.reserved_total("another", 0) == 0

    async def test_what_does_not_fit_is_not_asked_and_takes_nothing(self, journal: Journal) -> None:
        await held(journal, "a", a_hold(30))
        too_much = a_hold(71)
        refused = await asked_for(journal, a_question("b"), holds=[too_much])
        assert refused == LimitReached(too_much, left=70)
        assert await journal.challenge("pay_b") is None
        assert await journal.reserved_total(SCOPE, 0) == 30

    async def test_what_is_left_of_a_limit_that_was_lowered_is_nothing(self, journal: Journal) -> None:
        await held(journal, "a", a_hold(30))
        lowered = a_hold(1, most=20)
        assert await asked_for(journal, a_question("b"), holds=[lowered]) == LimitReached(lowered, left=0)

    async def test_exactly_ten_of_fifty_at_once_pass_a_limit_of_ten(self, journal: Journal, other: Journal) -> None:
        handles = [(name, handle) for name, handle in enumerate([journal, other] * 25)]
        asking = (asked_for(handle, a_question(f"{name}"), holds=[a_hold()]) for name, handle in handles)
        answers = await asyncio.gather(*asking)
        assert sum(isinstance(answer, OpenedChallenge) for answer in answers) == 10
        assert {answer.left for answer in answers if isinstance(answer, LimitReached)} == {0}
        assert await journal.reserved_total(SCOPE, 0) == 100

    async def test_of_several_limits_all_are_taken_or_none(self, journal: Journal) -> None:
        wide, narrow = a_hold(scope="wide"), a_hold(scope="narrow", most=15)
        await opened(journal, a_question("a"), holds=[wide, narrow])
        assert await asked_for(journal, a_question("b"), holds=[wide, narrow]) == LimitReached(narrow, left=5)
        assert await asked_for(journal, a_question("b"), holds=[narrow, wide]) == LimitReached(narrow, left=5)
        assert [await journal.reserved_total(scope, 0) for scope in ("wide", "narrow")] == [10, 10]
        await journal.decline("pay_a", "ana", NOW)
        assert [await journal.reserved_total(scope, 0) for scope in ("wide", "narrow")] == [0, 0]

    async def test_the_same_thing_asked_again_takes_nothing_more(self, journal: Journal, other: Journal) -> None:
        for at in (NOW, NOW + SECOND, NOW + MINUTE):
            again = await asked_for(other, a_question(id=f"pay_{at}", created_at=at), holds=[a_hold(100)])
            assert isinstance(again, OpenedChallenge), "though nothing is left"
        assert await journal.reserved_total(SCOPE, 0) == 100

    @pytest.mark.parametrize("way", WAYS_TO_END)
    async def test_a_question_that_ends_without_a_payment_gives_back_once(self, journal: Journal, way: str) -> None:
        await held(journal, "c", a_hold(40), principal="bea", expires_at=NOW + HOUR)
        await held(journal)
        end: Callable[[Journal], Awaitable[None]] = WAYS_TO_END[way]
        for _ in range(2):
            await end(journal)
            assert await journal.reserved_total(SCOPE, 0) == 40
        await _declined(journal)
        await _expires(journal)
        assert await journal.reserved_total(SCOPE, 0) == 40

    async def test_questions_that_nobody_answers_do_not_fill_a_limit(self, journal: Journal, other: Journal) -> None:
        for n in range(10):
            await held(journal, f"{n}", principal=f"person {n}")
        assert isinstance(await asked_for(other, a_question(), holds=[a_hold()]), LimitReached)
        later = a_question(created_at=NOW + 10 * MINUTE, expires_at=NOW + HOUR)
        assert isinstance(await asked_for(other, later, holds=[a_hold(100)]), OpenedChallenge)
        assert await journal.reserved_total(SCOPE, 0) == 100

    async def test_a_question_that_is_asked_anew_takes_its_part_anew(self, journal: Journal) -> None:
        await held(journal, "a", a_hold(100))
        later = NOW + 10 * MINUTE
        anew = a_question(id="pay_b", created_at=later, expires_at=later + MINUTE)
        assert (await opened(journal, anew, holds=[a_hold(100)])).fresh
        assert await journal.reserved_total(SCOPE, 0) == 100

    @pytest.mark.parametrize("state", [S.PENDING, S.SETTLED, S.UNKNOWN, S.RETURNED, S.REVIEW])
    async def test_a_payment_keeps_what_it_took(self, journal: Journal, state: State) -> None:
        record = await paying(journal)
        assert await journal.reserved_total(SCOPE, 0) == 10
        await moved(journal, record, state)
        assert await journal.reserved_total(SCOPE, 0) == 10

    async def test_money_that_comes_back_frees_nothing(self, journal: Journal) -> None:
        record = await moved(journal, await paying(journal), S.SETTLED)
        await moved(journal, record, S.RETURNED)
        assert await journal.reserved_total(SCOPE, 0) == 10

    async def test_a_rejected_payment_gives_back_once_and_takes_again_where_it_arrived_after_all(
        self, journal: Journal, other: Journal
    ) -> None:
        await held(journal, "c", a_hold(40))
        record = await moved(journal, await paying(journal), S.REJECTED)
        assert await other.reserved_total(SCOPE, 0) == 40
        for n in range(2):
            await journal.record(record.id, Change(to=S.REJECTED, event="rejected", fence=record.fence), NOW)
            assert await journal.reserved_total(SCOPE, 0) == 40, n
        await held(other, "d", a_hold(60))
        for state in (S.PENDING, S.SETTLED, S.RETURNED):
            record = await moved(other, record, state)
            assert await journal.reserved_total(SCOPE, 0) == 110, "it moved money, whatever the limit says"

    async def test_what_an_operator_decides_counts_the_same(self, journal: Journal) -> None:
        for name, to, used in (("a", S.REJECTED, 0), ("b", S.SETTLED, 10)):
            record = await moved(journal, await paying(journal, name), S.REVIEW)
            assert await journal.resolve_manually(record.id, to, "eva", "the bank says so", NOW) is not None
            assert await journal.reserved_total(SCOPE, 0) == used

    async def test_each_period_is_counted_by_itself_and_a_later_one_counts_for_an_earlier(
        self, journal: Journal
    ) -> None:
        for bucket in (1, 2, 3):
            await held(journal, f"{bucket}", a_hold(10**bucket, 10_000, bucket=bucket, since=bucket))
        assert [await journal.reserved_total(SCOPE, since) for since in (1, 2, 3, 4)] == [1110, 1100, 1000, 0]
        behind = a_hold(8_901, 10_000, bucket=2, since=2)
        assert await asked_for(journal, a_question("b"), holds=[behind]) == LimitReached(behind, left=8_900)
        await journal.decline("pay_2", "ana", NOW)
        assert [await journal.reserved_total(SCOPE, since) for since in (1, 2, 3)] == [1010, 1000, 1000]

    async def test_a_limit_of_first_payments_is_lifted_when_one_has_settled(self, journal: Journal) -> None:
        first = a_hold(50, 50, lifted_by=ACCOUNT)
        await held(journal, "a", first)
        assert isinstance(await asked_for(journal, a_question("b"), holds=[first]), LimitReached)
        await moved(journal, await born(journal, "c"), S.PENDING)
        assert isinstance(await asked_for(journal, a_question("b"), holds=[first]), LimitReached), "it has not settled"
        await settled(journal, "d")
        assert isinstance(await asked_for(journal, a_question("b"), holds=[first]), OpenedChallenge)

    @pytest.mark.parametrize("changes", [{"rail": "zap"}, {"mode": "live"}], ids=["rail", "mode"])
    async def test_another_rail_or_mode_has_not_paid_that_account(
        self, journal: Journal, changes: dict[str, Any]
    ) -> None:
        await settled(journal)
        first = a_hold(51, 50, lifted_by=ACCOUNT)
        assert isinstance(await asked_for(journal, a_question("b", **changes), holds=[first]), LimitReached)
        elsewhere = replace(first, lifted_by="072180001234567895")
        assert isinstance(await asked_for(journal, a_question("b"), holds=[elsewhere]), LimitReached)

    async def test_what_a_limit_refused_opens_nothing_and_is_written_down(self, journal: Journal) -> None:
        refused = a_question("b")
        await journal.record_refusal(refused, Code.LIMIT_PER_DAY.value, "The limit is MXN 1.00 a day.")
        (event,) = await journal.events("pay_b")
        assert (event.event, event.body["code"]) == ("challenge.refused", Code.LIMIT_PER_DAY.value)
        assert await journal.challenges("ana", refused.digest) == []
        assert isinstance(await asked_for(journal, replace(refused, id="pay_c"), holds=[a_hold()]), OpenedChallenge)
        assert (await journal.verify())[1] is None

    async def test_yesterdays_count_does_not_weigh_on_today(self, journal: Journal) -> None:
        day = int(DAY.total_seconds() * 1000)
        for n in range(3):
            whole = a_hold(100, bucket=n * day, since=n * day)
            assert isinstance(await asked_for(journal, a_question(f"{n}"), holds=[whole]), OpenedChallenge)
