"""Nothing is paid but what a person confirmed: codes and their tries, guards, and what can fail before a birth."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest

from riel import Money, Payee, Prepared
from riel.confirm import Terms
from riel.confirm.factors.totp import Enrolment, TotpFactor, UsedStepFiles
from riel.errors import NotAllowed, NotConfirmed, OutcomeUnknown
from riel.journal import State

from .engine_support import PATIENCE, WRONG, Strange, first, working
from .limits_support import limits

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# The person's code


async def test_a_try_is_in_the_journal_before_the_code_is_compared(tmp_path: Path) -> None:
    counted: list[int] = []

    def count() -> None:
        with sqlite3.connect(tmp_path / "journal.db") as db:
            counted.extend(db.execute("SELECT count(*) FROM attempts").fetchone())
        db.close()

    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        world.person.listening = count
        assert await world.refusal(world.request(), WRONG) == "2FA_MISMATCH"
        await world.engine.confirm(world.request(), code)
        assert counted == [1, 2]


async def test_the_fifth_wrong_code_closes_the_confirmation(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        for left in (4, 3, 2, 1):
            with pytest.raises(NotConfirmed) as refused:
                await world.engine.confirm(world.request(), WRONG)
            assert refused.value.error.details == {"attemptsLeft": left}
        assert await world.refusal(world.request(), WRONG) == "2FA_LOCKED"
        assert await world.refusal(world.request(), code) == "2FA_LOCKED"
        assert len(world.person.compared) == 5
        fresh = await world.asked(world.request())
        assert fresh != code
        assert (await world.engine.confirm(world.request(), fresh)).state is State.SETTLED


async def test_ten_wrong_codes_an_hour_whatever_they_are_for(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        for amount in (1, 2, 3):
            await world.asked(world.request(amount))
        for tried in range(10):
            assert await world.refusal(world.request(1 + tried % 3), WRONG) == "2FA_MISMATCH"
        right = await world.asked(world.request(4))
        assert await world.refusal(world.request(4), right) == "2FA_RATE_LIMITED"
        assert await world.refusal(world.request(4), WRONG) == "2FA_RATE_LIMITED"
        assert len(world.person.compared) == 10
        somebody = world.request(principal="berta")
        assert (await world.engine.confirm(somebody, await world.asked(somebody))).state is State.SETTLED
        world.later(hours=1, seconds=1)
        assert (
            await world.engine.confirm(world.request(4), await world.asked(world.request(4)))
        ).state is State.SETTLED


async def test_a_code_where_nobody_was_asked_locks_nobody_out_and_is_told_so(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        for amount in range(1, 21):
            with pytest.raises(NotConfirmed) as refused:
                await world.engine.confirm(world.request(amount), "000000")
            assert refused.value.error.code == "2FA_NOT_REQUESTED"
            assert refused.value.error.message.startswith("Nobody was asked")
            assert "Call without verificationCode" in refused.value.error.next_action
        assert world.person.compared == []
        code = await world.asked(world.request())
        for amount in range(1, 21):
            assert await world.refusal(world.request(amount), code) == "2FA_MISMATCH"
        assert world.person.compared == []
        assert (await world.engine.confirm(world.request(), code)).state is State.SETTLED


async def test_the_refusal_names_the_argument_that_is_not_as_it_was(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        other = world.request(arguments={"account": "0123456789", "amount": 50_000, "concept": "Rent."})
        with pytest.raises(NotConfirmed) as refused:
            await world.engine.confirm(other, code)
        error = refused.value.error
        assert (error.code, error.details) == ("2FA_MISMATCH", {"differing": ["concept"]})
        assert "concept is not as it was then" in error.message
        assert "Repeat the call with concept exactly as it was" in error.next_action
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            ((body,),) = db.execute("SELECT body FROM events WHERE event = 'challenge.refused'").fetchall()
        assert json.loads(body)["code"] == "2FA_MISMATCH"  # a person was asked about something like it: it is recorded
        world.later(minutes=11)
        assert await world.refusal(other, code) == "2FA_NOT_REQUESTED"


async def test_a_code_survives_what_a_model_retypes(tmp_path: Path) -> None:
    def named(text: str) -> Any:
        arguments = {"account": "0123456789", "amount": 50_000, "concept": text}
        return world.request(arguments=arguments, payee=Payee("0123456789", text))

    async with working(tmp_path) as world:
        code = await world.asked(named("Pen\u0303a \u2014 \u201cO\u2019Brien\u201d\u00a0 1"))
        again = await world.engine.confirm(named('Pe\u00f1a - "O\'Brien" 1'), code)
        assert again.state is State.SETTLED
        assert len(world.client.sent) == 1


async def test_of_a_thousand_guesses_at_once_ten_are_compared_and_all_are_answered(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        calls = [world.request(amount) for amount in range(1, 21)]
        for request in calls:
            await world.asked(request)
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
        calls = [world.request(amount) for amount in range(1, 65)]
        codes = [await world.asked(request) for request in calls]
        async with asyncio.timeout(PATIENCE):
            records = await asyncio.gather(*map(world.engine.confirm, calls, codes))
        assert len({record.reference for record in records}) == len(world.client.sent) == 64


async def test_wrong_codes_at_once_leave_room_for_the_right_ones_that_there_is_room_for(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        calls = [world.request(amount) for amount in range(1, 41)]
        codes = [await world.asked(request) for request in calls]
        codes[:9] = [WRONG] * 9
        async with asyncio.timeout(PATIENCE):
            ended = await asyncio.gather(*map(world.engine.confirm, calls, codes), return_exceptions=True)
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
        code = await world.asked(world.request())
        other = world.request(**CHANGES[change])
        assert await world.refusal(other, code) in {"2FA_MISMATCH", "2FA_NOT_REQUESTED"}
        await world.asked(other)
        assert await world.refusal(other, code) == "2FA_MISMATCH"
        assert world.client.sent == world.client.refunded == []
        assert (await world.engine.confirm(world.request(), code)).state is State.SETTLED


async def test_a_code_is_of_no_use_once_its_time_is_over(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        world.later(minutes=10)
        assert await world.refusal(world.request(), code) == "2FA_EXPIRED"
        assert await world.refusal(world.request(), code) == "2FA_EXPIRED"
        assert world.person.compared == []
        fresh = await world.asked(world.request())
        assert await world.refusal(world.request(), code) == "2FA_MISMATCH"
        assert (await world.engine.confirm(world.request(), fresh)).state is State.SETTLED


async def test_a_no_stays_a_no(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        challenge, _ = await world.engine.ask(world.request())
        assert await world.journal.decline(challenge.id, "ana", world.now)
        assert await world.refusal(world.request(), world.person.code(challenge)) == "2FA_DECLINED"
        for hours in (0, 23):
            world.later(hours=hours)
            with pytest.raises(NotConfirmed) as refused:
                await world.engine.ask(world.request())
            assert refused.value.error.code == "2FA_DECLINED"
        assert len(world.person.asked) == 1
        world.later(hours=2)
        assert await world.asked(world.request())


async def test_a_question_is_repeated_after_a_pause_and_stays_the_same(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        ids = set()
        for seconds in (0, 29, 2):
            world.later(seconds=seconds)
            challenge, _ = await world.engine.ask(world.request())
            ids.add(challenge.id)
        assert len(ids) == 1
        assert len(world.person.asked) == 2


async def test_an_identical_payment_is_called_the_second_one(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        paid = await world.paid(world.request())
        challenge, _ = await world.engine.ask(world.request())
        assert "SECOND PAYMENT" in challenge.text
        assert paid.reference in challenge.text
        again = await world.engine.confirm(world.request(), world.person.code(challenge))
        assert again.reference != paid.reference
        challenge, _ = await world.engine.ask(world.request())
        assert "PAYMENT NUMBER 3" in challenge.text
        world.later(hours=25)
        challenge, _ = await world.engine.ask(world.request())
        assert "SECOND" not in challenge.text
        assert len(world.client.sent) == 2


REWORDED: dict[str, dict[str, Any]] = {
    "another concept": {"arguments": {"account": "0123456789", "amount": 50_000, "concept": "Invoice 42 (retry)"}},
    "a shorter name": {"payee": Payee("0123456789", "Demo")},
}


@pytest.mark.parametrize("change", REWORDED)
@pytest.mark.parametrize("outcome", ["settled", "unknown"])
async def test_the_same_money_to_the_same_account_is_called_the_second_one_whatever_the_words(
    tmp_path: Path, change: str, outcome: str
) -> None:
    sends = first(OutcomeUnknown("lost")) if outcome == "unknown" else None
    async with working(tmp_path, **({"sends": sends} if sends else {})) as world:
        paid = await world.paid(world.request())
        world.later(hours=1 if outcome == "settled" else 25 * 24)
        challenge, _ = await world.engine.ask(world.request(**REWORDED[change]))
        told = f"SECOND PAYMENT: one of the same amount to the same account was made before ({paid.reference})"
        assert challenge.text.startswith(told + (", and its outcome is not known yet" * (outcome == "unknown")))
        assert world.person.asked[-1].text.startswith(told)


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
            raise NotAllowed(reason="the office is closed")


async def test_guards_are_asked_before_the_person_is_and_once_more_before_the_send(tmp_path: Path) -> None:
    guard = Closed()
    async with working(tmp_path, guards=(guard,)) as world:
        request = world.request()
        code = await world.asked(request)
        guard.closed = True
        assert await world.refusal(request, code) == "NOT_ALLOWED"
        with pytest.raises(NotAllowed):
            await world.engine.ask(world.request(7))
        assert world.person.compared == []
        assert len(world.person.asked) == 1
        guard.closed = False
        assert (await world.engine.confirm(request, code)).state is State.SETTLED
        assert guard.asked == [request.terms, request.terms, world.request(7).terms, request.terms]
        guard.closed = True
        assert (await world.engine.confirm(request, code)).state is State.SETTLED, "what was paid is told all the same"


@pytest.mark.parametrize("failure", [Strange("no key"), OSError("no file"), SystemExit(1), asyncio.CancelledError()])
async def test_a_client_that_cannot_be_opened_burns_no_try(tmp_path: Path, failure: BaseException) -> None:
    failures = [failure] * 12

    async def connecting() -> None:
        if failures:
            raise failures.pop()

    async with working(tmp_path, connecting=connecting) as world:
        code = await world.asked(world.request())
        for _ in range(12):
            assert await world.refusal(world.request(), code) in {"RAIL_MISCONFIGURED", "RAIL_BROKEN"}
        assert world.person.compared == []
        assert (await world.engine.confirm(world.request(), code)).state is State.SETTLED


async def test_a_client_that_never_opens_is_given_up(tmp_path: Path) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE):
        async with working(tmp_path, connecting=never, send_deadline=timedelta(milliseconds=50)) as world:
            assert await world.refusal(world.request(), await world.asked(world.request())) == "RAIL_BROKEN"


@pytest.mark.parametrize("prepared", [ValueError("no"), SystemExit(1), None, "R1", Prepared(reference="")])
async def test_a_payment_that_cannot_be_prepared_burns_no_try(tmp_path: Path, prepared: Any) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())

        def prepares(*_: object) -> Any:
            if isinstance(prepared, BaseException):
                raise prepared
            return prepared

        world.client.prepares = prepares
        for _ in range(12):
            assert await world.refusal(world.request(), code) == "RAIL_BROKEN"
        world.client.prepares = None
        assert (await world.engine.confirm(world.request(), code)).state is State.SETTLED
        assert len(world.person.compared) == 1


async def test_a_reference_is_never_used_for_two_payments(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        made = iter(["R1", "R2", "R1"])
        world.client.prepares = lambda draft, references: Prepared(reference=next(made), body=b"{}")
        assert (await world.paid(world.request(1))).reference == "R1"
        assert (await world.paid(world.request(2))).reference == "R2"
        assert await world.refusal(world.request(3), await world.asked(world.request(3))) == "RAIL_BROKEN"
        assert [order.reference for order in world.client.sent] == ["R1", "R2"]


# Codes that were used


async def test_a_used_code_never_answers_a_newer_challenge_and_names_the_earlier_payment(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        first = await world.engine.confirm(world.request(), code)
        again = await world.asked(world.request())
        with pytest.raises(NotConfirmed) as refused:
            await world.engine.confirm(world.request(), code)
        assert (refused.value.error.code, refused.value.error.details) == ("2FA_USED", {"paymentId": first.id})
        second = await world.engine.confirm(world.request(), again)
        assert second.id != first.id
        assert len(world.client.sent) == 2
        assert {(await world.engine.confirm(world.request(), each)).id for each in (code, again)} == {
            first.id,
            second.id,
        }


async def test_a_code_of_an_app_confirms_one_of_two_equal_payments(tmp_path: Path) -> None:
    app = pyotp.TOTP(secret := pyotp.random_base32())
    async with working(tmp_path) as world:
        enrolments = {False: Enrolment(id="app", secret=secret, after=0)}
        factor = TotpFactor("ana", enrolments, UsedStepFiles(tmp_path / "used"))
        world.engine.context = replace(world.engine.context, factor=factor)
        await world.engine.ask(world.request())
        first = await world.engine.confirm(world.request(), app.at(world.now))
        await world.engine.ask(world.request())
        assert await world.refusal(world.request(), app.at(world.now)) == "2FA_USED"
        assert len(world.client.sent) == 1
        world.later(seconds=30)
        second = await world.engine.confirm(world.request(), app.at(world.now))
        assert second.id != first.id


async def test_a_used_code_joins_its_payment_again_once_the_newer_challenge_is_over(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        first = await world.engine.confirm(world.request(), code)
        await world.asked(world.request())
        world.later(minutes=10)
        assert (await world.engine.confirm(world.request(), code)).id == first.id


async def test_so_many_payments_of_one_principal_wait_for_a_person_and_no_more(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        timing = replace(world.engine.context.timing, max_open_challenges=20)
        world.engine.context = replace(world.engine.context, timing=timing)
        for amount in range(1, 21):
            await world.engine.ask(world.request(amount))
        with pytest.raises(NotConfirmed) as refused:
            await world.engine.ask(world.request(21))
        error = refused.value.error
        assert (error.code, error.retryable) == ("2FA_TOO_MANY", True)
        assert error.message.startswith("20 payments or refunds wait for a person already")
        assert len(world.person.asked) == 20
        await world.engine.ask(world.request(20))
        await world.engine.ask(world.request(21, principal="bea"))


async def test_a_thousand_refusals_write_a_bounded_record(tmp_path: Path) -> None:
    closed = limits("per_payment = { MXN = 1 }")
    async with working(tmp_path, guards=(closed,)) as world:
        for amount in range(2, 102):
            with pytest.raises(NotAllowed):
                await world.engine.ask(world.request(amount))
        assert (await world.journal.verify())[0] == 20
