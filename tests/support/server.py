"""One real ``riel serve`` and the client at its pipes, which speaks bare JSON-RPC and notices when nobody is there."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from .bank_process import BankProcess
from .processes import PATIENCE, ForkServer, RielProcess
from .tested_rails import MOCK

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
SEND, STATUS, REFUND = (MOCK.tool(what) for what in ("send_payment", "check_status", "request_refund"))

Envelope = dict[str, Any]


class ServerExited(Exception):
    """The server left before it answered."""


@dataclass(frozen=True)
class Installation:
    """Where an installation keeps its journal and its codes, whichever of its servers run.

    ``database`` is the URL of a journal that is no file here.
    """

    folder: Path
    database: str = ""

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.folder / "journal.db"

    def configure(self, text: str) -> None:
        """Write ``riel.toml`` into the configuration folder of its user, whose home the folder is."""
        file = self.folder / ".config" / "riel" / "riel.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    @property
    def url(self) -> str:
        """Where the journal is, as ``RIEL_JOURNAL`` has it."""
        return self.database or str(self.journal)

    @property
    def codes(self) -> Path:
        """The file that codes are appended to."""
        return self.folder / "codes"

    def env(self, bank: BankProcess) -> dict[str, str]:
        """The settings of a server that lives here and pays through ``bank``."""
        mine = {"RIEL_JOURNAL": self.url, "RIEL_FACTOR": "file", "RIEL_FACTOR_FILE": str(self.codes)}
        return mine | {"RIEL_RAILS": bank.rail.name} | bank.env

    def code(self, payment_id: str) -> str:
        """What the person reads who is asked to confirm it."""
        told = [json.loads(line) for line in self.codes.read_text("utf-8").splitlines()]
        code: str = next(line["code"] for line in reversed(told) if line["paymentId"] == payment_id)
        return code


class Server:
    """A server, and its only client."""

    def __init__(self, process: RielProcess, reader: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        self.process = process
        self._reader = reader
        self._transport = transport
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._ended = False
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def open(
        cls,
        fork_server: ForkServer,
        home: Installation,
        bank: BankProcess,
        *,
        answer_within: float = PATIENCE,
        principal: str = "local",
        trace: Path | None = None,
        strike: tuple[str, int, signal.Signals] | None = None,
        module: str | None = None,
    ) -> "Server":
        """Start one. It may be gone by now, where it was to be struck before it served anybody.

        :param answer_within: a call waits for an outcome for so long: by default, as long as a test waits.
        """
        env = home.env(bank) | {"RIEL_ANSWER_WITHIN": str(answer_within), "RIEL_PRINCIPAL": principal}
        process = fork_server.start("serve", env=env, folder=home.folder, trace=trace, strike=strike, module=module)
        reader = asyncio.StreamReader(limit=2**22)
        source = os.fdopen(process.stdout, "rb", buffering=0)
        process.stdout = -1
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), source
        )
        server = cls(process, reader, transport)
        with suppress(ServerExited):
            await server.ask("initialize", HELLO)
            server.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return server

    async def call(self, tool: str, **arguments: Any) -> Envelope:
        """What the tool answers.

        :raises ServerExited: the server left first.
        """
        result = await self.ask("tools/call", {"name": tool, "arguments": arguments})
        envelope: Envelope = json.loads(result["content"][0]["text"])
        assert result["isError"] == (envelope["error"] is not None)
        return envelope

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result of one request."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        if self._ended:
            raise ServerExited
        self.say({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        async with asyncio.timeout(PATIENCE):
            return await answer

    def say(self, message: dict[str, Any]) -> None:
        """Write one message.

        :raises ServerExited: nobody reads it.
        """
        try:
            os.write(self.process.stdin, json.dumps(message).encode() + b"\n")
        except OSError as failure:
            raise ServerExited from failure

    async def leave(self) -> int:
        """Hang up, and wait until the server has ended what it was doing."""
        self.process.hang_up()
        status = await self.process.ended()
        await self.close()
        return status

    def vanish(self) -> None:
        """Both ends of the pipes are closed at once, as when the client is killed."""
        self.process.hang_up()
        self._listening.cancel()
        self._transport.close()

    async def close(self) -> None:
        """Leave nothing open, whatever became of it."""
        self.process.let_go()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._transport.close()

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                heard = json.loads(line)
                answer = self._waiting.pop(heard.get("id"), None)
                if answer is not None and not answer.done():
                    answer.set_result(heard["result"])
        finally:
            self._ended = True
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ServerExited())
                    answer.exception()  # it may be that nobody waits for it any more


def killed_at_record(number: int = 1) -> tuple[str, int, signal.Signals]:
    """The strike that kills a server as soon as it has written what came of its n-th send.

    A server that a test kills after an answer may have looked up by then what the send had left unknown.
    """
    return "record@record:after", number, signal.SIGKILL


@asynccontextmanager
async def run_server(
    fork_server: ForkServer, home: Installation, bank: BankProcess, **how: Any
) -> AsyncIterator[Server]:
    """A server for as long as the block lasts. It is killed at the end, in the middle of whatever it does by itself.

    Where a test looks afterwards at what a server writes without being asked (anchors, notifications, look-ups), the
    block ends with :meth:`Server.leave`.
    """
    server = await Server.open(fork_server, home, bank, **how)
    try:
        yield server
    finally:
        await server.close()
