"""An agent as they are: it repeats a call until it is answered, by a new server where the old one died under it."""

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .bank_process import BankProcess
from .processes import PATIENCE, ForkServer, until
from .server import Envelope, Installation, Server, ServerExited
from .tested_rails import MOCK

Point = tuple[str, int]
"""A crash point, and which pass of it: ``("send:before", 1)``."""

PAYEE = dict(MOCK.payee)
FINAL = {"success", "rejected", "returned", "refunded"}


@dataclass
class RetryingAgent:
    """One agent at one installation. ``deaths`` are the points at which its first servers are killed, one each.

    ``told`` is every answer it got; ``killed`` counts the servers that died under it. ``module`` is installed in each
    server, except that ``victim``, where there is one, is installed in the first ``victims`` of them.
    """

    fork_server: ForkServer
    home: Installation
    bank: BankProcess
    deaths: Sequence[Point] = ()
    principal: str = "local"
    module: str | None = None
    victim: str | None = None
    victims: int = 1
    told: list[Envelope] = field(default_factory=list)
    killed: int = 0
    _server: Server | None = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def call(self, tool: str, **arguments: Any) -> Envelope:
        """What ``tool`` answers in the end."""
        while True:
            server = await self.here()
            try:
                answer = await server.call(tool, **arguments)
            except ServerExited:
                await self._bury(server)
                continue
            self.told.append(answer)
            return answer

    async def pay(self, amount: int = 50_000, **other: str) -> Envelope:
        """Pay, confirmed by a person who gives one code for it, and ask until the outcome is known."""
        return await self.confirmed("send_payment", {**self.bank.rail.payee, "amount": amount, **other})

    async def refund(self, reference: str, amount: int) -> Envelope:
        """Get ``amount`` of a payment back, in the same way."""
        what = {"trackingKey": reference, "reason": "Sent twice", "amount": amount}
        return await self.confirmed("request_refund", what)

    async def confirmed(self, named: str, what: dict[str, Any]) -> Envelope:
        """Call a tool of the rail, confirmed by a person who gives one code for it, until the outcome is known."""
        rail = self.bank.rail
        tool, status = rail.tool(named), rail.tool("check_status")
        held = await self.call(tool, **what)
        assert held["data"]["status"] == "2fa_required", held
        answer = await self.call(tool, **what, verificationCode=self.home.code(held["data"]["paymentId"]))
        async with asyncio.timeout(PATIENCE):
            while not _known(answer):
                await asyncio.sleep(0.05)
                answer = await self.call(status, **{rail.reference: answer["data"][rail.reference]})
        return answer

    async def leave(self) -> None:
        """Hang up. Where even that ends in a kill, one more server finishes what was left."""
        while await (server := await self.here()).leave() != 0:
            await self._bury(server)
        self._server = None

    async def close(self) -> None:
        """Leave no process behind."""
        if self._server is not None:
            await self._server.close()

    async def here(self) -> Server:
        """The server that now serves it."""
        async with self._one_at_a_time:
            if self._server is None:
                death = self.deaths[self.killed] if self.killed < len(self.deaths) else None
                trace = self.trace(self.killed)
                self._server = await Server.open(
                    self.fork_server,
                    self.home,
                    self.bank,
                    principal=self.principal,
                    trace=trace,
                    strike=(*death, signal.SIGKILL) if death else None,
                    module=(self.victim if self.killed < self.victims else None) or self.module,
                )
                if self.victim is not None:
                    await _first_round_over(self._server, trace)
            return self._server

    def trace(self, number: int) -> Path:
        """Which crash points its n-th server passed."""
        return self.home.folder / f"trace-{self.principal}-{number}"

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


async def _first_round_over(server: Server, trace: Path) -> None:
    """Wait until it has made the round of its start, or was killed in it: no call comes in between."""

    def over() -> bool:
        return server.process.over() or (trace.exists() and "anchor@run_once:after 1\n" in trace.read_text())

    await until(over, "the first round")


def _known(answer: Envelope) -> bool:
    """Whether it is an outcome, or nobody but an operator can learn one."""
    told = answer["data"]
    return told is None or told["status"] in FINAL or "an operator has to decide" in told["message"]
