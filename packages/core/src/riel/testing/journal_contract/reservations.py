"""What a journal promises of limits: what is taken of them is taken once, together, and given back once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from riel.errors import Code, NotAllowed
from riel.guards import Reservation
from riel.journal import ChallengeState, Change, Journal, LimitReached, OpenedChallenge, PaymentRecord, State
from riel.journal.records import UNANSWERED_WATCH
from riel.testing.journal_contract.fixtures import (
    ACCOUNT,
    DAY,
    HOUR,
    LIMITS,
    MINUTE,
    NOW,
    SECOND,
    S,
    Store,
    TwoHandles,
    claim,
    count_attempt,
    create_payment,
    create_settled,
    enter_wrong_code,
    move,
    new_challenge,
    new_intent,
    open_challenge,
    try_to_open,
)

SCOPE = "day|sandbox|everybody|MXN"


def new_reservation(takes: int = 10, most: int = 100, **changes: Any) -> Reservation:
    """Something taken of a limit."""
    hold = Reservation(
        scope=SCOPE, bucket=0, since=0, amount=takes, limit=most, error=lambda left: NotAllowed(reason=f"{left} left")
    )
    return replace(hold, **changes)


async def open_reserving(
    journal: Journal, name: str = "a", hold: Reservation | None = None, **changes: Any
) -> OpenedChallenge:
    """A question that has taken its part."""
    return await open_challenge(journal, new_challenge(name, **changes), holds=[hold or new_reservation()])


async def create_reserving(journal: Journal, name: str = "a") -> Any:
    """A payment that has taken its part, and is being sent."""
    asked = (await open_reserving(journal, name)).challenge
    return await journal.create_payment(
        await count_attempt(journal, asked), asked.id, None, new_intent(f"REF-{name}"), NOW
    )


async def _expires(journal: Journal) -> None:
    later = NOW + 10 * MINUTE
    await try_to_open(
        journal, new_challenge("z", created_at=later, expires_at=later + HOUR), holds=[new_reservation(scope="other")]
    )


async def _declined(journal: Journal) -> None:
    await journal.decline("pay_a", "ana", NOW)


async def _locked(journal: Journal) -> None:
    for _ in range(LIMITS.per_challenge):
        await enter_wrong_code(journal, new_challenge())


async def _another_takes_its_place(journal: Journal) -> None:
    await open_challenge(journal, new_challenge("y"), alone=True)


ENDINGS = {
    "its time is over": _expires,
    "the person said no": _declined,
    "five wrong codes": _locked,
    "another question": _another_takes_its_place,
}


@pytest.mark.anyio
class ReservationPromises(TwoHandles):
    """Limits that many payments share."""

    async def test_what_is_asked_takes_its_part_of_a_limit(self, journal: Journal, other: Journal) -> None:
        assert await journal.reserved_total(SCOPE, 0, NOW) == 0
        await open_reserving(journal, "a", new_reservation(30))
        await open_reserving(other, "b", new_reservation(70))
        assert await journal.reserved_total(SCOPE, 0, NOW) == await other.reserved_total(SCOPE, 0, NOW) == 100
        assert await journal.reserved_total("another", 0, NOW) == 0

    async def test_what_does_not_fit_is_not_asked_and_takes_nothing(self, journal: Journal) -> None:
        await open_reserving(journal, "a", new_reservation(30))
        too_much = new_reservation(71)
        refused = await try_to_open(journal, new_challenge("b"), holds=[too_much])
        assert refused == LimitReached(too_much, left=70)
        assert await journal.challenge("pay_b") is None
        assert await journal.reserved_total(SCOPE, 0, NOW) == 30

    async def test_what_is_left_of_a_limit_that_was_lowered_is_nothing(self, journal: Journal) -> None:
        await open_reserving(journal, "a", new_reservation(30))
        lowered = new_reservation(1, most=20)
        assert await try_to_open(journal, new_challenge("b"), holds=[lowered]) == LimitReached(lowered, left=0)

    async def test_exactly_ten_of_fifty_at_once_pass_a_limit_of_ten(self, journal: Journal, other: Journal) -> None:
        handles = [(name, handle) for name, handle in enumerate([journal, other] * 25)]
        asking = (try_to_open(handle, new_challenge(f"{name}"), holds=[new_reservation()]) for name, handle in handles)
        answers = await asyncio.gather(*asking)
        assert sum(isinstance(answer, OpenedChallenge) for answer in answers) == 10
        assert {answer.left for answer in answers if isinstance(answer, LimitReached)} == {0}
        assert await journal.reserved_total(SCOPE, 0, NOW) == 100

    async def test_of_several_limits_all_are_taken_or_none(self, journal: Journal) -> None:
        wide, narrow = new_reservation(scope="wide"), new_reservation(scope="narrow", most=15)
        await open_challenge(journal, new_challenge("a"), holds=[wide, narrow])
        assert await try_to_open(journal, new_challenge("b"), holds=[wide, narrow]) == LimitReached(narrow, left=5)
        assert await try_to_open(journal, new_challenge("b"), holds=[narrow, wide]) == LimitReached(narrow, left=5)
        assert [await journal.reserved_total(scope, 0, NOW) for scope in ("wide", "narrow")] == [10, 10]
        await journal.decline("pay_a", "ana", NOW)
        assert [await journal.reserved_total(scope, 0, NOW) for scope in ("wide", "narrow")] == [0, 0]

    async def test_the_same_thing_asked_again_takes_nothing_more(self, journal: Journal, other: Journal) -> None:
        for at in (NOW, NOW + SECOND, NOW + MINUTE):
            again = await try_to_open(other, new_challenge(id=f"pay_{at}", created_at=at), holds=[new_reservation(100)])
            assert isinstance(again, OpenedChallenge), "though nothing is left"
        assert await journal.reserved_total(SCOPE, 0, NOW) == 100

    @pytest.mark.parametrize("way", ENDINGS)
    async def test_a_question_that_ends_without_a_payment_gives_back_once(self, journal: Journal, way: str) -> None:
        await open_reserving(journal, "c", new_reservation(40), principal="bea", expires_at=NOW + HOUR)
        await open_reserving(journal)
        end: Callable[[Journal], Awaitable[None]] = ENDINGS[way]
        for _ in range(2):
            await end(journal)
            assert await journal.reserved_total(SCOPE, 0, NOW) == 40
        await _declined(journal)
        await _expires(journal)
        assert await journal.reserved_total(SCOPE, 0, NOW) == 40

    async def test_questions_that_nobody_answers_do_not_fill_a_limit(self, journal: Journal, other: Journal) -> None:
        for n in range(10):
            await open_reserving(journal, f"{n}", principal=f"person {n}")
        assert isinstance(await try_to_open(other, new_challenge(), holds=[new_reservation()]), LimitReached)
        later = new_challenge(created_at=NOW + 10 * MINUTE, expires_at=NOW + HOUR)
        assert isinstance(await try_to_open(other, later, holds=[new_reservation(100)]), OpenedChallenge)
        assert await journal.reserved_total(SCOPE, 0, NOW) == 100

    async def test_a_question_that_is_asked_anew_takes_its_part_anew(self, journal: Journal) -> None:
        await open_reserving(journal, "a", new_reservation(100))
        later = NOW + 10 * MINUTE
        anew = new_challenge(id="pay_b", created_at=later, expires_at=later + MINUTE)
        assert (await open_challenge(journal, anew, holds=[new_reservation(100)])).fresh
        assert await journal.reserved_total(SCOPE, 0, NOW) == 100

    @pytest.mark.parametrize("state", [S.PENDING, S.SETTLED, S.UNKNOWN, S.RETURNED, S.REVIEW])
    async def test_a_payment_keeps_what_it_took(self, journal: Journal, state: State) -> None:
        record = await create_reserving(journal)
        assert await journal.reserved_total(SCOPE, 0, NOW) == 10
        await move(journal, record, state)
        assert await journal.reserved_total(SCOPE, 0, NOW) == 10

    async def test_money_that_comes_back_frees_nothing(self, journal: Journal) -> None:
        record = await move(journal, await create_reserving(journal), S.SETTLED)
        await move(journal, record, S.RETURNED)
        assert await journal.reserved_total(SCOPE, 0, NOW) == 10

    async def test_a_rejected_payment_gives_back_once_and_takes_again_where_it_arrived_after_all(
        self, journal: Journal, other: Journal
    ) -> None:
        await open_reserving(journal, "c", new_reservation(40))
        record = await move(journal, await create_reserving(journal), S.REJECTED)
        assert await other.reserved_total(SCOPE, 0, NOW) == 40
        for n in range(2):
            await journal.record(record.id, Change(to=S.REJECTED, event="rejected", fence=record.fence), NOW)
            assert await journal.reserved_total(SCOPE, 0, NOW) == 40, n
        await open_reserving(other, "d", new_reservation(60))
        for state in (S.PENDING, S.SETTLED, S.RETURNED):
            record = await move(other, record, state)
            assert await journal.reserved_total(SCOPE, 0, NOW) == 110, "it moved money, whatever the limit says"

    async def test_what_a_rejected_payment_reserved_is_taken_for_as_long_as_it_may_arrive(
        self, journal: Journal, other: Journal
    ) -> None:
        rejected = await move(
            journal, await create_reserving(journal), S.REJECTED, next_at=NOW, watch_until=NOW + 2 * MINUTE
        )
        too_much, rest = new_reservation(91), new_reservation(90)
        assert await try_to_open(other, new_challenge("b"), holds=[too_much]) == LimitReached(too_much, left=90)
        assert isinstance(await try_to_open(other, new_challenge("c"), holds=[rest]), OpenedChallenge)
        taken = await claim(other, rejected)
        await other.release(taken.id, taken.fence, None)
        asked = new_challenge("d", created_at=NOW + 2 * MINUTE)
        one = new_reservation(1)
        early = replace(asked, created_at=asked.created_at - SECOND)
        assert isinstance(await try_to_open(journal, early, holds=[one]), LimitReached)
        assert isinstance(await try_to_open(journal, asked, holds=[one]), OpenedChallenge)
        assert await journal.reserved_total(SCOPE, 0, NOW) == 101
        assert await journal.reserved_total(SCOPE, 0, asked.created_at) == 91
        await move(other, rejected, S.SETTLED)
        assert await journal.reserved_total(SCOPE, 0, NOW) == 101, "it moved money, and counts once"
        assert (await journal.verify())[1] is None

    async def test_a_watch_that_nobody_answers_ends_by_itself_and_not_before_it_was_given_up(
        self, journal: Journal
    ) -> None:
        rejected = await move(
            journal, await create_reserving(journal), S.REJECTED, next_at=NOW, watch_until=NOW + MINUTE
        )
        given_up = NOW + MINUTE + UNANSWERED_WATCH
        for at, until, total in (
            (NOW, NOW + MINUTE, 10),
            (NOW + MINUTE, given_up, 10),
            (given_up - SECOND, given_up, 10),
            (given_up, None, 0),
        ):
            assert rejected.late_arrival_until(at) == until
            assert await journal.reserved_total(SCOPE, 0, at) == total

    async def test_what_is_taken_by_a_rejected_payment_counts_in_its_scope_and_period_alone(
        self, journal: Journal
    ) -> None:
        asked = (await open_reserving(journal, "a", new_reservation(10, bucket=2, since=2))).challenge
        record = await journal.create_payment(await count_attempt(journal, asked), asked.id, None, new_intent(), NOW)
        assert isinstance(record, PaymentRecord)
        await move(journal, record, S.REJECTED, next_at=NOW, watch_until=NOW + DAY)
        assert [await journal.reserved_total(SCOPE, since, NOW) for since in (1, 2, 3)] == [10, 10, 0]
        assert await journal.reserved_total("another", 0, NOW) == 0

    async def test_an_operator_who_decides_that_nothing_was_paid_frees_it_at_once(
        self, journal: Journal, store: Store
    ) -> None:
        record = await create_reserving(journal)
        await move(journal, record, S.REJECTED, next_at=NOW, watch_until=NOW + DAY)
        store.tamper("UPDATE payments SET amount = amount + 1")
        assert await journal.claim_one(record.id, NOW, ()) is None, "it is in review"
        assert await journal.resolve_manually(record.id, S.REJECTED, "eva", "the bank says so", NOW) is not None
        assert await journal.reserved_total(SCOPE, 0, NOW) == 0

    async def test_a_payment_takes_its_part_of_the_period_in_which_it_is_created(
        self, journal: Journal, other: Journal
    ) -> None:
        yesterday, today = new_reservation(60, bucket=1, since=1), new_reservation(60, bucket=2, since=2)
        asked = (await open_reserving(journal, "a", yesterday)).challenge
        assert [await other.reserved_total(SCOPE, since, NOW) for since in (1, 2)] == [60, 0]
        intent = new_intent("REF-a", reservations=[today])
        record = await other.create_payment(await count_attempt(journal, asked), asked.id, None, intent, NOW)
        assert isinstance(record, PaymentRecord)
        assert [await journal.reserved_total(SCOPE, since, NOW) for since in (1, 2)] == [60, 60]
        refused = await try_to_open(journal, new_challenge("b"), holds=[new_reservation(41, bucket=2, since=2)])
        assert isinstance(refused, LimitReached), "today is used up"
        await move(other, record, S.REJECTED)
        assert [await journal.reserved_total(SCOPE, since, NOW) for since in (1, 2)] == [0, 0], "it is given back once"
        assert (await journal.verify())[1] is None

    async def test_a_payment_that_does_not_fit_into_the_period_of_its_creation_is_not_created(
        self, journal: Journal, other: Journal
    ) -> None:
        asked = (await open_reserving(journal, "a", new_reservation(60, bucket=1, since=1))).challenge
        await open_reserving(other, "b", new_reservation(41, bucket=2, since=2))
        today = new_reservation(60, bucket=2, since=2)
        intent = new_intent("REF-a", reservations=[today])
        attempt = await count_attempt(journal, asked)
        assert await journal.create_payment(attempt, asked.id, None, intent, NOW) == LimitReached(today, left=59)
        assert await journal.payment(asked.id) is None
        known = await other.challenge(asked.id)
        assert known is not None
        assert known.state is ChallengeState.OPEN
        assert [await journal.reserved_total(SCOPE, since, NOW) for since in (1, 2)] == [101, 41], "nothing has moved"
        await other.decline("pay_b", "ana", NOW)
        again = await other.create_payment(await count_attempt(other, asked), asked.id, None, intent, NOW)
        assert isinstance(again, PaymentRecord)
        assert (await journal.verify())[1] is None

    async def test_of_many_payments_that_are_created_at_once_in_a_new_period_as_many_fit_as_its_limit_holds(
        self, journal: Journal, other: Journal
    ) -> None:
        holds = {n: new_reservation(10, 30, bucket=n, since=n) for n in range(1, 7)}
        asked = [(await open_reserving(journal, f"{n}", hold)).challenge for n, hold in holds.items()]
        tomorrow = new_reservation(10, 30, bucket=9, since=9)
        attempts = [await count_attempt(journal, one) for one in asked]
        created = await asyncio.gather(
            *(
                (journal, other)[n % 2].create_payment(
                    attempt, one.id, None, new_intent(f"REF-{n}", reservations=[tomorrow]), NOW
                )
                for n, (attempt, one) in enumerate(zip(attempts, asked, strict=True))
            )
        )
        assert sum(isinstance(one, PaymentRecord) for one in created) == 3
        assert await journal.reserved_total(SCOPE, 9, NOW) == 30

    async def test_what_an_operator_decides_counts_the_same(self, journal: Journal) -> None:
        for name, to, used in (("a", S.REJECTED, 0), ("b", S.SETTLED, 10)):
            record = await move(journal, await create_reserving(journal, name), S.REVIEW)
            assert await journal.resolve_manually(record.id, to, "eva", "the bank says so", NOW) is not None
            assert await journal.reserved_total(SCOPE, 0, NOW) == used

    async def test_each_period_is_counted_by_itself_and_a_later_one_counts_for_an_earlier(
        self, journal: Journal
    ) -> None:
        for bucket in (1, 2, 3):
            await open_reserving(journal, f"{bucket}", new_reservation(10**bucket, 10_000, bucket=bucket, since=bucket))
        assert [await journal.reserved_total(SCOPE, since, NOW) for since in (1, 2, 3, 4)] == [1110, 1100, 1000, 0]
        behind = new_reservation(8_901, 10_000, bucket=2, since=2)
        assert await try_to_open(journal, new_challenge("b"), holds=[behind]) == LimitReached(behind, left=8_900)
        await journal.decline("pay_2", "ana", NOW)
        assert [await journal.reserved_total(SCOPE, since, NOW) for since in (1, 2, 3)] == [1010, 1000, 1000]

    async def test_a_limit_of_first_payments_is_lifted_when_one_has_settled(self, journal: Journal) -> None:
        first = new_reservation(50, 50, lifted_by=ACCOUNT)
        await open_reserving(journal, "a", first)
        assert isinstance(await try_to_open(journal, new_challenge("b"), holds=[first]), LimitReached)
        await move(journal, await create_payment(journal, "c"), S.PENDING)
        assert isinstance(await try_to_open(journal, new_challenge("b"), holds=[first]), LimitReached), (
            "it has not settled"
        )
        await create_settled(journal, "d")
        assert isinstance(await try_to_open(journal, new_challenge("b"), holds=[first]), OpenedChallenge)

    @pytest.mark.parametrize("changes", [{"rail": "zap"}, {"mode": "live"}], ids=["rail", "mode"])
    async def test_another_rail_or_mode_has_not_paid_that_account(
        self, journal: Journal, changes: dict[str, Any]
    ) -> None:
        await create_settled(journal)
        first = new_reservation(51, 50, lifted_by=ACCOUNT)
        assert isinstance(await try_to_open(journal, new_challenge("b", **changes), holds=[first]), LimitReached)
        elsewhere = replace(first, lifted_by="072180001234567895")
        assert isinstance(await try_to_open(journal, new_challenge("b"), holds=[elsewhere]), LimitReached)

    async def test_what_a_limit_refused_opens_nothing_and_is_written_down(self, journal: Journal) -> None:
        refused = new_challenge("b")
        await journal.record_refusal(refused, Code.LIMIT_PER_DAY.value, "The limit is MXN 1.00 a day.")
        (event,) = await journal.events("pay_b")
        assert (event.event, event.body["code"]) == ("challenge.refused", Code.LIMIT_PER_DAY.value)
        assert await journal.challenges("ana", refused.digest) == []
        assert isinstance(
            await try_to_open(journal, replace(refused, id="pay_c"), holds=[new_reservation()]), OpenedChallenge
        )
        assert (await journal.verify())[1] is None

    async def test_yesterdays_count_does_not_weigh_on_today(self, journal: Journal) -> None:
        day = int(DAY.total_seconds() * 1000)
        for n in range(3):
            whole = new_reservation(100, bucket=n * day, since=n * day)
            assert isinstance(await try_to_open(journal, new_challenge(f"{n}"), holds=[whole]), OpenedChallenge)
