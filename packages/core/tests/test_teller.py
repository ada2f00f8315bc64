"""The life of a payment, in one process: a journal that is real, and a rail, a person and a clock that do as told."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from riel import (
    FOREVER,
    Answer,
    Money,
    NothingLearned,
    NotSent,
    Order,
    OutcomeUnknown,
    Payee,
    Prepared,
    Rejected,
    Status,
)
from riel.confirm import Terms
from riel.crash import at_crash_points
from riel.errors import JournalUnavailable, NotAllowed, NotConfirmed, NotFound, NothingSent
from riel.journal import Challenge, ChallengeState, PaymentRecord, State
from riel.journal.sqlite import SqliteJournal

from .teller_support import PATIENCE, SETTLED, Strange, World, answers, first, working

pytestmark = pytest.mark.anyio

WRONG = "000000"  # the right one is a MAC: it is this one once in a million runs

LOST = OutcomeUnknown("no whole answer")

WHATEVER: dict[str, Any] = {
    "an error of its own": Strange("boom"),
    "a bug": KeyError("amount"),
    "a time-out": TimeoutError("somewhere below"),
    "an error of the system": OSError(104, "reset"),
    "a cancellation that nobody asked for": asyncio.CancelledError(),
    "sys.exit": SystemExit(1),
    "a group of errors": ExceptionGroup("several", [ValueError("one"), KeyError("two")]),
    "nothing": None,
    "something else": {"status": "settled"},
    "a status that is none": Answer(status="done"),  # type: ignore[arg-type]
    "facts that are none": Answer(status=Status.SETTLED, facts=["done"]),  # type: ignore[arg-type]
    "facts that are no text": Answer(status=Status.SETTLED, facts={"fee": Money(5, "MXN")}),  # type: ignore[dict-item]
    "a time that is none": Answer(status=Status.SETTLED, settled_at="2026-03-07T12:00:00Z"),  # type: ignore[arg-type]
    "an id that is no text": Answer(status=Status.SETTLED, rail_id=["B-1"]),  # type: ignore[arg-type]
    "a code that is no text": Answer(status=Status.REJECTED, code=None),  # type: ignore[arg-type]
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Gate:
    """A rail that answers when it is let."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, order: Order) -> Answer:
        self.reached.set()
        await self.open.wait()
        return SETTLED


# A call that is repeated


async def test_the_same_call_joins_its_payment_and_pays_nothing_more(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.call())
        records = await asyncio.gather(*(world.teller.confirm(world.call(), code) for _ in range(50)))
        again = await world.teller.confirm(world.call(), code)
        assert {record.id for record in records} == {again.id}
        assert again.state is State.SETTLED
        assert len(world.client.sent) == 1


async def test_a_call_is_answered_in_time_and_the_next_one_says_what_became_of_it(tmp_path: Path) -> None:
    gate = Gate()
    async with working(tmp_path, sends=gate) as world:
        code = await world.asked(world.call())
        assert (await world.teller.confirm(world.call(), code)).state is State.SENDING
        assert (await world.teller.confirm(world.call(), code)).state is State.SENDING
        gate.open.set()
        assert (await world.teller.confirm(world.call(), code)).state is State.SETTLED
        assert len(world.client.sent) == 1


async def test_a_rejected_payment_stays_rejected_for_the_call_that_is_repeated(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(Rejected("NO", "not today"))) as world:
        code = await world.asked(world.call())
        for _ in range(2):
            record = await world.teller.confirm(world.call(), code)
            assert (record.state, record.code, record.said) == (State.REJECTED, "NO", "not today")
        assert len(world.client.sent) == 1


