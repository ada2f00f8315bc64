"""A clock that is set, by an hour or by a year, in the middle of a payment: it is paid once at most, and found out.

Only our own clock is set; the bank's goes on. What was written under the old time is read under the new one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rail_mock.settings import BankBehaviour
from riel.crash_points import at_crash_points
from riel.errors import NotConfirmed
from riel.journal import State
from riel.testing.harness import Harness

from .support.mock_harness import ObservedMockBank, open_challenge, payment_request, run_mock_harness

pytestmark = pytest.mark.anyio

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
JUMPS = {"an hour ahead": HOUR, "an hour back": -HOUR, "a year ahead": YEAR, "a year back": -YEAR}
MOMENTS = ["count_attempt@compare:after", "of@send:after", "send:after", "record@record:after"]
SETTLES, ANSWER_IS_LOST, NEVER_ARRIVES = "0123456789", "4020301000", "4020302000"
LOOKS = 5


@contextmanager
def set_at(bank: ObservedMockBank, point: str, by: timedelta) -> Iterator[None]:
    """Our clock is set when that point is passed."""

    def watch(name: str) -> None:
        if name == point:
            bank.offset = by

    at_crash_points(watch)
    try:
        yield
    finally:
        at_crash_points(None)
        bank.offset = by


async def state_after_looks(harness: Harness, bank: ObservedMockBank, reference: str) -> State:
    """What is known once the agent has asked a few times; the rounds look when it is time by our clock."""
    for _ in range(LOOKS):
        bank.clock.advance(seconds=20)
        await harness.engine.run_once()
        await harness.idle()
        await harness.engine.status("mock", reference, "ana")
        await harness.idle()
    (known,) = await harness.journal.payments()
    return known.state


@pytest.mark.parametrize("dedupe", ["by_key", "no"])
@pytest.mark.parametrize("account", [SETTLES, ANSWER_IS_LOST, NEVER_ARRIVES])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("jump", JUMPS)
async def test_a_clock_that_is_set_in_the_middle_of_a_payment_pays_nothing_twice(
    tmp_path: Path, jump: str, moment: str, account: str, dedupe: str
) -> None:
    bank = ObservedMockBank(BankBehaviour.model_validate({"dedupe": dedupe, "absence_seconds": 5, "watch_seconds": 60}))
    async with run_mock_harness(bank, tmp_path) as harness:
        request = payment_request(harness, account=account)
        _, code = await open_challenge(harness, request)
        with set_at(bank, moment, JUMPS[jump]):
            try:
                record = await harness.engine.confirm(request, code)
            except NotConfirmed:
                assert moment == "count_attempt@compare:after"  # the code is no longer valid by the time it is now
                assert bank.debits == []
                return
            await harness.idle()
        state = await state_after_looks(harness, bank, record.reference)
        assert len(bank.debits) <= 1
        if bank.debits:
            assert state is State.SETTLED
        else:
            assert state in {State.REJECTED, State.UNKNOWN}
        _, broken = await harness.journal.verify()
        assert broken is None


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_clock_that_is_set_while_a_code_waits_sends_nothing_that_was_not_confirmed(
    tmp_path: Path, jump: str
) -> None:
    bank = ObservedMockBank()
    async with run_mock_harness(bank, tmp_path) as harness:
        _, code = await open_challenge(harness, payment_request(harness))
        bank.offset = JUMPS[jump]
        if bank.offset > timedelta(0):
            with pytest.raises(NotConfirmed):
                await harness.engine.confirm(payment_request(harness), code)
            assert bank.debits == []
        else:
            await harness.engine.confirm(payment_request(harness), code)
            await harness.idle()
            assert len(bank.debits) == 1


async def test_nothing_is_sent_again_by_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """How much time has passed since the first send cannot be told, so the bank may have forgotten it."""
    bank = ObservedMockBank(
        BankBehaviour.model_validate({"dedupe_seconds": 30, "absence_seconds": 3_600, "watch_seconds": 60})
    )
    async with run_mock_harness(bank, tmp_path) as harness:
        _, code = await open_challenge(harness, request := payment_request(harness, account=NEVER_ARRIVES))
        with set_at(bank, "record@record:after", -HOUR):
            record = await harness.engine.confirm(request, code)
            await harness.idle()
        assert await state_after_looks(harness, bank, record.reference) is State.UNKNOWN
        assert bank.orders == 1
