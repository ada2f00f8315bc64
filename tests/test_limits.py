"""Limits through real servers: they hold whoever asks at once, and no agent can reach them."""

import asyncio
import signal
import tomllib
from collections import Counter
from datetime import UTC, datetime

import pytest

from riel.guards.limits import Limits, read_limits

from .clock_support import hosted
from .support.bank_process import BankProcess
from .support.invariants import check_invariants, records
from .support.processes import ForkServer
from .support.retrying_agent import PAYEE
from .support.server import SEND, Envelope, Installation, Server, ServerExited, run_server

pytestmark = pytest.mark.anyio

NOON = f'time_zone = "Etc/GMT{datetime.now(UTC).hour - 12:+d}"\n'
"""A zone where it is about noon now, so that no day ends while a test runs."""


def limited(home: Installation, text: str) -> None:
    """The servers of ``home`` start with these limits."""
    home.configure(f"[limits]\n{NOON}{text}")


def payment(n: int, amount: int = 10) -> dict[str, object]:
    """One of many payments."""
    return {**PAYEE, "amount": amount, "concept": f"Invoice {n}"}


async def paid(server: Server, home: Installation, what: dict[str, object]) -> Envelope:
    """Pay, if that may be."""
    held = await server.call(SEND, **what)
    if held["error"] is not None:
        return held
    return await server.call(SEND, **what, verificationCode=home.code(held["data"]["paymentId"]))


async def test_exactly_ten_of_fifty_payments_of_ten_pass_a_day_of_a_hundred(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    """Twenty-five at once through each of two servers, which know nothing of each other but the journal."""
    limited(home, "per_day = { MXN = 100 }")
    async with run_server(fork_server, home, bank) as one, run_server(fork_server, home, bank) as other:
        paying = (paid(server, home, payment(n)) for n, server in enumerate([one, other] * 25))
        answers = await asyncio.gather(*paying)
        refusals = Counter(answer["error"]["code"] for answer in answers if answer["error"])
        assert refusals == {"LIMIT_PER_DAY": 40}
        assert {answer["error"]["details"]["left"] for answer in answers if answer["error"]} == {0}
    assert len(bank.debits()) == 10
    assert len(home.codes.read_text().splitlines()) == 10, "nobody is asked about what may not be"
    await check_invariants(home, bank, answers)


async def test_what_a_killed_server_held_is_free_when_the_question_is_over(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    text = "per_day = { MXN = 100 }"
    limited(home, text)
    strike = ("open_challenge@open:after", 1, signal.SIGKILL)
    async with run_server(fork_server, home, bank, strike=strike) as server:
        with pytest.raises(ServerExited):
            await server.call(SEND, **payment(1, 100))
        assert await server.process.ended() == -signal.SIGKILL
    async with run_server(fork_server, home, bank) as server:
        refused = await server.call(SEND, **payment(2, 1))
        assert refused["error"]["code"] == "LIMIT_PER_DAY"
        assert (await server.call(SEND, **payment(1, 100)))["data"]["status"] == "2fa_required"
    guard = Limits(read_limits(tomllib.loads(NOON + text)))
    async with hosted(home.folder, [guard]) as riel:
        assert (await riel.call(SEND, **payment(2, 1))).refusal["code"] == "LIMIT_PER_DAY"
        riel.clock.advance(minutes=10)
        assert (await riel.call(SEND, **payment(2, 100))).done["status"] == "2fa_required"
    assert await records(home) == []


async def test_no_tool_tells_or_changes_a_limit(fork_server: ForkServer, home: Installation, bank: BankProcess) -> None:
    limited(home, "payments_per_hour = 1")
    async with run_server(fork_server, home, bank) as server:
        tools = (await server.ask("tools/list", {}))["tools"]
        offered = {name for tool in tools for name in [tool["name"], *tool["inputSchema"]["properties"]]}
        assert not [name for name in offered if "limit" in name.lower()]
        await paid(server, home, payment(1))
        for sneaked in ({"limits": {"payments_per_hour": 99}}, {"limit": 99}, {"time_zone": "UTC"}):
            assert (await server.call(SEND, **payment(2), **sneaked))["error"]["code"] == "UNKNOWN_ARGUMENT"
        refused = await server.call(SEND, **payment(2))
        assert refused["error"]["code"] == "LIMIT_PER_HOUR"
        assert "no tool can change it" in refused["error"]["nextAction"]


async def test_a_server_does_not_start_with_limits_that_cannot_be_read(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    limited(home, "per_day = { MXN = 1.5 }")
    async with run_server(fork_server, home, bank) as server:
        assert await server.process.ended() == 2
        said = server.process.errors.read_text()
    assert "riel.toml is wrong: [limits] per_day MXN: must be a whole number" in said
