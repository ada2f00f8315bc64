"""A rail's code is contained: it never sees a code, and its faults stop and slow no other rail."""

import re
import signal
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Annotated, Any, cast

import pytest
from pydantic import AfterValidator, model_validator

from riel import Payee, Payment, Prepared, WireModel
from riel.catalog import ActiveRail, validate
from riel.journal import State
from riel.journal.sqlite import SqliteJournal
from riel.payments import PaymentEngine, rail_calls
from riel.time_limit import TimeLimitExceeded, time_limit

from .bad_rails.toy import ToyLookup, ToyPayment, ToyReceipt, ToyRefund, toy
from .doors_support import EngineAgent
from .engine_support import LOST, SETTLED, EngineFixture, answers, working
from .rail_tools_support import agent, paying

pytestmark = pytest.mark.anyio

# What a rail receives


class Observed:
    """Everything that the code of a rail was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def payment(self) -> type[Payment]:
        shown = self.shown

        class ObservedPayment(ToyPayment):
            @model_validator(mode="before")
            @classmethod
            def _before(cls, arguments: Any) -> Any:
                shown.append(repr(arguments))
                return arguments

            def payee(self) -> Payee:
                shown.append(repr(self) + repr(self.model_dump()))
                return super().payee()

            def purpose(self) -> str:
                shown.append(repr(self) + repr(vars(self)))
                return ""

        return ObservedPayment

    def prepare(self, draft: Any, references: Any) -> Prepared:
        model = draft.payment or draft.refund
        self.shown.append(repr(draft) + repr(type(model).model_fields) + repr(model.model_dump()))
        return Prepared(reference=f"R{references.random(12)}")


async def test_a_rail_never_receives_the_code_of_a_payment_or_a_refund(tmp_path: Path) -> None:
    observed = Observed()
    async with working(tmp_path, declares={"payment": observed.payment()}) as world:
        world.client.prepares = observed.prepare
        call, payment = EngineAgent(world), {"account": "0123456789", "amount": 50_000}
        await call("send_payment", **payment)
        code = world.person._right(world.person.asked[-1])
        paid = (await call("send_payment", **payment, verificationCode=code))["data"]
        assert paid["status"] == "success"
        refund = {"key": paid["trackingKey"]}
        await call.refund(**refund)
        refund_code = world.person._right(world.person.asked[-1])
        assert (await call.refund(**refund, verificationCode=refund_code))["status"] == "success"
    assert len(observed.shown) > 5
    shown = "".join(observed.shown)
    assert code not in shown
    assert refund_code not in shown
    assert "verification" not in shown


async def test_a_rails_own_tool_never_receives_the_code(tmp_path: Path) -> None:
    shown: list[str] = []

    async def pay_bill(client: Any, arguments: WireModel) -> Payment:
        shown.append(repr(arguments) + repr(arguments.model_dump()))
        return ToyPayment(account="0123456789", amount=120_000)

    async with agent(tmp_path, paying(build_payment=pay_bill)) as ana:
        await ana.data("toy_pay_bill", bill="rent")
        assert (await ana.data("toy_pay_bill", bill="rent", verificationCode=ana.code()))["status"] == "success"
    assert len(shown) == 2
    assert ana.code() not in "".join(shown)
    assert "verification" not in "".join(shown)


class PaymentWithCode(ToyPayment):
    verification_code: str


class LookupWithCode(ToyLookup):
    verification_code: str | None = None


class RefundWithCode(ToyRefund):
    verification_code: str | None = None


@pytest.mark.parametrize("kind", ["payment", "lookup", "refund"])
def test_a_rail_that_asks_for_the_code_is_refused(kind: str) -> None:
    models = {"payment": PaymentWithCode, "lookup": LookupWithCode, "refund": RefundWithCode}
    faults = validate(toy(**{kind: models[kind]}))
    assert any("an argument verificationCode: a rail never receives a code" in fault for fault in faults), faults


# Code that takes too long

LIMIT = timedelta(minutes=2)
"""For whatever does not take too long: however busy the machine is, it takes less."""
ENDLESS = "a" * 60


def take_too_long() -> None:
    """Let the timer of the limit ring now: the code that goes on from here has had its time."""
    signal.setitimer(signal.ITIMER_REAL, 0.01, 1.0)


def backtracks(text: str) -> str:
    if text == ENDLESS:
        take_too_long()
        re.fullmatch("(a+)+b", text)
    return text


class BacktrackingPayment(ToyPayment):
    account: Annotated[str, AfterValidator(backtracks)]


class BacktrackingReceipt(ToyReceipt):
    folio: Annotated[str | None, AfterValidator(lambda text: text and backtracks(text))] = None


class SleepingPayment(ToyPayment):
    def payee(self) -> Payee:
        take_too_long()
        time.sleep(60)
        return super().payee()


def limited(world: EngineFixture) -> EngineAgent:
    """An agent of a rail whose code has two minutes at a time."""
    world.rail = replace(world.rail, call_limit=LIMIT)
    cast("dict[str, ActiveRail]", world.engine.context.rails)["toy"] = world.rail
    return EngineAgent(world)


async def test_a_validator_that_would_never_end_is_interrupted_and_its_rail_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(tmp_path, sends=answers(LOST), declares={"payment": BacktrackingPayment}) as world:
        call = limited(world)
        record = await world.paid(world.request())
        error = (await call("send_payment", account=ENDLESS, amount=1))["error"]
        assert (error["code"], error["retryable"]) == ("RAIL_BROKEN", False)
        assert "took longer than 120 s in packages/core/tests/test_rail_containment.py, line " in error["message"]
        (line,) = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
        assert line.startswith("the rail 'toy' (rail-toy 1) is set aside until the server starts again: ")
        again = (await call("send_payment", account="0123456789", amount=1))["error"]
        assert "it is set aside, since the validation of BacktrackingPayment took longer" in again["message"]
        world.later(hours=1)
        await world.round()
        assert await world.state(record) is State.SETTLED


async def test_a_payee_that_cannot_be_told_in_time_is_a_fault_of_the_rail(tmp_path: Path) -> None:
    async with working(tmp_path, declares={"payment": SleepingPayment}) as world:
        error = (await limited(world)("send_payment", account="0123456789", amount=1))["error"]
    assert error["code"] == "RAIL_BROKEN"
    assert "it could not say who is paid (payee took longer than 120 s" in error["message"]


async def test_an_order_that_is_not_prepared_in_time_is_not_sent(tmp_path: Path) -> None:
    def sleeps(draft: Any, references: Any) -> Prepared:
        take_too_long()
        time.sleep(60)
        return Prepared(reference="R1")

    async with working(tmp_path) as world:
        call = limited(world)
        await call("send_payment", account="0123456789", amount=1)
        world.client.prepares = sleeps
        code = world.person._right(world.person.asked[-1])
        error = (await call("send_payment", account="0123456789", amount=1, verificationCode=code))["error"]
        assert error["code"] == "RAIL_BROKEN"
        assert world.client.sent == []


async def test_a_receipt_that_cannot_be_made_in_time_is_told_without_the_rails_facts(tmp_path: Path) -> None:
    settled = replace(SETTLED, facts={"folio": ENDLESS})
    async with working(tmp_path, sends=answers(settled), declares={"receipt": BacktrackingReceipt}) as world:
        call = limited(world)
        await call("send_payment", account="0123456789", amount=1)
        code = world.person._right(world.person.asked[-1])
        data = (await call("send_payment", account="0123456789", amount=1, verificationCode=code))["data"]
        assert (data["status"], data["amount"], data["currency"]) == ("success", 1, "MXN")
        assert data["trackingKey"].startswith("R")
        assert "folio" not in data


async def test_a_webhook_that_cannot_be_read_in_time_is_not_read(tmp_path: Path) -> None:
    def sleeps(*received: Any) -> None:
        take_too_long()
        time.sleep(60)

    async with working(tmp_path, declares={"parse_webhook": sleeps}) as world:
        limited(world)
        assert rail_calls.parse_webhook(world.rail, {}, b"") is None
        assert "parse_webhook took longer" in world.rail.suspension.reason


async def test_an_account_longer_than_any_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        error = (await EngineAgent(world)("send_payment", account="7" * 250_000, amount=1))["error"]
        assert (error["code"], world.person.asked) == ("INVALID_ARGUMENT", [])
        assert error["message"] == "arguments name an account of more than 200 characters. Nothing was sent."


class EndlessGuard:
    name = "endless"

    def check(self, terms: Any, now: Any) -> None:
        take_too_long()
        while True:
            pass


async def test_a_guard_that_would_never_end_refuses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with working(tmp_path, guards=(EndlessGuard(),)) as world:
        timing = replace(world.engine.context.timing, guard_limit=LIMIT)
        world.engine = PaymentEngine(replace(world.engine.context, timing=timing))
        error = (await EngineAgent(world)("send_payment", account="0123456789", amount=1))["error"]
        assert error["code"] == "NOT_ALLOWED"
        assert "EndlessGuard did not answer in time" in error["message"]
        assert world.person.asked == []
    assert "the guard EndlessGuard" in caplog.text


def test_code_that_ignores_the_interruption_is_interrupted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riel.time_limit.REPEAT", 0.02)

    def ignores() -> None:
        with suppress(BaseException):
            time.sleep(60)
        time.sleep(60)

    began = time.monotonic()
    with pytest.raises(TimeLimitExceeded), time_limit(timedelta(milliseconds=50)):
        ignores()
    assert time.monotonic() - began < 50


def test_off_the_main_thread_and_within_another_limit_the_time_is_measured() -> None:
    def measured() -> None:
        with pytest.raises(TimeLimitExceeded), time_limit(timedelta(0)):
            time.sleep(0.001)

    thread = Thread(target=measured)
    thread.start()
    thread.join()
    with time_limit(timedelta(minutes=1)):
        measured()


def test_a_limit_leaves_nothing_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(timedelta(minutes=1)):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    with pytest.raises(KeyError), time_limit(timedelta(minutes=1)):
        raise KeyError
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


# One rail's part of recovery


async def test_a_rail_whose_part_of_recovery_fails_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        def __init__(self, journal: SqliteJournal) -> None:
            self._journal = journal

        def __getattr__(self, name: str) -> Any:
            return getattr(self._journal, name)

        async def claim(self, *what: Any, rails: Any, **how: Any) -> Any:
            if rails[0][0] == "aaa":
                raise KeyError
            return await self._journal.claim(*what, rails=rails, **how)

    async with working(tmp_path, sends=answers(LOST), journal=Failing) as world:
        record = await world.paid(world.request())
        rails = cast("dict[str, ActiveRail]", world.engine.context.rails)
        rails["aaa"] = replace(world.rail, declaration=toy("aaa"))
        world.later(hours=1)
        await world.round()
        assert await world.state(record) is State.SETTLED
    assert "recovery of the payments of 'aaa' failed (KeyError); they wait" in caplog.text
