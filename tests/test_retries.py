"""However often and however impatiently a confirmed call is repeated, it is paid once, and the last call says so."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import REQUEST_TIMEOUT

from riel.journal import State

from .support.bank_process import BankProcess
from .support.invariants import check_invariants, records
from .support.processes import PATIENCE, ForkServer, until
from .support.retrying_agent import PAYEE
from .support.server import SEND, STATUS, Envelope, Installation, Server, run_server

pytestmark = pytest.mark.anyio

WHAT = {**PAYEE, "amount": 50_000}
TIMES, FEW = 50, 3
GIVES_UP = 1.0
"""Seconds after which an impatient client does not wait any longer, while the bank holds its answer back."""


@asynccontextmanager
async def official_client(home: Installation, bank: BankProcess, mode: str) -> AsyncIterator[Client]:
    """The client of the MCP SDK, and ``python -m riel serve`` as it starts it."""
    env = home.env(bank) | {"RIEL_ANSWER_WITHIN": str(PATIENCE)}
    server = StdioServerParameters(command=sys.executable, args=["-m", "riel", "serve"], env=env)
    async with Client(server, mode=mode) as client:
        yield client


async def call(client: Client, *, gives_up: float | None = None, **arguments: object) -> Envelope | None:
    """The envelope of one call, or ``None`` where the client gave up, which it tells the server."""
    try:
        result = await client.call_tool(SEND, WHAT | arguments, read_timeout_seconds=gives_up)
    except MCPError as failure:
        if failure.code != REQUEST_TIMEOUT:
            raise
        return None
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def confirmed(client: Client, home: Installation) -> str:
    """The code of a person who was asked."""
    held = await call(client)
    assert held is not None
    return home.code(held["data"]["paymentId"])


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_fifty_calls_in_parallel_that_give_up_are_one_debit(
    home: Installation, bank: BankProcess, mode: str
) -> None:
    async with official_client(home, bank, mode) as client:
        code = await confirmed(client, home)
        bank.hold_answer()
        impatient = (call(client, gives_up=GIVES_UP, verificationCode=code) for _ in range(TIMES))
        assert set(await asyncio.gather(*impatient)) == {None}
        bank.release_answer()
        last = await call(client, verificationCode=code)
        assert last is not None
        assert last["data"]["status"] == "success"
    assert len(bank.debits()) == 1
    await check_invariants(home, bank, [last])


async def test_fifty_calls_one_after_the_other_of_which_the_first_give_up_are_one_debit(
    home: Installation, bank: BankProcess
) -> None:
    async with official_client(home, bank, "auto") as client:
        code = await confirmed(client, home)
        bank.hold_answer()
        assert [await call(client, gives_up=GIVES_UP, verificationCode=code) for _ in range(FEW)] == [None] * FEW
        bank.release_answer()
        answers = [await call(client, verificationCode=code) for _ in range(TIMES - FEW)]
    told = [answer for answer in answers if answer is not None]
    assert len(told) == TIMES - FEW
    assert {answer["data"]["trackingKey"] for answer in told} == {bank.debits()[0]["reference"]}
    assert {answer["data"]["status"] for answer in told} == {"success"}
    assert len(bank.debits()) == 1
    await check_invariants(home, bank, told)


async def test_a_call_is_answered_in_time_whatever_the_bank_does(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    async with run_server(fork_server, home, bank, answer_within=0.3) as server:
        code = await asked(server, home)
        bank.hold_answer()
        first, *others = await asyncio.gather(*(server.call(SEND, **WHAT, verificationCode=code) for _ in range(TIMES)))
        assert first["data"]["status"] == "pending", "it was answered before the bank answered"
        assert "Do not send it again" in first["data"]["message"]
        assert all(other["data"]["trackingKey"] == first["data"]["trackingKey"] for other in others)
        bank.release_answer()
        await settled(server, first)
    assert len(bank.debits()) == 1


@pytest.mark.parametrize("leaves", ["closes stdin", "is killed", "ends it with SIGTERM"])
async def test_what_is_being_sent_is_finished_when_the_client_leaves(
    fork_server: ForkServer, home: Installation, bank: BankProcess, leaves: str
) -> None:
    async with run_server(fork_server, home, bank, answer_within=0.3) as server:
        code = await asked(server, home)
        bank.hold_answer()
        paying = asyncio.create_task(server.call(SEND, **WHAT, verificationCode=code))
        await until(bank.debits, "a debit")
        match leaves:
            case "closes stdin":
                server.process.hang_up()
            case "is killed":
                server.vanish()
            case _:
                server.process.signal(signal.SIGTERM)
        bank.release_answer()
        assert await server.process.ended() == 0
        await asyncio.wait({paying})
        paying.exception()
    (record,) = await records(home)
    assert record.state is State.SETTLED
    assert record.sends == 1
    await check_invariants(home, bank)


async def test_a_call_that_was_written_is_served_though_the_client_left_at_once(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    async with run_server(fork_server, home, bank) as server:
        code = await asked(server, home)
        paying = asyncio.create_task(server.call(SEND, **WHAT, verificationCode=code))
        await asyncio.sleep(0)
        server.process.hang_up()
        answer = await paying
        assert answer["data"]["status"] == "success"
        assert await server.process.ended() == 0
    await check_invariants(home, bank, [answer])


async def test_the_same_call_joins_its_payment_after_a_restart(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    async with run_server(fork_server, home, bank) as server:
        code = await asked(server, home)
        first = await server.call(SEND, **WHAT, verificationCode=code)
    async with run_server(fork_server, home, bank) as server:
        assert await server.call(SEND, **WHAT, verificationCode=code) == first
    assert len(bank.debits()) == 1


async def test_the_same_payment_without_a_code_is_a_question_about_a_second_one(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    async with run_server(fork_server, home, bank) as server:
        first = await server.call(SEND, **WHAT, verificationCode=await asked(server, home))
        again = await server.call(SEND, **WHAT)
        assert "SECOND PAYMENT" in again["data"]["message"]
        assert first["data"]["trackingKey"] in again["data"]["message"]
    assert len(bank.debits()) == 1


async def asked(server: Server, home: Installation) -> str:
    held = await server.call(SEND, **WHAT)
    return home.code(held["data"]["paymentId"])


async def settled(server: Server, answer: Envelope) -> None:
    """Wait until the bank has told."""
    async with asyncio.timeout(PATIENCE):
        while answer["data"]["status"] == "pending":
            answer = await server.call(STATUS, trackingKey=answer["data"]["trackingKey"])
    assert answer["data"]["status"] == "success"
