"""Replicas on one PostgreSQL, killed one after the other: as many debits as settled payments, and no doubt left."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from riel.journal import State

from .support.bank_process import BankProcess
from .support.invariants import check_invariants
from .support.kill_load import KillLoad, kill_load
from .support.postgres import Postgres
from .support.processes import ForkServer, until
from .support.server import Installation

pytestmark = pytest.mark.anyio

CRASHES, NEVER = 3, 3600.0


async def under_fire(
    fork_server: ForkServer,
    home: Installation,
    bank: BankProcess,
    *,
    replicas: int,
    callers: int,
    payments: int,
    every: float,
    seed: int = 1,
    meanwhile: Callable[[KillLoad], Awaitable[None]] | None = None,
) -> str:
    """Pay under load, prove what must hold, and say what happened; ``meanwhile`` is over before anybody leaves."""
    print(f"seed {seed}")
    load = kill_load(fork_server, home, bank, replicas=replicas, seed=seed, module="unlimited_attempts")
    try:
        async with asyncio.TaskGroup() as group:
            if meanwhile is not None:
                group.create_task(_awaited(meanwhile(load)))
            took = await load.run(payments=payments, callers=callers, every=every)
        for replica in load.replicas:
            await replica.leave()
    finally:
        await load.close()
    found = await check_invariants(home, bank, load.told)
    settled = [record for record in found if record.state is State.SETTLED]
    assert len(found) == payments
    assert sorted(record.money.amount for record in settled) == sorted(debit["amount"] for debit in bank.debits())
    assert {record.state for record in found} <= {State.SETTLED, State.REJECTED}
    again = sum(record.sends > 1 for record in found)
    return (
        f"{replicas} replicas, {callers} callers: {payments:,} payments in {took:.0f} s ({payments / took:.0f}/s), "
        f"{load.killed} replicas killed, {len(bank.debits()):,} debits for {len(settled):,} settled payments, "
        f"{again} orders sent more than once, none paid twice, none left in doubt"
    )


async def _awaited(work: Awaitable[None]) -> None:
    await work


@pytest.fixture
def shared(tmp_path: Path, database: str) -> Installation:
    """An installation whose journal is in PostgreSQL."""
    (folder := tmp_path / "home").mkdir()
    return Installation(folder, database)


async def test_replicas_pay_once_though_they_are_killed(
    fork_server: ForkServer, shared: Installation, bank: BankProcess
) -> None:
    print(await under_fire(fork_server, shared, bank, replicas=3, callers=12, payments=120, every=0.5))


async def test_replicas_pay_once_though_the_database_itself_crashes(
    fork_server: ForkServer, shared: Installation, bank: BankProcess, postgres: Postgres
) -> None:
    payments = 300

    async def crash(load: KillLoad) -> None:
        for nth in range(1, CRASHES + 1):
            enough = payments * nth // (CRASHES + 1)
            await until(lambda enough=enough: load.done >= enough, f"{enough} payments")  # type: ignore[misc]
            await asyncio.to_thread(postgres.restart, "immediate")

    how = {"replicas": 2, "callers": 8, "payments": payments, "every": NEVER}
    print(await under_fire(fork_server, shared, bank, **how, meanwhile=crash))  # type: ignore[arg-type]


@pytest.mark.long
async def test_four_replicas_pay_five_thousand_once_though_one_is_killed_every_second(
    fork_server: ForkServer, shared: Installation, bank: BankProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        seed = secrets.randbelow(10**9)
        print(await under_fire(fork_server, shared, bank, replicas=4, callers=64, payments=5_000, every=1.0, seed=seed))
