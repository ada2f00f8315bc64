"""What was received is given back by a payment: asked for, confirmed, limited and made once like any other."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.loop_clock import pass_loop_time

from riel import (
    Answer,
    Capabilities,
    Draft,
    ErrorCode,
    NotAllowed,
    NothingLearned,
    NotSent,
    Prepared,
    ReferenceSource,
    Rejected,
    Status,
    never,
    yes,
)
from riel.journal import State

from .bad_rails.toy import ToyPayment, ToyRefund
from .doors_support import EngineAgent
from .engine_support import PATIENCE, EngineFixture, answers, first, working
from .limits_support import limits

pytestmark = pytest.mark.anyio

GIVES_BACK = {
    "capabilities": Capabilities(
        refund=never("Settled is final."), partial_refund=never("Whole payments only."), returns=yes
    )
}
RECEIVED = {"IN1": ToyPayment(account="9876543210", amount=70_000), "IN2": ToyPayment(account="9876543210", amount=1)}

Receives = Callable[[ToyRefund], Awaitable[Any]]


async def knows(refund: ToyRefund) -> ToyPayment | None:
    return RECEIVED.get(refund.tracking_key)


def once_each(draft: Draft, mint: ReferenceSource) -> Prepared:
    """The same reference for the same payment, as a rail makes it that gives nothing back twice."""
    payment = draft.payment
    assert isinstance(payment, ToyPayment)
    reference = f"BACK{payment.account}{payment.amount}"
    return Prepared(reference=reference, body=reference.encode())


def gives_back(world: EngineFixture, receives: Receives = knows) -> EngineAgent:
    world.client.build_return = receives  # type: ignore[attr-defined]
    world.client.prepares = once_each
    return EngineAgent(world)


async def code_for(world: EngineFixture, agent: EngineAgent, key: str, **other: Any) -> str:
    told = await agent.refund(key, **other)
    assert told["status"] == "2fa_required"
    return next(world.person.code(c) for c in [await world.engine.find("toy", told["paymentId"], agent.principal)])


async def test_it_is_asked_for_and_confirmed_like_a_payment(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world)
        told = await agent.refund("IN1")
        assert (told["status"], told["amount"], told["payee"]["account"]) == ("2fa_required", 70_000, "******3210")
        assert world.client.sent == []
        code = world.person.code(await world.engine.find("toy", told["paymentId"], "ana"))  # type: ignore[arg-type]
        done = await agent.refund("IN1", verificationCode=code)
        assert (done["status"], done["amount"]) == ("success", 70_000)
        (order,) = world.client.sent
        assert (order.kind, order.payee.account, order.money.amount) == ("payment", "9876543210", 70_000)
        assert world.client.refunded == []
        assert (await agent("check_status", trackingKey=order.reference))["data"]["status"] == "success"


async def test_a_wrong_code_gives_nothing_back(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world)
        code = await code_for(world, agent, "IN1")
        for other in ({"key": "IN2"}, {"key": "IN1", "reason": "Another reason"}):
            assert (await agent.refused(**other, verificationCode=code))["code"] == "TERMS_CHANGED"
        assert (await agent.refused("IN1", verificationCode="000000"))["code"] == "2FA_MISMATCH"
        assert world.client.sent == []


async def test_the_same_code_twice_gives_back_once(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world)
        code = await code_for(world, agent, "IN1")
        calls = [agent.refund("IN1", verificationCode=code) for _ in range(10)]
        told = [*await asyncio.gather(*calls), await agent.refund("IN1", verificationCode=code)]
        assert len({one["paymentId"] for one in told}) == 1
        assert len(world.client.sent) == 1


async def test_limits_apply(tmp_path: Path) -> None:
    strict = limits("per_payment = { MXN = 60000 }")
    async with working(tmp_path, declares=GIVES_BACK, guards=(strict,)) as world:
        agent = gives_back(world)
        refused = await agent.refused("IN1")
        assert refused["code"].startswith("LIMIT"), refused
        assert world.person.asked == []
        assert (await agent.refund("IN2"))["status"] == "2fa_required"


async def test_a_return_counts_in_the_limits_as_a_payment(tmp_path: Path) -> None:
    day = limits('time_zone = "America/Mexico_City"\nper_day = { MXN = 100000 }')
    async with working(tmp_path, declares=GIVES_BACK, guards=(day,)) as world:
        agent = gives_back(world)
        await agent.refund("IN1", verificationCode=await code_for(world, agent, "IN1"))
        await world.quiet()
        assert len(world.client.sent) == 1
        with pytest.raises(NotAllowed) as refused:
            await world.engine.ask(world.request(30_001))
        assert (refused.value.error.code, refused.value.error.details["left"]) == ("LIMIT_PER_DAY", 30_000)


async def test_what_was_given_back_is_not_asked_for_again(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world)
        done = await agent.refund("IN1", verificationCode=await code_for(world, agent, "IN1"))
        questions = len(world.person.asked)
        refused = await agent.refused("IN1", reason="Another reason")
        assert (refused["code"], refused["retryable"]) == ("ALREADY_DONE", False)
        assert refused["message"].startswith("Exactly this was done before, and the rail does it only once.")
        assert refused["details"]["paymentId"] == done["paymentId"]
        assert "Do not try it again" in refused["nextAction"]
        assert (len(world.person.asked), len(world.client.sent)) == (questions, 1)


async def test_two_questions_for_the_same_that_are_both_confirmed_give_back_once(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world)
        codes = {reason: await code_for(world, agent, "IN1", reason=reason) for reason in ("Wrong payee", "Sent twice")}
        answered = await asyncio.gather(
            *(agent("request_refund", trackingKey="IN1", reason=r, verificationCode=c) for r, c in codes.items())
        )
        errors = [answer["error"] for answer in answered if answer["error"]]
        assert [error["code"] for error in errors] == ["ALREADY_DONE"]
        assert len(world.client.sent) == 1
        assert (await world.journal.verify())[1] is None


async def test_whose_it_was_is_not_told_to_others(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world)
        done = await agent.refund("IN1", verificationCode=await code_for(world, agent, "IN1"))
        refused = await EngineAgent(world, "eva").refused("IN1")
        assert refused["code"] == "ALREADY_DONE"
        assert done["paymentId"] not in str(refused)


async def test_what_failed_once_is_not_tried_under_the_same_reference(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK, sends=answers(Rejected("NO"))) as world:
        agent = gives_back(world)
        code = await code_for(world, agent, "IN1")
        assert (await agent.refused("IN1", verificationCode=code))["code"] == "TOY_NO"
        refused = await agent.refused("IN1")
        assert refused["code"] == "ALREADY_REJECTED"
        assert "was rejected before" in refused["message"]


async def test_what_never_left_can_be_asked_for_again_under_the_same_reference(tmp_path: Path) -> None:
    sends = first(NotSent("no connection"), Answer(status=Status.SETTLED))
    async with working(tmp_path, declares=GIVES_BACK, sends=sends) as world:
        agent = gives_back(world)
        refused = await agent.refused("IN1", verificationCode=await code_for(world, agent, "IN1"))
        assert (refused["code"], refused["retryable"]) == ("RAIL_UNREACHABLE", True)
        done = await agent.refund("IN1", verificationCode=await code_for(world, agent, "IN1"))
        assert done["status"] == "success"
        one, two = world.client.sent
        assert (one.reference, one.body) == (two.reference, two.body)
        assert one.id != two.id
        status = await agent("check_status", trackingKey=two.reference)
        assert (status["data"]["status"], status["data"]["paymentId"]) == ("success", two.id)
        assert (await agent.refused("IN1"))["code"] == "ALREADY_DONE"


async def test_a_reference_that_belongs_to_another_payment_is_the_rails_fault(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world)
        world.client.prepares = lambda draft, mint: Prepared(reference="SAME")
        await agent.refund("IN1", verificationCode=await code_for(world, agent, "IN1"))
        code = await code_for(world, agent, "IN2")
        assert (await agent.refused("IN2", verificationCode=code))["code"] == "RAIL_BROKEN"
        assert len(world.client.sent) == 1


async def test_a_key_that_nobody_knows_is_not_found(tmp_path: Path) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        refused = await gives_back(world).refused("IN9")
        assert (refused["code"], world.person.asked) == ("NOT_FOUND", [])


async def never_answers(refund: ToyRefund) -> Any:
    pass_loop_time(PATIENCE)
    await asyncio.Event().wait()


async def learns_nothing(refund: ToyRefund) -> Any:
    raise NothingLearned("read time-out")


@pytest.mark.parametrize("silent", [never_answers, learns_nothing])
async def test_a_provider_that_is_silent_costs_nothing(tmp_path: Path, silent: Receives) -> None:
    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world)
        code = await code_for(world, agent, "IN1")
        gives_back(world, silent)
        for given in ({}, {"verificationCode": code}):
            refused = await agent.refused("IN1", **given)
            assert (refused["code"], refused["retryable"]) == ("RAIL_NO_ANSWER", True)
        assert (world.client.sent, world.person.compared) == ([], [])
        gives_back(world)
        assert (await agent.refund("IN1", verificationCode=code))["status"] == "success"


NOT_CREDITED = ErrorCode(code="TOY_NOT_CREDITED", message="It has not been credited.", remedy="Wait.")


@pytest.mark.parametrize("wrong", [ValueError("sk_live_1"), SystemExit(1), "words", 5, Answer(status=Status.SETTLED)])
async def test_a_rail_that_tells_nonsense_is_broken_and_nothing_is_asked(
    tmp_path: Path, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def tells(refund: ToyRefund) -> Any:
        if isinstance(wrong, BaseException):
            raise wrong
        return wrong

    async with working(tmp_path, declares=GIVES_BACK) as world:
        refused = await gives_back(world, tells).refused("IN1")
        assert (refused["code"], world.person.asked, world.client.sent) == ("RAIL_BROKEN", [], [])
    assert "sk_live_1" not in caplog.text


async def test_what_the_rail_refuses_to_give_back_it_says_itself(tmp_path: Path) -> None:
    async def refuses(refund: ToyRefund) -> Any:
        raise NotAllowed(NOT_CREDITED)

    async with working(tmp_path, declares=GIVES_BACK) as world:
        assert (await gives_back(world, refuses).refused("IN1"))["code"] == "TOY_NOT_CREDITED"


async def test_what_was_sent_is_never_taken_for_received(tmp_path: Path) -> None:
    asked: list[str] = []

    async def tells(refund: ToyRefund) -> Any:
        asked.append(refund.tracking_key)

    async with working(tmp_path, declares=GIVES_BACK) as world:
        agent = gives_back(world, tells)
        paid = await world.paid(world.request())
        assert (await agent.refused(paid.reference))["code"] == "NOT_SUPPORTED"
        assert asked == []


async def test_a_payment_back_that_was_lost_is_resolved_like_any_other(tmp_path: Path) -> None:
    lost = answers(Answer(status=Status.PENDING))
    async with working(tmp_path, declares=GIVES_BACK, sends=lost, lookup_lag=timedelta(0)) as world:
        agent = gives_back(world)
        done = await agent.refund("IN1", verificationCode=await code_for(world, agent, "IN1"))
        assert done["status"] == "pending"
        world.later(minutes=10)
        await world.round()
        found = await world.journal.payment(done["paymentId"])
        assert found is not None
        assert found.state is State.SETTLED


@pytest.mark.parametrize(("code", "expected"), [("NO", "TOY_NO"), ("X9", "RAIL_REJECTED")])
async def test_a_providers_refusal_of_a_return_is_told_in_the_rails_words(
    tmp_path: Path, code: str, expected: str
) -> None:
    async def refuses(refund: ToyRefund) -> ToyPayment | None:
        raise Rejected(code, "the bank says no")

    async with working(tmp_path, declares=GIVES_BACK) as world:
        error = await gives_back(world, refuses).refused("IN1")
    assert error["code"] == expected
    assert error["details"]["untrusted"]["providerMessage"] == "the bank says no"
