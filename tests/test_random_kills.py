"""Servers on one file are killed at random: as many debits as settled payments, and nothing left in the air.

Round after round, on a journal and a bank of its own: one, two or three servers, callers that repeat whatever was not
answered, and ``kill -9`` several times a second. At the end of each round everything must hold.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from riel.journal import State

from .support.bank_process import BankProcess, open_bank
from .support.invariants import check_invariants
from .support.kill_load import kill_load
from .support.processes import ForkServer
from .support.server import Installation

pytestmark = pytest.mark.anyio

FEW, MANY = 20, 500
EVERY = 0.45
"""Seconds from kill to kill, shared by the servers of a round: one that lives for less can do nothing at all."""
CALLERS = 6
TROUBLED = 0.25
BANKS: dict[str, dict[str, str]] = {
    "by key": {},
    "by reference": {"dedupe": "by_reference"},
    "no dedupe": {"dedupe": "no", "absence_seconds": "2", "send_deadline_seconds": "3"},
}
HEAD = (
    f"{'round':>5} {'servers':>7}  {'bank':<12} {'kills':>5} {'payments':>8} {'settled':>7} {'debits':>6} {'again':>5}"
)


@dataclass(frozen=True)
class Tally:
    """What happened in some rounds. ``again`` is how many orders were sent more than once."""

    kills: int = 0
    payments: int = 0
    settled: int = 0
    debits: int = 0
    again: int = 0
    violations: tuple[str, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.kills + other.kills,
            self.payments + other.payments,
            self.settled + other.settled,
            self.debits + other.debits,
            self.again + other.again,
            self.violations + other.violations,
        )

    def __str__(self) -> str:
        return f"{self.kills:>5} {self.payments:>8} {self.settled:>7} {self.debits:>6} {self.again:>5}"


async def a_round(
    fork_server: ForkServer, home: Installation, bank: BankProcess, *, servers: int, payments: int, seed: int
) -> Tally:
    """So many payments under load; what must hold and does not is in ``violations``."""
    load = kill_load(fork_server, home, bank, replicas=servers, seed=seed, module="unlimited_attempts")
    load.troubled, load.tell = TROUBLED, lambda progress: None
    try:
        await load.run(payments=payments, callers=CALLERS, every=EVERY / servers)
        for server in load.replicas:
            await server.leave()
    finally:
        await load.close()
    tally = Tally(kills=load.killed, payments=payments, debits=len(bank.debits()))
    try:
        found = await check_invariants(home, bank, load.told)
        settled = [record for record in found if record.state is State.SETTLED]
        assert len(found) == payments, f"{len(found)} payments in the journal"
        assert sorted(one.money.amount for one in settled) == sorted(one["amount"] for one in bank.debits())
        assert {record.state for record in found} <= {State.SETTLED, State.REJECTED}
    except AssertionError as violation:
        return replace(tally, violations=(f"seed {seed}: {violation}",))
    return replace(tally, settled=len(settled), again=sum(record.sends > 1 for record in found))


async def until_killed(
    fork_server: ForkServer, folder: Path, kills: int, payments: int, seed: int, tell: Callable[[str], None] = print
) -> Tally:
    """Rounds, until so many servers were killed; each is told as a line of a table."""
    tell(f"{HEAD}  violations  time")
    every, began = Tally(), time.monotonic()
    for number in count(1):
        if every.kills >= kills and number > len(BANKS):
            break
        servers, kind = (number - 1) % 3 + 1, list(BANKS)[(number - 1) % len(BANKS) - number // 4 % len(BANKS)]
        (place := folder / f"round-{number}").mkdir()
        with open_bank(fork_server, place / "bank", **BANKS[kind]) as bank:
            one = await a_round(
                fork_server, Installation(place), bank, servers=servers, payments=payments, seed=seed + number
            )
        every += one
        took = time.monotonic() - began
        tell(f"{number:>5} {servers:>7}  {kind:<12} {one}  {len(one.violations):>10}  {took:4.0f} s")
    tell(f"{'all':>5} {'':>7}  {'':<12} {every}  {len(every.violations):>10}  {took:4.0f} s")
    return every


async def test_whichever_server_is_killed_whenever_each_payment_is_paid_once(
    fork_server: ForkServer, tmp_path: Path
) -> None:
    tally = await until_killed(fork_server, tmp_path, FEW, payments=20, seed=1)
    assert tally.violations == ()
    assert tally.kills >= FEW


@pytest.mark.long
async def test_five_hundred_servers_are_killed(
    fork_server: ForkServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    tally = await until_killed(fork_server, tmp_path, MANY, payments=60, seed=secrets.randbelow(10**9), tell=tell)
    assert tally.violations == ()
