"""What a rail makes of its provider's words is what a person confirms: all of it, and not what was asked for alone."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from riel import Capabilities, Payment, Terms, never, yes

from .bad_rails.toy import ToyPayment
from .rail_tools_support import agent, paying

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_code_pays_what_was_made_for_the_question_and_nothing_else_that_costs_the_same(
    tmp_path: Path,
) -> None:
    made = ["tr_mine"]

    class Bound(ToyPayment):
        """A payment with something in it that the question does not show."""

        transfer: str

    async def make(client: Any, asked: Any) -> Payment:
        return Bound(account="0123456789", amount=500, transfer=made[-1])

    async with agent(tmp_path, paying(build_payment=make)) as ana:
        await ana.data("toy_pay_bill", bill="rent")
        made.append("tr_of_somebody_else")
        error = await ana.refusal("toy_pay_bill", bill="rent", verificationCode=ana.code())
        assert (error["code"], error["details"]["cause"]) == ("TERMS_CHANGED", "2FA_MISMATCH")
        assert "Nothing was sent" not in error["message"]
        assert "check the status of the paymentId" in error["nextAction"]
        assert ana.world.client.sent == []
        made.pop()
        assert (await ana.data("toy_pay_bill", bill="rent", verificationCode=ana.code()))["status"] == "success"
        assert len(ana.world.client.sent) == 1


async def test_a_code_that_is_simply_wrong_is_said_to_be_wrong(tmp_path: Path) -> None:
    async with agent(tmp_path, paying()) as ana:
        await ana.data("toy_pay_bill", bill="rent")
        wrong = f"{(int(ana.code()) + 1) % 10**6:06d}"
        error = await ana.refusal("toy_pay_bill", bill="rent", verificationCode=wrong)
        assert (error["code"], error["details"]["attemptsLeft"]) == ("2FA_MISMATCH", 4)


class SeesTerms:
    """A guard that keeps what it is shown."""

    name = "sees"

    def __init__(self) -> None:
        self.seen: list[Terms] = []

    def check(self, terms: Terms, now: datetime) -> None:
        self.seen.append(terms)


async def test_a_guard_sees_one_shape_by_every_way_to_a_payment(tmp_path: Path) -> None:
    """By ``send_payment``, by a rail's own tool and by a return the arguments are the payment's own."""
    guard, bill = SeesTerms(), ToyPayment(account="0123456789", amount=500)

    async def make(client: Any, asked: Any) -> Payment:
        return bill

    returning = Capabilities(refund=never("Final."), partial_refund=never("Whole only."), returns=yes)
    tool = paying(build_payment=make)
    async with agent(tmp_path, tool, rail={"capabilities": returning}, guards=(guard,)) as ana:
        ana.world.client.build_return = lambda refund: make(None, refund)  # type: ignore[attr-defined]
        await ana.data("toy_send_payment", account="0123456789", amount=500)
        await ana.data("toy_pay_bill", bill="rent")
        await ana.data("toy_request_refund", trackingKey="IN1", reason="Not ours")
    assert [terms.arguments for terms in guard.seen] == [{"account": "0123456789", "amount": 500}] * 3
    assert [(terms.tool, dict(terms.tool_arguments)) for terms in guard.seen] == [
        ("send_payment", {"account": "0123456789", "amount": 500}),
        ("pay_bill", {"bill": "rent"}),
        ("request_refund", {"trackingKey": "IN1", "reason": "Not ours"}),
    ]