async def test_another_teller_on_the_same_journal_joins_too(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        code = await one.asked(one.call())
        records = await asyncio.gather(
            *(world.teller.confirm(world.call(), code) for _ in range(20) for world in (one, other))
        )
        assert len({record.id for record in records}) == 1
        assert len(one.client.sent) + len(other.client.sent) == 1


@pytest.mark.parametrize("verb", ["ask", "confirm", "status"])
async def test_a_caller_that_goes_away_at_any_moment_changes_nothing(
    tmp_path: Path, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(tmp_path, sends=answers(LOST)) as world:

        async def begin(amount: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
            """What the caller does who goes away, and what its next call finds."""
            call = world.call(amount)
            if verb == "ask":
                return lambda: world.teller.ask(call), lambda: world.paid(call)
            code = await world.asked(call)
            if verb == "confirm":
                return lambda: world.teller.confirm(call, code), lambda: world.teller.confirm(call, code)
            record = await world.teller.confirm(call, code)
            await world.quiet()
            world.later(seconds=10)
            look = lambda: world.teller.status("toy", record.reference, "ana")  # noqa: E731
            return look, look

        passed = await _points(*await begin(1))
        assert len(passed) >= 4
        for amount, point in enumerate(dict.fromkeys(passed), 2):
            leaves, comes_back = await begin(amount)
            await _goes_away_at(point, leaves)
            await world.quiet()
            await comes_back()
            await world.quiet()
            world.later(hours=1)
            await world.round()
        records = await world.journal.payments(most=100)
        assert len(records) == len(set(passed)) + 1
        assert {record.state for record in records} == {State.SETTLED}
        assert {record.sends for record in records} == {1}
        assert len(world.client.sent) == len(records)
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def _points(work: Callable[[], Any], after: Callable[[], Any]) -> list[str]:
    passed: list[str] = []
    at_crash_points(passed.append)
    try:
        await work()
    finally:
        at_crash_points(None)
    await after()
    return [name for name in passed if not name.startswith("commit")]


async def _goes_away_at(point: str, work: Callable[[], Any]) -> None:
    loop = asyncio.get_running_loop()
    caller = asyncio.ensure_future(work())
    at_crash_points(lambda name: loop.call_soon_threadsafe(caller.cancel) and None if name == point else None)
    try:
        await asyncio.gather(caller, return_exceptions=True)
    finally:
        at_crash_points(None)


async def test_a_refusal_of_which_nobody_hears_is_not_logged_as_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(tmp_path) as world:
        await world.asked(world.call())
        await _goes_away_at("challenges:before", lambda: world.teller.confirm(world.call(), WRONG))
        await world.quiet()
    assert [one.message for one in caplog.records] == []


async def test_what_is_being_sent_is_finished_before_the_teller_closes(tmp_path: Path) -> None:
    gate = Gate()
    async with working(tmp_path, sends=gate) as world:
        record = await world.teller.confirm(world.call(), await world.asked(world.call()))
        closing = asyncio.create_task(world.teller.close(timedelta(seconds=PATIENCE)))
        await asyncio.sleep(0)
        gate.open.set()
        await closing
    async with working(tmp_path) as world:
        assert await world.state(record) is State.SETTLED
        assert world.client.looked == []


async def test_a_confirmation_under_way_is_carried_out_before_the_teller_closes(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        call = world.call()
        code = await world.asked(call)
        caller = asyncio.create_task(world.teller.confirm(call, code))
        await asyncio.sleep(0)
        await world.teller.close(timedelta(seconds=PATIENCE))
        assert len(world.client.sent) == 1
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)


async def test_what_cannot_be_finished_in_time_is_left_to_recovery(tmp_path: Path) -> None:
    gate = Gate()
    async with working(tmp_path, sends=gate) as world:
        record = await world.teller.confirm(world.call(), await world.asked(world.call()))
        await world.teller.close(timedelta(0))
    async with working(tmp_path) as world:
        assert await world.state(record) is State.SENDING
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert world.client.sent == []


# The person's code


async def test_a_try_is_in_the_journal_before_the_code_is_compared(tmp_path: Path) -> None:
    counted: list[int] = []

    def count() -> None:
        with sqlite3.connect(tmp_path / "journal.db") as db:
            counted.extend(db.execute("SELECT count(*) FROM tries").fetchone())
        db.close()

    async with working(tmp_path) as world:
        code = await world.asked(world.call())
        world.person.listening = count
        assert await world.refusal(world.call(), WRONG) == "2FA_MISMATCH"
        await world.teller.confirm(world.call(), code)
        assert counted == [1, 2]


async def test_the_fifth_wrong_code_closes_the_confirmation(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.call())
        for left in (4, 3, 2, 1):
            with pytest.raises(NotConfirmed) as refused:
                await world.teller.confirm(world.call(), WRONG)
            assert refused.value.problem.details == {"triesLeft": left}
        assert await world.refusal(world.call(), WRONG) == "2FA_LOCKED"
        assert await world.refusal(world.call(), code) == "2FA_LOCKED"
        assert len(world.person.compared) == 5
        fresh = await world.asked(world.call())
        assert fresh != code
        assert (await world.teller.confirm(world.call(), fresh)).state is State.SETTLED


async def test_ten_wrong_codes_an_hour_whatever_they_are_for(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        for amount in (1, 2, 3):
            await world.asked(world.call(amount))
        for tried in range(10):
            assert await world.refusal(world.call(1 + tried % 3), WRONG) == "2FA_MISMATCH"
        right = await world.asked(world.call(4))
        assert await world.refusal(world.call(4), right) == "2FA_RATE_LIMITED"
        assert await world.refusal(world.call(5), WRONG) == "2FA_RATE_LIMITED"
        assert len(world.person.compared) == 10
        somebody = world.call(principal="berta")
        assert (await world.teller.confirm(somebody, await world.asked(somebody))).state is State.SETTLED
        world.later(hours=1, seconds=1)
        assert (await world.teller.confirm(world.call(4), await world.asked(world.call(4)))).state is State.SETTLED


async def test_a_guess_at_what_was_never_asked_counts_too(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        for amount in range(1, 11):
            assert await world.refusal(world.call(amount), WRONG) == "2FA_MISMATCH"
        assert await world.refusal(world.call(), await world.asked(world.call())) == "2FA_RATE_LIMITED"
        assert world.person.compared == []


async def test_of_a_thousand_guesses_at_once_ten_are_compared_and_all_are_answered(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        calls = [world.call(amount) for amount in range(1, 21)]
        for call in calls:
            await world.asked(call)
        async with asyncio.timeout(6 * PATIENCE):
            codes = await asyncio.gather(
                *(world.refusal(calls[number % len(calls)], f"{number:06d}") for number in range(1000))
            )
        assert len(world.person.compared) <= 10
        assert set(codes) <= {"2FA_MISMATCH", "2FA_LOCKED", "2FA_RATE_LIMITED"}
        assert codes.count("2FA_RATE_LIMITED") >= 1000 - 10
        assert world.client.sent == []


async def test_right_codes_at_once_do_not_refuse_each_other(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        calls = [world.call(amount) for amount in range(1, 65)]
        codes = [await world.asked(call) for call in calls]
        async with asyncio.timeout(PATIENCE):
            records = await asyncio.gather(*map(world.teller.confirm, calls, codes))
        assert len({record.reference for record in records}) == len(world.client.sent) == 64


async def test_wrong_codes_at_once_leave_room_for_the_right_ones_that_there_is_room_for(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        calls = [world.call(amount) for amount in range(1, 41)]
        codes = [await world.asked(call) for call in calls]
        codes[:9] = [WRONG] * 9
        async with asyncio.timeout(PATIENCE):
            ended = await asyncio.gather(*map(world.teller.confirm, calls, codes), return_exceptions=True)
        assert [isinstance(one, NotConfirmed) for one in ended] == [True] * 9 + [False] * 31


CHANGES: dict[str, dict[str, Any]] = {
    "amount": {"money": Money(50_001, "MXN")},
    "currency": {"money": Money(50_000, "CLP")},
    "account": {"payee": Payee("0123456780", "Empresa Demo")},
    "payee's name": {"payee": Payee("0123456789", "Empresa Demos")},
    "payee's bank": {"payee": Payee("0123456789", "Empresa Demo", "Banco")},
    "an argument": {"arguments": {"account": "0123456789", "amount": 50_000, "concept": "other"}},
    "mode": {"mode": "test"},
    "who asks": {"principal": "berta"},
    "kind": {"kind": "refund", "original": "pay_1"},
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_code_confirms_nothing_that_was_changed(tmp_path: Path, change: str) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.call())
        other = world.call(**CHANGES[change])
        assert await world.refusal(other, code) == "2FA_MISMATCH"
        await world.asked(other)
        assert await world.refusal(other, code) == "2FA_MISMATCH"
        assert world.client.sent == world.client.refunded == []
        assert (await world.teller.confirm(world.call(), code)).state is State.SETTLED


async def test_a_code_is_of_no_use_once_its_time_is_over(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.call())
        world.later(minutes=10)
        assert await world.refusal(world.call(), code) == "2FA_EXPIRED"
        assert await world.refusal(world.call(), code) == "2FA_EXPIRED"
        assert world.person.compared == []
        fresh = await world.asked(world.call())
        assert await world.refusal(world.call(), code) == "2FA_MISMATCH"
        assert (await world.teller.confirm(world.call(), fresh)).state is State.SETTLED


async def test_a_no_stays_a_no(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        challenge, _ = await world.teller.ask(world.call())
        assert await world.journal.decline(challenge.id, "ana", world.now)
        assert await world.refusal(world.call(), world.person.code(challenge)) == "2FA_DECLINED"
        for hours in (0, 23):
            world.later(hours=hours)
            with pytest.raises(NotConfirmed) as refused:
                await world.teller.ask(world.call())
            assert refused.value.problem.code == "2FA_DECLINED"
        assert len(world.person.asked) == 1
        world.later(hours=2)
        assert await world.asked(world.call())


async def test_a_question_is_repeated_after_a_pause_and_stays_the_same(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        ids = set()
        for seconds in (0, 29, 2):
            world.later(seconds=seconds)
            challenge, _ = await world.teller.ask(world.call())
            ids.add(challenge.id)
        assert len(ids) == 1
        assert len(world.person.asked) == 2


async def test_an_identical_payment_is_called_the_second_one(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        paid = await world.paid(world.call())
        challenge, _ = await world.teller.ask(world.call())
        assert "SECOND PAYMENT" in challenge.text
        assert paid.reference in challenge.text
        again = await world.teller.confirm(world.call(), world.person.code(challenge))
        assert again.reference != paid.reference
        challenge, _ = await world.teller.ask(world.call())
        assert "PAYMENT NUMBER 3" in challenge.text
        world.later(minutes=11)
        challenge, _ = await world.teller.ask(world.call())
        assert "SECOND" not in challenge.text
        assert len(world.client.sent) == 2


# Guards, and what can fail before anything is confirmed


class Closed:
    """A guard that refuses once it is told to."""

    name = "closed"

    def __init__(self) -> None:
        self.closed = False
        self.asked: list[Terms] = []

    def check(self, terms: Terms, now: datetime) -> None:
        self.asked.append(terms)
        if self.closed:
            raise NotAllowed("The office is closed.")


async def test_guards_are_asked_before_the_person_is_and_once_more_before_the_send(tmp_path: Path) -> None:
    guard = Closed()
    async with working(tmp_path, guards=(guard,)) as world:
        call = world.call()
        code = await world.asked(call)
        guard.closed = True
        assert await world.refusal(call, code) == "NOT_ALLOWED"
        with pytest.raises(NotAllowed):
            await world.teller.ask(world.call(7))
        assert world.person.compared == []
        assert len(world.person.asked) == 1
        guard.closed = False
        assert (await world.teller.confirm(call, code)).state is State.SETTLED
        assert guard.asked == [call.terms, call.terms, world.call(7).terms, call.terms]
        guard.closed = True
        assert (await world.teller.confirm(call, code)).state is State.SETTLED, "what was paid is told all the same"


@pytest.mark.parametrize("failure", [Strange("no key"), OSError("no file"), SystemExit(1), asyncio.CancelledError()])
async def test_a_client_that_cannot_be_opened_burns_no_try(tmp_path: Path, failure: BaseException) -> None:
    failures = [failure] * 12

    async def connecting() -> None:
        if failures:
            raise failures.pop()

    async with working(tmp_path, connecting=connecting) as world:
        code = await world.asked(world.call())
        for _ in range(12):
            assert await world.refusal(world.call(), code) in {"RAIL_MISCONFIGURED", "RAIL_BROKEN"}
        assert world.person.compared == []
        assert (await world.teller.confirm(world.call(), code)).state is State.SETTLED


async def test_a_client_that_never_opens_is_given_up(tmp_path: Path) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE):
        async with working(tmp_path, connecting=never, send_deadline=timedelta(milliseconds=50)) as world:
            assert await world.refusal(world.call(), await world.asked(world.call())) == "RAIL_BROKEN"


@pytest.mark.parametrize("prepared", [ValueError("no"), SystemExit(1), None, "R1", Prepared(reference="")])
async def test_a_payment_that_cannot_be_prepared_burns_no_try(tmp_path: Path, prepared: Any) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.call())

        def prepares(*_: object) -> Any:
            if isinstance(prepared, BaseException):
                raise prepared
            return prepared

        world.client.prepares = prepares
        for _ in range(12):
            assert await world.refusal(world.call(), code) == "RAIL_BROKEN"
        world.client.prepares = None
        assert (await world.teller.confirm(world.call(), code)).state is State.SETTLED
        assert len(world.person.compared) == 1


async def test_a_reference_is_never_used_for_two_payments(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        made = iter(["R1", "R1", "R1", "R2", "R3", "R3", "R3", "R3"])
        world.client.prepares = lambda draft, mint: Prepared(reference=next(made), body=b"{}")
        assert (await world.paid(world.call(1))).reference == "R1"
        assert (await world.paid(world.call(2))).reference == "R2"
        assert (await world.paid(world.call(3))).reference == "R3"
        assert await world.refusal(world.call(4), await world.asked(world.call(4))) == "RAIL_BROKEN"
        assert [order.reference for order in world.client.sent] == ["R1", "R2", "R3"]


# What the rail does


@pytest.mark.parametrize("what", WHATEVER)
async def test_whatever_a_send_does_the_outcome_is_unknown_until_it_is_looked_up(tmp_path: Path, what: str) -> None:
    async with working(tmp_path, sends=answers(WHATEVER[what])) as world:
        record = await world.paid(world.call())
        assert record.state is (State.SENDING if what.startswith("a cancellation") else State.UNKNOWN)
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 1


@pytest.mark.parametrize("what", [what for what in WHATEVER if what != "nothing"])
async def test_whatever_a_look_up_does_nothing_is_concluded_from_it(tmp_path: Path, what: str) -> None:
    finds = first(WHATEVER[what], WHATEVER[what], SETTLED)
    async with working(tmp_path, sends=answers(LOST), finds=finds, dedupe="no", dedupe_window=timedelta(0)) as world:
        record = await world.paid(world.call())
        for _ in range(2):
            world.later(hours=2)
            await world.round()
            assert await world.state(record) is State.UNKNOWN
        world.later(hours=2)
        await world.round()
        assert await world.state(record) is State.SETTLED


async def test_a_send_that_takes_too_long_is_unknown(tmp_path: Path) -> None:
    async with working(tmp_path, sends=Gate(), send_deadline=timedelta(milliseconds=20)) as world:
        record = await world.paid(world.call())
        assert record.state is State.UNKNOWN


async def test_what_never_left_is_rejected_and_may_be_paid_anew(tmp_path: Path) -> None:
    async with working(tmp_path, sends=first(NotSent("no connection"), SETTLED)) as world:
        record = await world.paid(world.call())
        assert (record.state, record.next_at) == (State.REJECTED, None)
        challenge, _ = await world.teller.ask(world.call())
        assert "SECOND" not in challenge.text
        assert (await world.teller.confirm(world.call(), world.person.code(challenge))).state is State.SETTLED


@pytest.mark.parametrize(
    "other", [{"amount": 50_001}, {"currency": "CLP"}, {"account": "9999999999"}], ids=["amount", "currency", "account"]
)
@pytest.mark.parametrize("asked", ["send", "look-up"])
async def test_an_answer_about_something_else_goes_to_an_operator(
    tmp_path: Path, asked: str, other: dict[str, Any]
) -> None:
    wrong = replace(SETTLED, **other)
    sends = answers(wrong if asked == "send" else LOST)
    async with working(tmp_path, sends=sends, finds=answers(wrong)) as world:
        record = await world.paid(world.call())
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.REVIEW
        settled = await world.journal.decide(record.id, State.SETTLED, "otto", "statement of 7 March", world.now)
        assert settled is not None
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 1


async def test_an_accepted_payment_settles_when_the_rail_says_so(tmp_path: Path) -> None:
    pending = Answer(status=Status.PENDING, rail_id="B-1")
    async with working(tmp_path, sends=answers(pending), finds=first(pending, SETTLED)) as world:
        record = await world.paid(world.call())
        assert (record.state, record.rail_id) == (State.PENDING, "B-1")
        for _ in range(2):
            world.later(seconds=30)
            await world.round()
        assert await world.state(record) is State.SETTLED
        assert world.client.looked[0].rail_id == "B-1"


async def test_settled_money_that_comes_back_is_returned(tmp_path: Path) -> None:
    back = Answer(status=Status.RETURNED, code="CLOSED")
    async with working(tmp_path, finds=first(SETTLED, back), returns=timedelta(days=2)) as world:
        record = await world.paid(world.call())
        for _ in range(2):
            world.later(minutes=6)
            await world.round()
        returned = await world.known(record)
        assert (returned.state, returned.code, returned.next_at) == (State.RETURNED, "CLOSED", None)


# After an unknown outcome


async def test_the_same_order_is_sent_once_more_where_the_rail_dedupes_and_does_not_have_it(tmp_path: Path) -> None:
    async with working(tmp_path, sends=first(LOST, SETTLED), finds=answers(None)) as world:
        record = await world.paid(world.call())
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.SETTLED
        one, other = world.client.sent
        assert one == other
        assert await world.story(record) == ["asked", "confirmed", "unknown", "sent_again", "settled"]


async def test_nothing_is_sent_again_outside_the_window(tmp_path: Path) -> None:
    window = timedelta(hours=1)
    async with working(tmp_path, sends=answers(LOST), finds=answers(None), dedupe_window=window) as world:
        record = await world.paid(world.call())
        world.later(minutes=59, seconds=50)  # a send and its margin would not fit any more
        await world.round()
        assert len(world.client.sent) == 1
        assert (await world.known(record)).state is State.REJECTED


async def test_nothing_is_ever_sent_again_where_the_rail_does_not_dedupe(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=answers(LOST), finds=answers(None), dedupe="no", dedupe_window=timedelta(0)
    ) as world:
        record = await world.paid(world.call())
        world.later(seconds=30)
        await world.round()
        assert await world.state(record) is State.UNKNOWN
        world.later(minutes=2)
        await world.round()
        assert (await world.known(record)).state is State.REJECTED
        assert len(world.client.sent) == 1


async def test_where_nothing_can_be_learned_an_operator_is_asked(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=answers(LOST), dedupe="no", dedupe_window=timedelta(0), lookup="no", absence_after=None
    ) as world:
        record = await world.paid(world.call())
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.REVIEW
        world.later(days=30)
        await world.round()
        assert world.client.looked == []
        assert len(world.client.sent) == 1


async def test_a_rail_that_cannot_be_asked_is_sent_the_same_order_again(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=first(LOST, LOST, SETTLED), lookup="no", absence_after=None, dedupe_window=FOREVER
    ) as world:
        record = await world.paid(world.call())
        for _ in range(2):
            world.later(minutes=10)
            await world.round()
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 3
        assert len({(order.reference, order.body) for order in world.client.sent}) == 1


async def test_a_refusal_of_a_repeated_send_proves_nothing_unless_the_rail_stores_refusals(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=first(LOST, Rejected("NO")), finds=first(None, SETTLED), refusals_stored=False
    ) as world:
        record = await world.paid(world.call())
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.UNKNOWN
        world.later(seconds=10)
        await world.round()
        assert await world.state(record) is State.SETTLED


async def test_a_rejected_payment_that_settles_after_all_is_corrected_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(
        tmp_path, sends=answers(LOST), finds=first(None, SETTLED), dedupe="no", dedupe_window=timedelta(0)
    ) as world:
        record = await world.paid(world.call())
        world.later(minutes=2)
        await world.round()
        assert await world.state(record) is State.REJECTED
        world.later(minutes=10)
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert (await world.story(record))[-2:] == ["absent", "settled_late"]
    assert any("has settled after all" in one.message for one in caplog.records)


async def test_a_rejected_payment_is_watched_no_longer_than_the_rail_says(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=answers(LOST), finds=answers(None), dedupe="no", dedupe_window=timedelta(0)
    ) as world:
        record = await world.paid(world.call())
        for _ in range(20):
            world.later(minutes=6)
            await world.round()
        assert (await world.known(record)).next_at is None
        looked = len(world.client.looked)
        world.later(days=1)
        await world.round()
        assert len(world.client.looked) == looked


async def test_look_ups_grow_rarer(tmp_path: Path) -> None:
    nothing = NothingLearned("overloaded")
    async with working(tmp_path, sends=answers(LOST), finds=answers(nothing)) as world:
        await world.paid(world.call())
        for _ in range(1200):
            world.later(seconds=1)
            await world.teller.make_round()
            await world.quiet()
        assert 8 <= len(world.client.looked) <= 14


async def test_a_round_that_fails_is_followed_by_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    failing = asyncio.Event()

    class Failing:
        def __init__(self, journal: SqliteJournal) -> None:
            self._journal = journal

        def __getattr__(self, name: str) -> Any:
            return getattr(self._journal, name)

        async def claim(self, *what: Any, **how: Any) -> Any:
            if not failing.is_set():
                failing.set()
                raise OSError("no more files")
            return await self._journal.claim(*what, **how)

    async with working(tmp_path, sends=answers(LOST), journal=Failing) as world:
        record = await world.paid(world.call())
        world.later(hours=1)
        world.teller.start()
        async with asyncio.timeout(PATIENCE):
            while await world.state(record) is not State.SETTLED:  # noqa: ASYNC110  # the journal tells nobody
                await asyncio.sleep(0.01)
    assert "a round failed (OSError)" in caplog.text


# Who is at work on it


async def test_what_another_living_teller_is_sending_is_left_to_it(tmp_path: Path) -> None:
    gate = Gate()
    async with working(tmp_path, sends=gate) as owner, working(tmp_path, finds=answers(None)) as other:
        record = await owner.teller.confirm(owner.call(), await owner.asked(owner.call()))
        other.later(minutes=5)
        await other.round()
        assert (await other.teller.status("toy", record.reference, "ana")).state is State.SENDING
        assert other.client.looked == other.client.sent == []
        gate.open.set()
        await owner.quiet()
        known = await owner.known(record)
        assert (known.state, known.fence) == (State.SETTLED, 1)


class Interrupted:
    """A journal in which a round is made between the birth of a payment and its send."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.world: World

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def confirm_and_intend(self, *what: Any) -> Any:
        born = await self._journal.confirm_and_intend(*what)
        await self.world.teller.make_round()
        return born


async def test_a_round_never_takes_a_newborn_payment_for_an_orphan(tmp_path: Path) -> None:
    async with working(tmp_path, journal=Interrupted) as world:
        world.teller.desk.journal.world = world  # type: ignore[attr-defined]
        record = await world.paid(world.call())
        assert (record.state, record.fence, world.client.looked) == (State.SETTLED, 1, [])


# Whose payment it is


async def test_nobody_sees_the_payment_of_somebody_else(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        challenge, _ = await world.teller.ask(world.call(7))
        record = await world.paid(world.call())
        for name in (record.reference, record.id, challenge.id):
            assert await world.teller.status("toy", name, "ana")
            with pytest.raises(NotFound) as theirs:
                await world.teller.status("toy", name, "berta")
            with pytest.raises(NotFound) as nobodys:
                await world.teller.status("toy", "R000000000000", "berta")
            assert theirs.value.problem == nobodys.value.problem


async def test_a_status_looks_where_that_can_tell_more_and_not_too_often(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST), finds=first(NothingLearned("later"), SETTLED)) as world:
        record = await world.paid(world.call())
        for _ in range(5):
            assert (await world.teller.status("toy", record.reference, "ana")).state is State.UNKNOWN
        assert len(world.client.looked) == 1
        world.later(seconds=2)
        assert (await world.teller.status("toy", record.reference, "ana")).state is State.SETTLED


# Refunds


async def test_a_refund_lives_as_a_payment_does(tmp_path: Path) -> None:
    async with working(tmp_path, refunds=first(LOST, SETTLED), finds=answers(None)) as world:
        paid = await world.paid(world.call())
        refund = await world.paid(world.refund_call(paid, 20_000))
        assert (refund.kind, refund.refund_of, refund.state) == ("refund", paid.id, State.UNKNOWN)
        world.later(seconds=2)
        await world.round()
        assert await world.state(refund) is State.SETTLED
        assert (await world.known(paid)).refunded == 20_000
        one, other = world.client.refunded
        assert one == other
        assert one.original is not None
        assert (one.original.reference, one.reference) == (paid.reference, refund.reference)
        assert len(world.client.sent) == 1


async def test_no_more_is_refunded_than_was_paid(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        paid = await world.paid(world.call(50_000))
        calls = [world.refund_call(paid, amount) for amount in (20_000, 20_001, 20_002)]
        codes = [await world.asked(call) for call in calls]
        ended = await asyncio.gather(*map(world.teller.confirm, calls, codes), return_exceptions=True)
        await world.quiet()
        assert sum(isinstance(one, PaymentRecord) for one in ended) == 2
        (refused,) = (one for one in ended if isinstance(one, NothingSent))
        assert refused.problem.code == "REFUND_EXCEEDS_PAYMENT"
        assert (await world.known(paid)).refunded <= 50_000
        assert len(world.client.refunded) == 2


async def test_what_a_rejected_refund_held_is_free_again_and_what_an_unknown_one_holds_is_not(tmp_path: Path) -> None:
    async with working(tmp_path, refunds=first(Rejected("NO"), LOST, SETTLED)) as world:
        paid = await world.paid(world.call(50_000))
        assert (await world.paid(world.refund_call(paid, 50_000))).state is State.REJECTED
        assert (await world.paid(world.refund_call(paid, 40_000))).state is State.UNKNOWN
        too_much = world.refund_call(paid, 10_001)
        assert await world.refusal(too_much, await world.asked(too_much)) == "REFUND_EXCEEDS_PAYMENT"
        assert (await world.paid(world.refund_call(paid, 10_000))).state is State.SETTLED


async def test_only_what_has_settled_is_refunded(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST)) as world:
        paid = await world.paid(world.call())
        refund = world.refund_call(paid, 50_000)
        assert await world.refusal(refund, await world.asked(refund)) == "NOT_REFUNDABLE"
        assert world.client.refunded == []


# When the journal fails


class Flawed:
    """A journal whose one transaction fails: after it was written, or before; and whose reads may fail then as well."""

    def __init__(self, journal: SqliteJournal, *, written: bool, readable: bool) -> None:
        self._journal = journal
        self._written = written
        self._readable = readable
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def confirm_and_intend(self, *what: Any) -> Any:
        if self.failed:
            return await self._journal.confirm_and_intend(*what)
        self.failed = True
        if self._written:
            await self._journal.confirm_and_intend(*what)
        raise JournalUnavailable("The journal could not be written.")

    async def payment(self, payment_id: str) -> PaymentRecord | None:
        if self.failed and not self._readable:
            self._readable = True
            raise JournalUnavailable("The journal cannot be read.")
        return await self._journal.payment(payment_id)


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("written", [True, False])
async def test_nothing_is_sent_where_the_journal_fails_and_the_same_call_may_be_repeated(
    tmp_path: Path, written: bool, readable: bool
) -> None:
    def flawed(journal: SqliteJournal) -> Flawed:
        return Flawed(journal, written=written, readable=readable)

    async with working(tmp_path, finds=answers(None), journal=flawed) as world:
        code = await world.asked(world.call())
        if written and readable:
            assert (await world.teller.confirm(world.call(), code)).state is State.SENDING
        else:
            with pytest.raises(JournalUnavailable) as failure:
                await world.teller.confirm(world.call(), code)
            assert readable or "Do not pay in another way" in failure.value.problem.next_action
        assert world.client.sent == []
        record = await world.teller.confirm(world.call(), code)
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 1


async def test_a_question_that_was_answered_is_never_open_again(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        challenge, _ = await world.teller.ask(world.call())
        await world.teller.confirm(world.call(), world.person.code(challenge))
        known = await world.journal.challenge(challenge.id)
        assert isinstance(known, Challenge)
        assert known.state is ChallengeState.CONSUMED
        count, broken = await world.journal.verify()
        assert (count, broken) == (3, None)
