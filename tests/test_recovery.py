"""Several servers on one journal: what a dead one left is taken over, what a stopped one holds is not."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from riel.journal import PaymentRecord, State

from .support.bank_process import PATIENT, BankProcess, open_bank
from .support.invariants import check_invariants, records
from .support.kill_stories import points
from .support.processes import ForkServer, until
from .support.retrying_agent import PAYEE, RetryingAgent
from .support.server import SEND, STATUS, Installation, Server, ServerExited, killed_at_record, run_server

pytestmark = pytest.mark.anyio

WHAT = {**PAYEE, "amount": 50_000}

PAYMENTS, KILLS, SERVERS = 60, 20, 2
PAYEES = (
    *("0123456789", "1234567897", "9876543210"),
    *("4020301000", "4020303000", "4020304000"),  # booked, and the answer is lost, nonsense, an error
    *("4020101001", "4020104001", "4020105001"),  # settles a second later, is slow, arrives late
    "4020201000",  # refused
)


@asynccontextmanager
async def struck_while_it_pays(
    fork_server: ForkServer, home: Installation, bank: BankProcess, point: str, number: signal.Signals
) -> AsyncIterator[tuple[Server, str, "asyncio.Task[object]"]]:
    """A server that is struck at ``point`` of a payment, its code, and the call that waits."""
    async with run_server(fork_server, home, bank, strike=(point, 1, number)) as server:
        held = await server.call(SEND, **WHAT)
        code = home.code(held["data"]["paymentId"])
        call = asyncio.create_task(server.call(SEND, **WHAT, verificationCode=code))
        try:
            yield server, code, call
        finally:
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)


async def only(home: Installation) -> PaymentRecord:
    (record,) = await records(home)
    return record


async def until_settled(home: Installation) -> PaymentRecord:
    async with asyncio.timeout(120):
        while (record := await only(home)).state is not State.SETTLED:  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.05)
    return record


@pytest.mark.parametrize("point", ["create_payment@create:after", "send:before", "send:after", "record@record:before"])
async def test_a_payment_whose_server_was_killed_is_taken_over_by_another(
    fork_server: ForkServer, home: Installation, bank: BankProcess, point: str
) -> None:
    async with run_server(fork_server, home, bank):
        async with struck_while_it_pays(fork_server, home, bank, point, signal.SIGKILL) as (victim, _, _):
            await victim.process.ended()
        record = await until_settled(home)  # nobody calls: the other server looks for itself
    assert record.fence > 1
    await check_invariants(home, bank)


async def test_a_server_that_pays_from_another_account_neither_asks_nor_sends_again(
    fork_server: ForkServer, home: Installation, bank: BankProcess, tmp_path: Path
) -> None:
    """The other bank would book it once more, and "not found" there would prove nothing."""
    with open_bank(fork_server, tmp_path / "another bank") as another:
        async with run_server(fork_server, home, bank, strike=killed_at_record()) as ours:
            held = await ours.call(SEND, **WHAT)
            code = home.code(held["data"]["paymentId"])
            bank.fault("lost")
            with pytest.raises(ServerExited):
                await ours.call(SEND, **WHAT, verificationCode=code)
        lost = await only(home)
        async with run_server(fork_server, home, another, trace=tmp_path / "trace") as theirs:
            asked = await theirs.call(STATUS, trackingKey=lost.reference)
            await until(lambda: _rounds(tmp_path / "trace") >= 3, "three rounds")
            assert asked["data"]["status"] == "pending"
            assert (another.debits(), len(bank.debits())) == ([], 1)
        async with run_server(fork_server, home, bank):
            await until_settled(home)
        assert another.debits() == []
    await check_invariants(home, bank)


async def test_a_server_killed_while_the_bank_is_at_work_has_paid_once(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    async with run_server(fork_server, home, bank) as victim:
        held = await victim.call(SEND, **WHAT)
        code = home.code(held["data"]["paymentId"])
        bank.hold_answer()
        call = asyncio.create_task(victim.call(SEND, **WHAT, verificationCode=code))
        await until(bank.debits, "a debit")
        await victim.process.kill()
        await asyncio.gather(call, return_exceptions=True)
    async with run_server(fork_server, home, bank) as server:
        await until_settled(home)
        paid = await server.call(SEND, **WHAT, verificationCode=code)
        assert paid["data"]["status"] == "success"
    await check_invariants(home, bank, [paid])


async def test_a_payment_whose_server_is_merely_stopped_stays_with_it(
    fork_server: ForkServer, home: Installation, tmp_path: Path
) -> None:
    # This bank would book a second order, and an absence would count as proof at once: only ownership protects.
    with open_bank(fork_server, tmp_path / "bank", dedupe="no", absence_seconds="0", **PATIENT) as bank:
        async with (
            struck_while_it_pays(fork_server, home, bank, "send:before", signal.SIGSTOP) as (stopped, code, call),
            run_server(fork_server, home, bank, answer_within=0.1, trace=tmp_path / "trace") as other,
        ):
            await until(lambda: _is_stopped(stopped.process.pid), "stopped")
            again = await other.call(SEND, **WHAT, verificationCode=code)
            assert again["data"]["status"] == "pending"
            rounds = _rounds(tmp_path / "trace")
            await until(lambda: _rounds(tmp_path / "trace") >= rounds + 3, "three more rounds")
            asked = await other.call(STATUS, trackingKey=again["data"]["trackingKey"])
            assert asked["data"]["status"] == "pending"
            held = await only(home)
            assert (held.state, held.fence, bank.debits()) == (State.SENDING, 1, [])
            stopped.process.signal(signal.SIGCONT)
            answer = await call
            assert answer["data"]["status"] == "success"
        record = await only(home)
        assert (record.state, record.fence, record.sends) == (State.SETTLED, 1, 1)
        await check_invariants(home, bank, [again, asked, answer])


async def test_a_stopped_server_that_is_killed_at_last_is_taken_over(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    async with (
        struck_while_it_pays(fork_server, home, bank, "send:after", signal.SIGSTOP) as (stopped, _, _),
        run_server(fork_server, home, bank),
    ):
        await until(lambda: _is_stopped(stopped.process.pid), "stopped")
        await stopped.process.kill()
        await until_settled(home)
    await check_invariants(home, bank)


async def test_two_servers_that_are_given_one_code_at_once_pay_once(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    async with run_server(fork_server, home, bank) as one, run_server(fork_server, home, bank) as other:
        held = await one.call(SEND, **WHAT)
        code = home.code(held["data"]["paymentId"])
        calls = [server.call(SEND, **WHAT, verificationCode=code) for _ in range(25) for server in (one, other)]
        answers = await asyncio.gather(*calls)
    assert {answer["data"]["trackingKey"] for answer in answers} == {bank.debits()[0]["reference"]}
    assert len(bank.debits()) == 1
    await check_invariants(home, bank, answers)


async def test_whatever_is_killed_and_whatever_fails_each_payment_is_paid_once(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    chance = random.Random(1)  # noqa: S311  # the same in every run, as far as processes can be
    agents = [RetryingAgent(fork_server, home, bank, principal=f"agent-{number}") for number in range(SERVERS)]
    paid = 0

    def killed() -> int:
        return sum(agent.killed for agent in agents)

    async def pay(agent: RetryingAgent) -> None:
        nonlocal paid
        while paid < PAYMENTS or killed() < KILLS:
            paid += 1
            await agent.pay(10_000 + paid, account=chance.choice(PAYEES))

    async def kill() -> None:
        while killed() < KILLS:
            await asyncio.sleep(chance.uniform(0.02, 0.25))
            server = await chance.choice(agents).here()
            server.process.signal(signal.SIGKILL)

    killing = asyncio.create_task(kill())
    try:
        await asyncio.gather(*(pay(agent) for agent in agents for _ in range(3)))
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        for agent in agents:
            await agent.leave()
    finally:
        killing.cancel()
        for agent in agents:
            await agent.close()
    found = await check_invariants(home, bank, [answer for agent in agents for answer in agent.told])
    assert len(found) == paid
    settled = [record for record in found if record.state is State.SETTLED]
    assert sorted(record.money.amount for record in settled) == sorted(debit["amount"] for debit in bank.debits())
    assert {record.state for record in found} <= {State.SETTLED, State.REJECTED}


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _rounds(trace: Path) -> int:
    return sum(name == "claim@claim_due:after" for name, _ in points(trace))
