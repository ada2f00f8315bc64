"""What a rail makes of its provider's words is what a person confirms: all of it, and not what was asked for alone."""

from pathlib import Path
from typing import Any

import pytest

from riel import Payment

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
