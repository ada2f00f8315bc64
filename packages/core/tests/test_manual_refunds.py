"""A rail that takes nothing back: a case for a person, opened once, and nothing that pretends that money moved."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from riel import Answer, Capabilities, Order, Rejected, Status, never
from riel.crash_points import at_crash_points
from riel.journal import State
from riel.redaction import Redactor

from .doors_support import ACCOUNT, SECRET, EngineAgent, messages
from .engine_support import LOST, EngineFixture, answers, first, working

pytestmark = pytest.mark.anyio

FINAL = "A settled payment is final: only the payee can give it back."
OPENED, TOPIC = "refund.manual", "refund.manual"


def what_it_takes(order: Order) -> dict[str, str]:
    return {"trackingKey": order.reference, "whomToAsk": "First the payee."}


def by_hand(says: Callable[[Order], Any] = what_it_takes) -> dict[str, Any]:
    return {"capabilities": Capabilities(refund=never(FINAL), partial_refund=never(FINAL)), "manual_refund": says}


@pytest.fixture(autouse=True)
def nobody_crashes() -> Iterator[None]:
    yield
    at_crash_points(None)


def moved(world: EngineFixture) -> tuple[int, int, int]:
    """How often the rail was asked to move money, and a person to confirm."""
    return len(world.client.sent), len(world.client.refunded), len(world.person.asked)


async def test_a_settled_payment_gets_a_case_with_what_a_person_needs(tmp_path: Path) -> None:
    async with working(tmp_path, declares=by_hand()) as world:
        paid = await world.paid(world.request())
        before = moved(world)
        told = await EngineAgent(world).refund(paid.reference)
        assert (told["status"], told["fundsMoved"]) == ("manual_refund_required", False)
        assert told["caseId"] == paid.id.replace("pay_", "case_")
        assert told["refundInstructions"] == {"trackingKey": paid.reference, "whomToAsk": "First the payee."}
        assert FINAL in told["message"]
        assert moved(world) == before
        assert await world.known(paid) == paid
        assert (await EngineAgent(world)("check_status", trackingKey=paid.reference))["data"]["status"] == "success"


async def test_a_code_is_not_needed_and_does_nothing(tmp_path: Path) -> None:
    async with working(tmp_path, declares=by_hand()) as world:
        paid = await world.paid(world.request())
        before = moved(world)
        told = await EngineAgent(world).refund(paid.reference, verificationCode="123456")
        assert told["status"] == "manual_refund_required"
        assert (moved(world), world.person.compared[1:]) == (before, [])


async def test_one_payment_has_one_case_however_often_and_in_parallel_it_is_asked_for(tmp_path: Path) -> None:
    async with working(tmp_path, declares=by_hand()) as world, working(tmp_path, declares=by_hand()) as other:
        paid = await world.paid(world.request())
        agents = [EngineAgent(world), EngineAgent(other)] * 10
        asked = [agent.refund(paid.reference, reason=f"Reason {n}") for n, agent in enumerate(agents)]
        assert len({told["caseId"] for told in await asyncio.gather(*asked)}) == 1
        await EngineAgent(world).refund(paid.reference, reason="Once more")
        assert (await world.story(paid)).count(OPENED) == 1
        (message,) = await messages(world, TOPIC)
        assert (message.body["paymentId"], message.body["case"]) == (paid.id, paid.id.replace("pay_", "case_"))
        await world.journal.message_sent(message.id, world.now)
        await EngineAgent(world).refund(paid.reference)
        assert await messages(world, TOPIC) == []
        assert (await world.journal.verify())[1] is None


async def test_two_payments_have_two_cases(tmp_path: Path) -> None:
    async with working(tmp_path, declares=by_hand()) as world:
        payments = [await world.paid(world.request(amount)) for amount in (1, 2)]
        cases = {(await EngineAgent(world).refund(paid.reference))["caseId"] for paid in payments}
        assert (len(cases), len(await messages(world, TOPIC))) == (2, 2)


async def test_the_reason_is_kept_without_secret_account_or_hidden_characters(tmp_path: Path) -> None:
    clean = Redactor([SECRET]).text
    async with working(tmp_path, declares=by_hand(), clean=clean) as world:
        paid = await world.paid(world.request())
        told = await EngineAgent(world).refund(paid.reference, reason=f"To {ACCOUNT}, or 01234-56789, with {SECRET}")
        (message,) = await messages(world, TOPIC)
        event = next(event for event in await world.journal.events(paid.id) if event.event == OPENED)
        for kept in (str(message.body), str(event.body), str(told)):
            assert ACCOUNT not in kept
            assert "01234-56789" not in kept
            assert SECRET not in kept
        assert event.body["reason"].startswith("To ")


@pytest.mark.parametrize("sends", [answers(Answer(status=Status.PENDING)), answers(LOST)])
async def test_what_has_not_settled_has_no_case_and_is_not_called_gone(tmp_path: Path, sends: Any) -> None:
    pending = answers(Answer(status=Status.PENDING))
    async with working(tmp_path, declares=by_hand(), sends=sends, finds=pending) as world:
        paid = await world.paid(world.request())
        told = await EngineAgent(world).refund(paid.reference)
        assert (told["status"], told["fundsMoved"]) == ("manual_refund_required", False)
        assert "not settled yet" in told["message"]
        assert "caseId" not in told
        assert "refundInstructions" not in told
        assert OPENED not in await world.story(paid)
        assert await messages(world, TOPIC) == []


async def test_what_never_happened_needs_no_refund(tmp_path: Path) -> None:
    async with working(tmp_path, declares=by_hand(), sends=answers(Rejected("NO"))) as world:
        paid = await world.paid(world.request())
        assert paid.state is State.REJECTED
        told = await EngineAgent(world).refund(paid.reference)
        assert (told["status"], told["fundsMoved"]) == ("nothing_to_refund", False)
        assert "caseId" not in told


async def test_what_came_back_by_itself_needs_no_refund(tmp_path: Path) -> None:
    returned = first(Answer(status=Status.RETURNED))
    async with working(tmp_path, declares=by_hand(), sends=returned) as world:
        paid = await world.paid(world.request())
        assert paid.state is State.RETURNED
        assert (await EngineAgent(world).refund(paid.reference))["status"] == "nothing_to_refund"
        assert OPENED not in await world.story(paid)


async def test_somebody_elses_payment_is_none(tmp_path: Path) -> None:
    async with working(tmp_path, declares=by_hand()) as world:
        paid = await world.paid(world.request())
        unknown = await EngineAgent(world).refused("R000000000000")
        foreign = await EngineAgent(world, "eva").refused(paid.reference)
        assert foreign == unknown
        assert foreign["code"] == "NOT_FOUND"
        assert OPENED not in await world.story(paid)


async def test_a_question_is_nothing_to_be_refunded(tmp_path: Path) -> None:
    async with working(tmp_path, declares=by_hand()) as world:
        challenge, _ = await world.engine.ask(world.request())
        assert (await EngineAgent(world).refused(challenge.id))["code"] == "NOT_REFUNDABLE"


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", ["enqueue@open_refund_case:after", "append_event@open_refund_case:after"])
async def test_a_crash_between_the_two_writes_is_repaired_by_asking_again(tmp_path: Path, point: str) -> None:
    async with working(tmp_path, declares=by_hand(), crash_points=True) as world:
        paid = await world.paid(world.request())

        def kill(passed: str) -> None:
            if passed == point:
                raise Killed

        at_crash_points(kill)
        with pytest.raises(Killed):
            await EngineAgent(world).refund(paid.reference)
        at_crash_points(None)
    async with working(tmp_path, declares=by_hand()) as world:
        told = await EngineAgent(world).refund(paid.reference)
        assert told["caseId"] == paid.id.replace("pay_", "case_")
        assert (await world.story(paid)).count(OPENED) == 1
        assert len(await messages(world, TOPIC)) == 1
        assert (await world.journal.verify())[1] is None


@pytest.mark.parametrize("fails", [ValueError("sk_live_1"), SystemExit(1), None, "words", {"a": 1}])
async def test_a_rail_that_cannot_say_what_a_person_needs_costs_no_case(
    tmp_path: Path, fails: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def says(order: Order) -> Any:
        if isinstance(fails, BaseException):
            raise fails
        return fails

    async with working(tmp_path, declares=by_hand(says)) as world:
        paid = await world.paid(world.request())
        told = await EngineAgent(world).refund(paid.reference)
        assert (told["status"], told["refundInstructions"]) == ("manual_refund_required", {})
        assert (await world.story(paid)).count(OPENED) == 1
    assert "failed in manual_refund" in caplog.text
    assert "sk_live_1" not in caplog.text


async def test_a_rail_without_a_way_back_says_so_and_opens_nothing(tmp_path: Path) -> None:
    async with working(tmp_path, declares=by_hand() | {"manual_refund": None}) as world:
        paid = await world.paid(world.request())
        refused = await EngineAgent(world).refused(paid.reference)
        assert (refused["code"], refused["message"]) == ("NOT_SUPPORTED", f"{FINAL} Nothing was sent.")
        assert OPENED not in await world.story(paid)
