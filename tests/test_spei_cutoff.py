"""What is lost before 18:00 in Mexico City and asked after when it is over is booked once, whoever slept meanwhile.

The real journal on its file, the real client, and a pretend STP that books a key once more on each operating day.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from riel.journal import PaymentRecord, State
from riel.journal.open import open_journal
from riel.testing.keys import ROW_MAC

from .support.stp_harness import ObservedStp, SpeiHarness, mexico, run_spei_harness

pytestmark = pytest.mark.anyio

EVES = {
    "a Wednesday": ("2026-03-04", "2026-03-05", "2026-03-06"),
    "a Friday": ("2026-03-06", "2026-03-09", "2026-03-10"),
    "the Friday of a long weekend": ("2026-03-13", "2026-03-17", "2026-03-18"),
    "Wednesday in Holy Week": ("2026-04-01", "2026-04-06", "2026-04-07"),
    "the last day of the year": ("2026-12-31", "2027-01-04", "2027-01-05"),
}
"""An operating day, written out by hand, and the two that follow it."""

STORED, NEVER_STORED, LATE = 29, 15, 30
"""Centavos: the connection breaks and STP has it; 502 and it has not; 504, and it arrives ninety seconds later."""

WORD = timedelta(minutes=5)
HALF_A_DAY = timedelta(hours=12)


async def ended(harness: SpeiHarness, until: datetime) -> PaymentRecord:
    """The payment as it stands then, after looks that are far apart."""
    await harness.pass_time(until, step=HALF_A_DAY)
    await harness.pass_time(until + timedelta(minutes=30), step=WORD)
    return await harness.record()


@asynccontextmanager
async def asleep(stp: ObservedStp, folder: Path, until: datetime, **changes: Any) -> AsyncIterator[SpeiHarness]:
    """The machine was shut, and is opened again then."""
    stp.now = until
    async with run_spei_harness(stp, folder, **changes) as harness:
        yield harness


async def holds(stp: ObservedStp, folder: Path, record: PaymentRecord) -> None:
    """The ledger and the record say the same, and the chain is whole."""
    assert stp.debits == ([record.reference] if record.state is State.SETTLED else [])
    assert len(set(stp.sent)) == 1
    journal = await open_journal(str(folder / "journal.db"), ROW_MAC)
    try:
        _, broken = await journal.verify()
        assert broken is None
    finally:
        await journal.close()


@pytest.mark.parametrize("made", ["17:20", "17:54", "17:59:50"])
@pytest.mark.parametrize("eve", EVES)
async def test_what_stp_has_is_found_after_the_cutoff_and_never_sent_again(tmp_path: Path, eve: str, made: str) -> None:
    day, following, last = EVES[eve]
    stp = ObservedStp(now=mexico(day, made))
    async with run_spei_harness(stp, tmp_path) as harness:
        await harness.pay(70_000 + STORED)
    async with asleep(stp, tmp_path, mexico(following, "09:00")) as harness:
        record = await ended(harness, mexico(last, "09:00"))
    assert (record.state, record.sends) == (State.SETTLED, 1)
    await holds(stp, tmp_path, record)


@pytest.mark.parametrize("made", ["17:20", "17:54", "17:59:50"])
@pytest.mark.parametrize("eve", EVES)
async def test_what_stp_never_had_is_not_sent_on_another_day(tmp_path: Path, eve: str, made: str) -> None:
    day, _, last = EVES[eve]
    stp = ObservedStp(now=mexico(day, made))
    async with run_spei_harness(stp, tmp_path) as harness:
        await harness.pay(70_000 + NEVER_STORED)
        sent = len(stp.sent)
    async with asleep(stp, tmp_path, mexico(day, "18:00:01")) as harness:
        await harness.pass_time(mexico(day, "18:04"))
        assert (await harness.record()).state is State.UNKNOWN, "one that left before may still arrive"
        record = await ended(harness, mexico(last, "19:00"))
    assert record.state is State.REJECTED
    assert len(stp.sent) == sent
    await holds(stp, tmp_path, record)


@pytest.mark.parametrize("eve", EVES)
async def test_what_crosses_the_cutoff_under_way_is_found_on_the_next_operating_day(tmp_path: Path, eve: str) -> None:
    day, following, last = EVES[eve]
    stp = ObservedStp(now=mexico(day, "17:59"))
    async with run_spei_harness(stp, tmp_path) as harness:
        told = await harness.pay(70_000 + LATE)
        assert told["operationDate"] == day
    async with asleep(stp, tmp_path, mexico(following, "09:00")) as harness:
        record = await ended(harness, mexico(last, "09:00"))
    assert (record.state, record.sends) == (State.SETTLED, 1)
    assert record.facts["operationDate"] == following
    await holds(stp, tmp_path, record)


@pytest.mark.parametrize("eve", EVES)
async def test_one_that_was_first_looked_for_days_later_is_found_on_its_own_day(tmp_path: Path, eve: str) -> None:
    day, _, last = EVES[eve]
    stp = ObservedStp(now=mexico(day, "17:50"))
    async with run_spei_harness(stp, tmp_path) as harness:
        await harness.pay(70_000 + STORED)
    async with asleep(stp, tmp_path, mexico(last, "20:00")) as harness:
        record = await ended(harness, mexico(last, "21:00"))
    assert (record.state, record.sends) == (State.SETTLED, 1)
    await holds(stp, tmp_path, record)


async def test_a_copy_leaves_until_minutes_before_the_cutoff_and_no_later(tmp_path: Path) -> None:
    day = "2026-03-04"
    stp = ObservedStp(now=mexico(day, "17:40"))
    left: list[datetime] = []
    async with run_spei_harness(stp, tmp_path) as harness:
        await harness.pay(70_000 + NEVER_STORED)
        while stp.now < mexico(day, "18:20"):
            before = len(stp.sent)
            await harness.pass_time(stp.now + timedelta(seconds=15), step=timedelta(seconds=15))
            left += [stp.now] * (len(stp.sent) - before)
        record = await harness.record()
    assert left
    assert mexico(day, "17:50") < max(left) < mexico(day, "17:55")
    assert record.state is State.REJECTED
    await holds(stp, tmp_path, record)


SKEWS = {"+330 s": 330, "+1 h": 3600, "-1 h": -3600, "+6 h": 21_600, "-6 h": -21_600}
A_MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("made", ["17:20", "17:59:40"])
@pytest.mark.parametrize("skew", SKEWS)
async def test_a_wrong_clock_pays_once(tmp_path: Path, skew: str, made: str) -> None:
    day, _, last = EVES["a Wednesday"]
    stp = ObservedStp(now=mexico(day, made), ahead=timedelta(seconds=SKEWS[skew]))
    async with run_spei_harness(stp, tmp_path) as harness:
        await harness.pay(70_000 + STORED)
    async with asleep(stp, tmp_path, mexico(day, "18:01")) as harness:
        await harness.pass_time(mexico(day, "18:10"), step=A_MINUTE)
        record = await ended(harness, mexico(last, "09:00"))
    assert (record.state, record.sends) == (State.SETTLED, 1)
    await holds(stp, tmp_path, record)


@pytest.mark.parametrize("made", ["17:20", "17:59:40"])
@pytest.mark.parametrize("skew", SKEWS)
async def test_while_a_clock_is_wrong_no_payment_is_given_up_or_sent_again(
    tmp_path: Path, skew: str, made: str, caplog: pytest.LogCaptureFixture
) -> None:
    day, following, _ = EVES["a Wednesday"]
    stp = ObservedStp(now=mexico(day, made), ahead=timedelta(seconds=SKEWS[skew]))
    async with run_spei_harness(stp, tmp_path) as harness:
        await harness.pay(70_000 + NEVER_STORED)
        await harness.pass_time(stp.now + timedelta(minutes=5), step=A_MINUTE)
        record = await ended(harness, mexico(following, "21:00"))
        assert (record.state, record.sends) == (State.UNKNOWN, 1)
        assert "this machine's clock is" in caplog.text
        stp.ahead = timedelta(0)
        record = await ended(harness, stp.now + timedelta(days=2))
    assert (record.state, record.sends) == (State.REJECTED, 1)
    await holds(stp, tmp_path, record)


@pytest.mark.parametrize("fate", [STORED, NEVER_STORED, LATE])
@pytest.mark.parametrize("made", ["17:20", "17:58", "18:03"])
@pytest.mark.parametrize(
    "wrong",
    [{"holidays": frozenset({date(2026, 12, 24)})}, {"business_days": frozenset({date(2026, 12, 25)})}],
    ids=["a holiday too many", "a holiday too few"],
)
async def test_a_wrong_list_of_holidays_pays_once(
    tmp_path: Path, made: str, fate: int, wrong: dict[str, frozenset[date]]
) -> None:
    """STP works on 24 December and not on 25 December, whatever the settings say."""
    stp = ObservedStp(now=mexico("2026-12-24", made))
    async with run_spei_harness(stp, tmp_path, **wrong) as harness:
        await harness.pay(70_000 + fate)
    async with asleep(stp, tmp_path, mexico("2026-12-24", "18:05"), **wrong) as harness:
        await harness.pass_time(mexico("2026-12-24", "18:10"), step=A_MINUTE)
        await harness.pass_time(mexico("2026-12-25", "18:10"), step=timedelta(hours=3))
        record = await ended(harness, mexico("2026-12-29", "19:00"))
    assert record.state is (State.SETTLED if stp.debits else State.REJECTED)
    await holds(stp, tmp_path, record)
