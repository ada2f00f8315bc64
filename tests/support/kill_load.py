"""Several servers on one journal, many callers, and a server killed again and again: every call is repeated until it
is answered, by whichever server is there.
"""

import asyncio
import json
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .bank_process import BankProcess
from .processes import ForkServer
from .retrying_agent import FINAL, PAYEE
from .server import SEND, STATUS, Envelope, Installation, Server, ServerExited

ORDINARY = ("0123456789", "1234567897", "9876543210")
TROUBLED = (
    *("4020301000", "4020303000", "4020304000"),  # booked, and the answer is lost, nonsense, an error
    *("4020101001", "4020104001", "4020105001"),  # settles a second later, is slow, arrives late
    "4020201000",  # refused
)
LONGEST = 120.0
"""Seconds in which a payment must have come to an end: some leases, each of which may be lost again."""


@dataclass
class Codes:
    """The codes that people were sent, read as the file grows."""

    home: Installation
    _read: int = 0
    _known: dict[str, str] = field(default_factory=dict)

    def of(self, payment_id: str) -> str:
        """The newest code of one question."""
        with self.home.codes.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                told = json.loads(line)
                self._known[told["paymentId"]] = told["code"]
        return self._known[payment_id]


class ReplicaSlot:
    """A place where a server runs: when it was killed, the next one is started."""

    def __init__(
        self, fork_server: ForkServer, home: Installation, bank: BankProcess, module: str | None = None
    ) -> None:
        self._how = (fork_server, home, bank)
        self._module = module
        self._server: Server | None = None
        self._one_at_a_time = asyncio.Lock()
        self.killed = 0

    async def call(self, tool: str, **arguments: Any) -> Envelope:
        """What it answers.

        :raises ServerExited: it died first.
        """
        server = await self._here()
        try:
            return await server.call(tool, **arguments)
        except ServerExited:
            await self._bury(server)
            raise

    def strike(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill (or stop) whoever is there now."""
        if self._server is not None:
            self._server.process.signal(number)

    async def leave(self) -> None:
        """Hang up; the last one finishes what it has begun."""
        server = await self._here()
        while await server.leave() != 0:
            await self._bury(server)
            server = await self._here()
        self._server = None

    async def close(self) -> None:
        """Leave no process behind."""
        if self._server is not None:
            await self._server.close()

    async def _here(self) -> Server:
        async with self._one_at_a_time:
            if self._server is None:
                self._server = await Server.open(*self._how, module=self._module)
            return self._server

    async def _bury(self, server: Server) -> None:
        """It was killed, as ordered: an end of any other kind is a failure of riel."""
        async with self._one_at_a_time:
            if self._server is not server:
                return
            status = await server.process.ended()
            said = server.process.errors.read_text()
            await server.close()
            assert status == -signal.SIGKILL, f"a server ended by itself with status {status}: {said}"
            self.killed += 1
            self._server = None


@dataclass
class KillLoad:
    """What is to happen, and what has happened so far."""

    replicas: Sequence[ReplicaSlot]
    codes: Codes
    chance: random.Random
    troubled: float = 0.1
    told: list[Envelope] = field(default_factory=list)
    done: int = 0
    tell: Callable[[str], None] = print

    @property
    def killed(self) -> int:
        """How many servers were killed so far."""
        return sum(replica.killed for replica in self.replicas)

    async def run(self, *, payments: int, callers: int, every: float) -> float:
        """Make all the payments, while a server is killed about every so many seconds; how many seconds it took."""
        left = list(range(payments))
        begun = time.monotonic()
        killing = asyncio.create_task(self._kill(every))
        telling = asyncio.create_task(self._tell(payments, begun))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(callers):
                    group.create_task(self._caller(left))
        finally:
            for task in (killing, telling):
                task.cancel()
            await asyncio.gather(killing, telling, return_exceptions=True)
        return time.monotonic() - begun

    async def close(self) -> None:
        """Leave no process behind."""
        for replica in self.replicas:
            await replica.close()

    async def _caller(self, left: list[int]) -> None:
        while left:
            number = left.pop()
            account = self.chance.choice(TROUBLED if self.chance.random() < self.troubled else ORDINARY)
            what = PAYEE | {"account": account, "amount": 10_000 + number, "concept": f"Payment {number}"}
            held = await self._ask(SEND, **what)
            assert held["data"] is not None, held
            assert held["data"]["status"] == "2fa_required", held
            answer = await self._ask(SEND, **what, verificationCode=self.codes.of(held["data"]["paymentId"]))
            async with asyncio.timeout(LONGEST):
                while answer["data"] is not None and answer["data"]["status"] not in FINAL:
                    await asyncio.sleep(0.2)
                    answer = await self._ask(STATUS, trackingKey=answer["data"]["trackingKey"])
            self.done += 1

    async def _ask(self, tool: str, **arguments: Any) -> Envelope:
        while True:
            replica = self.chance.choice(self.replicas)
            try:
                answer = await replica.call(tool, **arguments)
            except ServerExited:
                continue
            if answer["error"] is not None and answer["error"]["code"].startswith("JOURNAL_"):
                await asyncio.sleep(0.2)
                continue
            self.told.append(answer)
            return answer

    async def _kill(self, every: float) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * every)
            self.chance.choice(self.replicas).strike()

    async def _tell(self, payments: int, begun: float) -> None:
        while True:
            await asyncio.sleep(5)
            took = time.monotonic() - begun
            self.tell(f"{took:5.0f} s  {self.done:,} of {payments:,} payments  {self.killed} killed")


def kill_load(
    fork_server: ForkServer,
    home: Installation,
    bank: BankProcess,
    *,
    replicas: int,
    seed: int,
    module: str | None = None,
) -> KillLoad:
    """So many servers on one journal; ``module`` is installed in each."""
    chance = random.Random(seed)  # noqa: S311  # it must be possible to repeat it
    return KillLoad([ReplicaSlot(fork_server, home, bank, module) for _ in range(replicas)], Codes(home), chance)
