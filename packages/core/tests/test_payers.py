"""A payment belongs to its payer: with another account it is neither confirmed, nor looked up, nor sent again."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from riel.journal import Message, PaymentRecord, State
from riel.payments import rail_calls
from riel.payments.context import OtherPayer

from .bad_rails.toy import ToySettings
from .doors_support import EngineAgent
from .engine_support import LOST, EngineFixture, answers, working

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def after_a_lost_answer(folder: Path, **other: Any) -> AsyncIterator[tuple[EngineFixture, PaymentRecord]]:
    """Merchant 1 has paid and the answer was lost; now the server runs with the account of merchant 2."""
    async with working(folder, sends=answers(LOST)) as world:
        paid = await world.paid(world.request())
        assert paid.state is State.UNKNOWN
    async with working(folder, **other) as world:
        set_up(world, merchant="2")
        yield world, paid


def set_up(world: EngineFixture, *, merchant: str) -> None:
    """The server's own account is another one."""
    settings = ToySettings(base_url="http://bank.invalid", api_key="pretend_key", merchant=merchant)  # type: ignore[arg-type]
    world.rail = replace(world.rail, settings=settings)
    world.engine.context.rails["toy"] = world.rail  # type: ignore[index]


async def letters(world: EngineFixture) -> list[Message]:

    waiting = await world.journal.lease_messages(world.now, lease=timedelta(hours=2), most=100)
    return [one for one in waiting if one.topic == "payment.other_payer"]


async def test_a_code_for_one_payer_pays_from_no_other(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        set_up(world, merchant="2")
        assert await world.refusal(world.request(), code) == "2FA_MISMATCH"
        assert world.client.sent == []


async def test_a_challenge_says_whose_money_leaves(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        await world.engine.ask(world.request())
        assert "\nFrom: toy account 1\n" in world.person.asked[0].text


async def test_another_account_neither_looks_up_nor_sends_again(tmp_path: Path) -> None:
    async with after_a_lost_answer(tmp_path) as (world, paid):
        for _ in range(5):
            world.later(hours=1)
            await world.round()
        await world.engine.status("toy", paid.reference, "ana")
        await world.quiet()
        assert await world.engine.claim_one(paid) is None
        assert (world.client.looked, world.client.sent, await world.state(paid)) == ([], [], State.UNKNOWN)
        for call in (rail_calls.send, rail_calls.look_up):
            with pytest.raises(OtherPayer):
                await call(world.engine.context, paid, paid.order())
        assert (world.client.looked, world.client.sent) == ([], [])


async def test_a_webhook_about_a_payment_of_another_payer_is_refused(tmp_path: Path) -> None:
    async with after_a_lost_answer(tmp_path) as (world, paid):
        assert await world.engine.on_webhook("toy", paid.reference) is False
        await world.round()
        assert world.client.looked == []


async def test_check_status_says_that_another_payer_has_to_be_asked(tmp_path: Path) -> None:
    async with after_a_lost_answer(tmp_path) as (world, paid):
        told = (await EngineAgent(world)("check_status", trackingKey=paid.reference))["data"]
        assert (told["status"], told["nextAction"]) == ("pending", "Tell the operator.")
        assert "belongs to another payer" in told["message"]
        set_up(world, merchant="1")
        told = (await EngineAgent(world)("check_status", trackingKey=paid.reference))["data"]
        assert (told["status"], "nextAction" in told) == ("success", False)


async def test_open_payments_of_a_payer_that_is_not_set_up_are_reported_at_the_start_and_each_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sentence = "1 open payment belongs to a payer that is not set up here"
    async with after_a_lost_answer(tmp_path) as (world, _):
        with caplog.at_level(logging.WARNING):
            await world.round()
            world.later(minutes=59)
            await world.round()
            assert caplog.text.count(sentence) == 1
            (letter,) = await letters(world)
            assert letter.body == {"message": sentence, "count": 1, "rails": ["toy (sandbox)"]}
            world.later(minutes=1)
            await world.round()
            assert caplog.text.count(sentence) == 2
            assert len(await letters(world)) == 1
        caplog.clear()
        set_up(world, merchant="1")
        world.later(hours=1)
        await world.round()
        assert sentence not in caplog.text


async def test_open_payments_of_a_rail_that_was_taken_away_are_reported_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with after_a_lost_answer(tmp_path) as (world, _):
        del world.engine.context.rails["toy"]  # type: ignore[attr-defined]
        await world.round()
        assert "1 open payment belongs to a payer that is not set up here: toy (sandbox)." in caplog.text
