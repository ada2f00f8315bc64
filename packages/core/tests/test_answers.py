"""What a model reads next to the status: which call to make, how long to wait, what to tell the person."""

from pathlib import Path

import pytest

from riel import Answer, Receipt, Status

from .engine_support import answers
from .rail_tools_support import ToolAgent, agent, paying

pytestmark = pytest.mark.anyio

PAY = {"account": "0123456789", "amount": 500}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Noticed(Receipt):
    tracking_key: str | None = None
    holder: str | None = None

    def notice(self) -> str:
        return "The holder is another one: tell the person." if self.holder == "other" else ""


async def pay(ana: ToolAgent) -> dict[str, object]:
    await ana.data("toy_send_payment", **PAY)
    return await ana.data("toy_send_payment", **PAY, verificationCode=ana.code())


async def test_an_open_challenge_tells_to_repeat_the_call_that_asked(tmp_path: Path) -> None:
    async with agent(tmp_path, paying()) as ana:
        asked = await ana.data("toy_pay_bill", bill="rent")
        for told in (asked, await ana.data("toy_check_status", trackingKey=asked["paymentId"])):
            assert "repeat the call that asked for it, with the same arguments and verificationCode" in told["message"]
            assert "send_payment" not in told["message"]


async def test_no_answer_names_a_tool_that_does_not_exist(tmp_path: Path) -> None:
    async with agent(tmp_path) as ana:
        texts = [tool.description for tool in ana.tools.values()]
        texts += [str(await ana.refusal("toy_request_refund", trackingKey="none", reason="late"))]
        texts += [str(await ana.refusal("toy_check_status", trackingKey="none"))]
        for text in texts:
            assert text.count("send_payment") == text.count("toy_send_payment"), text


async def test_a_pending_payment_says_how_long_to_ask(tmp_path: Path) -> None:
    async with agent(tmp_path, sends=answers(Answer(status=Status.PENDING))) as ana:
        message = str((await pay(ana))["message"])
        assert "toy_check_status with trackingKey in a few seconds" in message
        assert "tell the person and stop asking" in message


@pytest.mark.parametrize("holder", ["other", "same"])
async def test_what_a_rail_wants_the_person_to_know_is_said_in_words(tmp_path: Path, holder: str) -> None:
    sends = answers(Answer(status=Status.SETTLED, facts={"holder": holder}))
    async with agent(tmp_path, rail={"receipt": Noticed}, sends=sends) as ana:
        told = await pay(ana)
        assert told["status"] == "success"
        assert told.get("message", "") == ("The holder is another one: tell the person." * (holder == "other"))


async def test_a_refund_of_what_does_not_exist_speaks_of_no_payment(tmp_path: Path) -> None:
    async with agent(tmp_path) as ana:
        refused = await ana.refusal("toy_request_refund", trackingKey="none", reason="late")
        assert (refused["code"], refused["message"]) == (
            "NOT_FOUND",
            "No payment has that reference. Nothing was sent.",
        )


async def test_a_payment_that_was_paid_back_in_full_says_so(tmp_path: Path) -> None:
    async with agent(tmp_path) as ana:
        paid = await pay(ana)
        back = {"trackingKey": paid["trackingKey"], "reason": "twice"}
        await ana.data("toy_request_refund", **back)
        assert (await ana.data("toy_request_refund", **back, verificationCode=ana.code()))["status"] == "success"
        refused = await ana.refusal("toy_request_refund", **back)
        assert refused["code"] == "ALREADY_REFUNDED"
        assert "in full before" in refused["message"]
