"""Several servers on several machines, one PostgreSQL: asked here, confirmed there, paid once, whoever dies."""

import asyncio
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from riel.journal import PaymentRecord, State

from .support.bank_process import BankProcess, open_bank
from .support.invariants import check_invariants, records
from .support.postgres import Postgres
from .support.processes import PATIENCE, ForkServer
from .support.retrying_agent import PAYEE
from .support.server import SEND, STATUS, Installation, run_server

pytestmark = pytest.mark.anyio

WHAT = {**PAYEE, "amount": 50_000}


@dataclass(frozen=True)
class Machine(Installation):
    """An installation whose journal is elsewhere, and whose keys are here."""

    def env(self, bank: BankProcess) -> dict[str, str]:
        return super().env(bank) | {"RIEL_HOME": str(self.folder)}

    def twin(self) -> "Machine":
        """Another machine, that was given the same key."""
        folder = self.folder.with_name(f"{self.folder.name}-twin")
        folder.mkdir()
        shutil.copy(self.folder / "server.key", folder)
        return Machine(folder, self.database)


@pytest.fixture
def machine(tmp_path: Path, database: str) -> Machine:
    (folder := tmp_path / "machine").mkdir()
    return Machine(folder, database)


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await happened():  # noqa: ASYNC110  # another process tells no event of ours
            await asyncio.sleep(0.05)


async def only(home: Installation) -> PaymentRecord:
    (record,) = await records(home)
    return record


async def test_a_payment_asked_at_one_and_confirmed_at_both_is_paid_once(
    fork_server: ForkServer, machine: Machine, bank: BankProcess
) -> None:
    async with run_server(fork_server, machine, bank) as one, run_server(fork_server, machine.twin(), bank) as other:
        held = await one.call(SEND, **WHAT)
        code = machine.code(held["data"]["paymentId"])
        calls = [server.call(SEND, **WHAT, verificationCode=code) for _ in range(10) for server in (other, one)]
        answers = await asyncio.gather(*calls)
        (debit,) = bank.debits()
        assert {answer["data"]["trackingKey"] for answer in answers} == {debit["reference"]}
        for server in (one, other):
            assert (await server.call(STATUS, trackingKey=debit["reference"]))["data"]["status"] == "success"
    await check_invariants(machine, bank, answers)


@pytest.mark.parametrize("point", ["create_payment@create:after", "send:before", "send:after", "record@record:before"])
async def test_what_a_killed_server_was_paying_is_settled_by_another(
    fork_server: ForkServer, machine: Machine, bank: BankProcess, postgres: Postgres, point: str
) -> None:
    async with run_server(fork_server, machine, bank, strike=(point, 1, signal.SIGKILL)) as victim:
        held = await victim.call(SEND, **WHAT)
        code = machine.code(held["data"]["paymentId"])
        call = asyncio.create_task(victim.call(SEND, **WHAT, verificationCode=code))
        await victim.process.ended()
        await asyncio.gather(call, return_exceptions=True)
        left = await only(machine)
        assert (left.state, left.fence) == (State.SENDING, 1)
        async with run_server(fork_server, machine.twin(), bank) as other:
            # A lease later, by the clock of the database.
            postgres.run(machine.database, f"UPDATE owners SET lease_until = now() WHERE id = '{left.owner}'")

            async def settled() -> bool:
                return (await only(machine)).state is State.SETTLED

            await until(settled)
            paid = await other.call(SEND, **WHAT, verificationCode=code)
            assert paid["data"]["status"] == "success"
    assert (await only(machine)).fence > 1
    assert len(bank.debits()) == 1
    await check_invariants(machine, bank, [paid])


@pytest.mark.parametrize("point", ["create_payment@create:after", "of@send:after", "send:after"])
@pytest.mark.parametrize(
    "guarantees",
    [{}, {"dedupe": "no", "absence_seconds": "1", "send_deadline_seconds": "1"}],
    ids=["dedupes", "does not dedupe"],
)
async def test_a_server_that_is_stopped_for_longer_than_its_lease_pays_once_with_the_one_that_went_on(
    fork_server: ForkServer, machine: Machine, tmp_path: Path, point: str, guarantees: dict[str, str]
) -> None:
    with open_bank(fork_server, tmp_path / "bank", **guarantees) as bank:
        async with run_server(
            fork_server, machine, bank, strike=(point, 1, signal.SIGSTOP), module="short_lease"
        ) as stopped:
            held = await stopped.call(SEND, **WHAT)
            code = machine.code(held["data"]["paymentId"])
            call = asyncio.create_task(stopped.call(SEND, **WHAT, verificationCode=code))
            async with run_server(fork_server, machine.twin(), bank, module="short_lease") as other:

                async def concluded() -> bool:
                    found = await records(machine)
                    return bool(found) and found[0].state in {State.SETTLED, State.REJECTED} and found[0].fence > 1

                await until(concluded)
                stopped.process.signal(signal.SIGCONT)
                late = await call
                early = await other.call(SEND, **WHAT, verificationCode=code)
            await stopped.leave()
        assert len(bank.debits()) == ((await only(machine)).state is State.SETTLED)
        await check_invariants(machine, bank, [early, late])


async def test_a_server_with_another_key_does_not_start(
    fork_server: ForkServer, machine: Machine, bank: BankProcess, tmp_path: Path
) -> None:
    (folder := tmp_path / "stranger").mkdir()
    stranger = Machine(folder, machine.database)
    async with run_server(fork_server, machine, bank), run_server(fork_server, stranger, bank) as refused:
        assert await refused.process.ended() == 2
        said = refused.process.errors.read_text()
    assert said.startswith(f"riel: RIEL_HOME: {folder}")
    assert "server.key is missing" in said
    assert said.count("\n") == 1
    assert not list(folder.rglob("server.key")), "no key is made for a journal that knows another one"


async def test_an_operator_reads_it_from_anywhere_and_makes_nothing(
    fork_server: ForkServer, machine: Machine, bank: BankProcess, postgres: Postgres, tmp_path: Path
) -> None:
    env = {"RIEL_JOURNAL": machine.database}

    async def says(*arguments: str) -> tuple[int, str]:
        process = fork_server.start(*arguments, env=env, folder=tmp_path)
        status = await process.ended()
        with open(process.stdout, "rb", closefd=False) as out:  # noqa: ASYNC230  # a pipe of one that has ended
            return status, out.read().decode() + process.errors.read_text()

    status, said = await says("payments", "list")
    assert (status, "there is no journal at postgresql:///test_" in said) == (2, True)
    assert postgres.run(machine.database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 0
    async with run_server(fork_server, machine, bank) as server:
        held = await server.call(SEND, **WHAT)
        await server.call(SEND, **WHAT, verificationCode=machine.code(held["data"]["paymentId"]))
        status, said = await says("payments", "list", "--json")
        assert (status, held["data"]["paymentId"] in said) == (0, True)
    status, said = await says("audit", "verify")
    assert (status, "none was altered" in said) == (0, True)
