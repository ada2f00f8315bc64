"""What time does to a question: it is over after ten minutes, and a no stays a no."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .clock_support import Hosted, hosted

pytestmark = pytest.mark.anyio
INVOICE = {"account": "1402700055", "amount": 50000, "concept": "Invoice #42", "recipientName": "Empresa Demo SA de CV"}
SEND, CHECK = "mock_send_payment", "mock_check_status"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def riel(tmp_path: Path) -> AsyncIterator[Hosted]:
    async with hosted(tmp_path) as riel:
        yield riel


def debits(riel: Hosted) -> list[object]: ...


async def test_a_question_that_nobody_answered_is_expired(riel: Hosted) -> None:
    held = (await riel.call(SEND, **INVOICE)).done
    riel.clock.advance(minutes=10)
    found = (await riel.call(CHECK, trackingKey=held["paymentId"])).done
    assert found["status"] == "expired"
    assert "without verificationCode" in found["message"]


async def test_a_code_whose_time_is_over_pays_nothing(riel: Hosted) -> None:
    held = (await riel.call(SEND, **INVOICE)).done
    code = riel.code(held["paymentId"])
    riel.clock.advance(minutes=10)
    refusal = (await riel.call(SEND, **INVOICE, verificationCode=code)).refusal
    assert refusal["code"] == "2FA_EXPIRED"
    assert "without verificationCode" in refusal["nextAction"]
    assert await riel.debits() == []
    assert (await riel.call(CHECK, trackingKey=held["paymentId"])).done["status"] == "expired"


async def test_a_code_is_good_until_its_time_is_over(riel: Hosted) -> None:
    held = (await riel.call(SEND, **INVOICE)).done
    riel.clock.advance(minutes=9, seconds=59)
    paid = await riel.call(SEND, **INVOICE, verificationCode=riel.code(held["paymentId"]))
    assert paid.done["status"] == "success"


async def test_a_code_stays_good_for_the_payment_it_made(riel: Hosted) -> None:
    held = (await riel.call(SEND, **INVOICE)).done
    code = riel.code(held["paymentId"])
    paid = (await riel.call(SEND, **INVOICE, verificationCode=code)).done
    riel.clock.advance(hours=1)
    assert (await riel.call(SEND, **INVOICE, verificationCode=code)).done == paid


async def test_an_expired_question_can_be_asked_anew_with_a_code_of_its_own(riel: Hosted) -> None:
    first = (await riel.call(SEND, **INVOICE)).done
    riel.clock.advance(minutes=10)
    second = (await riel.call(SEND, **INVOICE)).done
    assert first["paymentId"] != second["paymentId"]
    paid = await riel.call(SEND, **INVOICE, verificationCode=riel.code(second["paymentId"]))
    assert paid.done["status"] == "success"


async def test_what_the_person_declined_is_declined_and_not_asked_again(riel: Hosted) -> None:
    held = (await riel.call(SEND, **INVOICE)).done
    code = riel.code(held["paymentId"])
    await riel.engine.context.journal.decline(held["paymentId"], "the person", riel.clock())
    assert (await riel.call(CHECK, trackingKey=held["paymentId"])).done["status"] == "declined"
    asked = riel.codes.read_text()
    assert (await riel.call(SEND, **INVOICE)).refusal["code"] == "2FA_DECLINED"
    assert (await riel.call(SEND, **INVOICE, verificationCode=code)).refusal["code"] == "2FA_DECLINED"
    assert riel.codes.read_text() == asked
    assert await riel.debits() == []
    riel.clock.advance(hours=25)
    assert (await riel.call(SEND, **INVOICE)).done["status"] == "2fa_required"
