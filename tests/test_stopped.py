"""A process that is stopped and goes on later: what it held is waited for, and an order that is too late never leaves.

Others count from when an order was to be sent: once its deadline is over they may conclude that nothing is on its way.
So a sender that slept through the deadline must not send.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rail_mock.settings import BankBehaviour
from riel.crash_points import at_crash_points
from riel.journal import State
from riel.payments import rail_calls
from riel.testing.harness.clock import NOON

from .support.bank_process import PATIENT, BankProcess, open_bank
from .support.invariants import check_invariants, records
from .support.mock_harness import ObservedMockBank, open_challenge, payment_request, run_mock_harness
from .support.processes import PATIENCE, ForkServer, RielProcess, until
from .support.retrying_agent import PAYEE
from .support.server import SEND, STATUS, Envelope, Installation, Server, run_server

pytestmark = pytest.mark.anyio

WHAT = {**PAYEE, "amount": 50_000}
NEVER_ARRIVES = "4020302000"
DEADLINE = 10
LEAVES = "of@send:after"


# In one process, with clocks that a test holds


@contextmanager
def at(point: str, number: int, does: Callable[[], None]) -> Iterator[None]:
    """``does`` happens at the n-th pass of that crash point."""
    passed = 0

    def watch(name: str) -> None:
        nonlocal passed
        passed += name == point
        if name == point and passed == number:
            does()

    at_crash_points(watch)
    try:
        yield
    finally:
        at_crash_points(None)


async def test_an_order_whose_sender_wakes_after_the_deadline_does_not_leave(tmp_path: Path) -> None:
    bank = ObservedMockBank()
    async with run_mock_harness(bank, tmp_path) as harness:
        _, code = await open_challenge(harness, request := payment_request(harness))
        with at(LEAVES, 1, lambda: bank.clock.advance(seconds=DEADLINE)):
            record = await harness.engine.confirm(request, code)
            await harness.idle()
        (known,) = await harness.settle_all()
        assert (known.state, known.code, bank.orders) == (State.REJECTED, "RAIL_UNREACHABLE", 0)
        assert [event.event for event in await harness.journal.events(record.id)][-1] == "payment.not_sent"


async def test_nor_where_it_was_stopped_after_the_timer_had_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, bounded = ObservedMockBank(), rail_calls.bounded

    @asynccontextmanager
    async def stopped_inside(rail: Any, call: str, *what: Any) -> AsyncIterator[None]:
        async with bounded(rail, call, *what):
            if call == "send":
                bank.clock.advance(seconds=DEADLINE)
            yield

    monkeypatch.setattr(rail_calls, "bounded", stopped_inside)
    async with run_mock_harness(bank, tmp_path) as harness:
        _, code = await open_challenge(harness, request := payment_request(harness))
        await harness.engine.confirm(request, code)
        await harness.idle()
        (known,) = await harness.journal.payments()
        assert (known.state, known.code, bank.orders) == (State.REJECTED, "RAIL_UNREACHABLE", 0)


async def test_nor_where_the_clock_was_set_back_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank, loop = ObservedMockBank(), asyncio.get_running_loop()
    ticks, slept = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: ticks() + slept[0])

    def sleep() -> None:
        slept[0] += DEADLINE
        bank.offset = timedelta(hours=-1)

    async with run_mock_harness(bank, tmp_path) as harness:
        _, code = await open_challenge(harness, request := payment_request(harness))
        with at(LEAVES, 1, sleep):
            await harness.engine.confirm(request, code)
            await harness.idle()
        (known,) = await harness.journal.payments()
        assert (known.state, bank.orders) == (State.REJECTED, 0)


async def test_one_that_is_only_late_has_what_is_left_of_the_deadline(tmp_path: Path) -> None:
    bank = ObservedMockBank()
    async with run_mock_harness(bank, tmp_path) as harness:
        _, code = await open_challenge(harness, request := payment_request(harness))
        with at(LEAVES, 1, lambda: bank.clock.advance(seconds=DEADLINE - 1)):
            await harness.engine.confirm(request, code)
            await harness.idle()
        (known,) = await harness.journal.payments()
        assert (known.state, bank.orders) == (State.SETTLED, 1)


async def test_a_repeated_send_that_is_too_late_stays_unknown(tmp_path: Path) -> None:
    bank = ObservedMockBank(BankBehaviour(absence_seconds=3_600))
    async with run_mock_harness(bank, tmp_path) as harness:
        _, code = await open_challenge(harness, request := payment_request(harness, account=NEVER_ARRIVES))
        with at(LEAVES, 2, lambda: bank.clock.advance(seconds=DEADLINE)):
            await harness.engine.confirm(request, code)
            await harness.idle()
            bank.clock.advance(seconds=5)
            await harness.engine.run_once()
            await harness.idle()
        (known,) = await harness.journal.payments()
        assert (known.state, known.sends, bank.orders) == (State.UNKNOWN, 2, 1)
        told = (await harness.journal.events(known.id))[-1].body
        assert told["reason"] == "the repeated send never left; an earlier one did"
        assert bank.clock.now > NOON + timedelta(seconds=DEADLINE)


# Real processes and real signals


def is_stopped(process: RielProcess) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@asynccontextmanager
async def stopped(
    fork_server: ForkServer, home: Installation, bank: BankProcess, **how: Any
) -> AsyncIterator[tuple[Server, str, "asyncio.Task[Envelope]"]]:
    """A server that has stopped in a payment as ``how`` says, its code, and the call that waits."""
    async with run_server(fork_server, home, bank, **how) as server:
        held = await server.call(SEND, **WHAT)
        code = home.code(held["data"]["paymentId"])
        call = asyncio.create_task(server.call(SEND, **WHAT, verificationCode=code))
        try:
            await until(lambda: is_stopped(server.process), "stopped")
            yield server, code, call
        finally:
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)


async def test_a_server_stopped_for_longer_than_a_send_may_take_sends_nothing_when_it_goes_on(
    fork_server: ForkServer, home: Installation, tmp_path: Path
) -> None:
    # This bank would book a second order, and an absence would count as proof at once.
    rules = {"dedupe": "no", "absence_seconds": "0"}
    with open_bank(fork_server, tmp_path / "bank", **rules, **PATIENT) as bank:
        hurried = replace(bank, settings={**rules, "send_deadline_seconds": "1"})
        async with run_server(fork_server, home, bank) as other:
            async with stopped(fork_server, home, hurried, strike=(LEAVES, 1, signal.SIGSTOP)) as (sleeper, code, call):
                since = time.monotonic()
                joined = await other.call(SEND, **WHAT, verificationCode=code)
                assert joined["data"]["status"] == "pending"
                another = WHAT | {"amount": 70_000}
                held = await other.call(SEND, **another)
                theirs = await other.call(SEND, **another, verificationCode=home.code(held["data"]["paymentId"]))
                assert theirs["data"]["status"] == "success"
                await until(lambda: time.monotonic() > since + 1.5, "over")
                sleeper.process.signal(signal.SIGCONT)
                answer = await call
            assert answer["error"]["code"] == "RAIL_UNREACHABLE"
            again = await other.call(STATUS, trackingKey=joined["data"]["trackingKey"])
            assert again["data"]["status"] == "rejected"
        assert [debit["amount"] for debit in bank.debits()] == [70_000]
        await check_invariants(home, bank, [joined, theirs, answer, again])


async def insisted(server: Server, **what: Any) -> Envelope:
    """What a payment comes to once the journal can be written: until then nothing is sent, and the call is repeated."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await server.call(SEND, **what)
            if answer["error"] is None or answer["error"]["code"] != "JOURNAL_UNAVAILABLE":
                return answer


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL])
async def test_where_a_stopped_server_holds_the_file_the_others_refuse_until_it_goes_on_or_is_killed(
    fork_server: ForkServer, home: Installation, bank: BankProcess, end: signal.Signals
) -> None:
    other_payment = WHAT | {"amount": 70_000}
    async with run_server(fork_server, home, bank, module="short_busy_timeout") as other:
        held = await other.call(SEND, **other_payment)
        code = home.code(held["data"]["paymentId"])
        async with stopped(fork_server, home, bank, module="stop_in_commit") as (sleeper, ours, _):
            refused = await other.call(SEND, **other_payment, verificationCode=code)
            assert refused["error"]["code"] == "JOURNAL_UNAVAILABLE"
            assert bank.debits() == []
            asked = await other.call(STATUS, trackingKey=held["data"]["paymentId"])
            assert asked["data"]["status"] == "2fa_required"  # reading waits for nobody
            sleeper.process.signal(end)
            paid = await insisted(other, **other_payment, verificationCode=code)
            assert paid["data"]["status"] == "success"
            mine = await insisted(other, **WHAT, verificationCode=ours)
        await until(lambda: len(bank.debits()) == 2, "two debits")
        async with asyncio.timeout(120):
            while {record.state for record in await records(home)} != {State.SETTLED}:  # noqa: ASYNC110  # theirs
                await asyncio.sleep(0.05)
    await check_invariants(home, bank, [paid, mine])
