"""The same confirmation always makes the same reference, so that a provider which dedupes sees a copy of its order."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from riel import Draft, Prepared, ReferenceSource
from riel.secrets import ServerKey, ServerKeys
from riel.testing.harness import references

from .engine_support import LOST, NOON, answers, working

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def dated(draft: Draft, source: ReferenceSource) -> Prepared:
    reference = f"{source.created_at:%y%m%d}-{source.random(12)}"
    return Prepared(reference=reference, body=f"{reference} {source.below(10**7, ordinal=1)}".encode())


async def test_a_journal_that_was_put_back_takes_the_code_again_and_sends_the_same_order(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    async with working(tmp_path, now=NOON.replace(hour=23, minute=55)) as world:
        code = await world.asked(world.request())
    shutil.copy(tmp_path / "journal.db", copy)
    sent = []
    for minutes in (1, 9):  # the second one is on the next day
        async with working(tmp_path, now=NOON.replace(hour=23, minute=55) + timedelta(minutes=minutes)) as world:
            world.client.prepares = dated
            await world.engine.confirm(world.request(), code)
            await world.quiet()
            sent += world.client.sent
        shutil.copy(copy, tmp_path / "journal.db")
    first, second = sent
    assert (first.reference, first.body) == (second.reference, second.body)
    assert first.reference.startswith(f"{NOON:%y%m%d}-")


async def test_the_reference_is_of_the_key_that_the_challenge_names_also_after_a_rotation(tmp_path: Path) -> None:
    old, new = ServerKey(bytes(32)), ServerKey(bytes(range(32)))
    async with working(tmp_path) as world:
        await world.asked(world.request())
        (challenge,) = await world.journal.challenges("ana", world.request().digest)
        assert challenge.key_id == old.id
        made = [
            replace(world.engine.context, keys=keys).references(challenge)
            for keys in (ServerKeys(old), ServerKeys(new, {old.id: old}), ServerKeys(new))
        ]
    assert made[0] == made[1]
    assert made[2] is None


async def test_a_code_whose_key_is_gone_confirms_nothing(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        without = ServerKeys(ServerKey(bytes(range(32))))
        world.engine.context = replace(world.engine.context, keys=without)
        assert await world.refusal(world.request(), code) == "2FA_EXPIRED"
        assert world.client.sent == []


async def test_what_a_resend_carries_is_what_was_sent(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST), finds=answers(None), lookup_lag=timedelta(0)) as world:
        world.client.prepares = dated
        await world.paid(world.request())
        for _ in range(3):
            world.later(minutes=1)
            await world.round()
        orders = {(order.reference, order.body) for order in world.client.sent}
        assert len(world.client.sent) > 1
        assert len(orders) == 1


def test_numbers_are_the_same_for_a_confirmation_and_an_ordinal_and_for_nothing_else() -> None:
    source, again = references(NOON, "pay_1"), references(NOON + timedelta(days=9), "pay_1", created_at=NOON)
    assert source.random(12) == again.random(12)
    assert source.below(10**7, ordinal=1) == again.below(10**7, ordinal=1)
    made = {
        source.below(2**256),
        source.below(2**256, ordinal=1),
        references(NOON, "pay_2").below(2**256),
        references(NOON, "pay_2").below(2**256, ordinal=1),
    }
    assert len(made) == 4
    assert source.secret.hex() not in repr(source)


@pytest.mark.parametrize("limit", [1, 2, 7, 255, 256, 36**16, 2**256, 2**600 + 1])
def test_every_number_below_the_limit_can_be_drawn(limit: int) -> None:
    numbers = [ReferenceSource(NOON, NOON, n.to_bytes(32)).below(limit) for n in range(200)]
    assert all(0 <= number < limit for number in numbers)
    assert max(numbers) >= limit * 9 // 10 - 1
    assert min(numbers) <= limit // 10


def test_a_text_has_the_length_and_the_letters_that_were_asked_for() -> None:
    source = references(NOON)
    assert len(source.random(26)) == 26
    assert set(source.random(500, "ab")) == {"a", "b"}
    assert source.random(0) == ""
