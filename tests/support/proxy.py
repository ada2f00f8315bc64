"""A line between a client and a bank that is cut, delayed, doubled or stretched after exactly so many bytes."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST and drops what waits."""


@dataclass(frozen=True, slots=True)
class Tear:
    """What befalls the next exchange.

    Of the request, or of the response, ``after`` bytes pass; then both ends are ``reset``, or the sending side is
    ``closed`` and the other one left open, or nothing more comes until the client hangs up (``stalled``).
    ``doubled``: the whole request is delivered twice, and nobody reads the first answer. ``trickle``: what passes goes
    byte by byte. ``late``: the request arrives when the client's line has been cut.
    """

    of: Literal["request", "response"] = "request"
    after: int | None = None
    how: Literal["reset", "closed", "stalled"] = "reset"
    doubled: bool = False
    trickle: bool = False
    late: bool = False


@dataclass
class Proxy:
    """Where it listens, what it is to do, and how many bytes the last whole exchange had.

    ``on_stall`` is called when nothing more comes of an answer.
    """

    port: int
    to: int
    tears: list[Tear] = field(default_factory=list)
    request: bytes = b""
    response: bytes = b""
    lines: set["asyncio.Task[None]"] = field(default_factory=set)
    on_stall: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """What a client calls."""
        return f"http://127.0.0.1:{self.port}"

    async def quiet(self) -> None:
        """Wait until every line has ended."""
        while self.lines:
            await asyncio.wait(set(self.lines))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it is torn or the client leaves."""
        with contextlib.suppress(OSError):
            while request := await _message(reader):
                tear = self.tears.pop(0) if self.tears else Tear()
                if not await self._exchange(request, tear, reader, writer):
                    break
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _exchange(
        self, request: bytes, tear: Tear, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request and its response, on a line of its own to the bank; whether the client's line still holds."""
        if tear.late:
            _reset(writer)
        if tear.doubled:
            await self._deliver(request)
        cut = tear.of == "request" and tear.after is not None
        there, bank = await asyncio.open_connection("127.0.0.1", self.to)
        try:
            await _pass(request[: tear.after] if cut else request, bank, slowly=tear.trickle)
            if cut and tear.how == "reset":
                _reset(bank)
                _reset(writer)
                return False
            if cut:
                bank.write_eof()
            response = await _message(there)
            self.request, self.response = request, response
            if tear.late:
                return False
            part = response[: tear.after] if tear.of == "response" else response
            await _pass(part, writer, slowly=tear.trickle)
            if tear.how == "stalled":
                self.on_stall()
                await reader.read()
            elif tear.of == "response" and tear.after is not None and tear.how == "reset":
                _reset(writer)
            return tear.after is None
        finally:
            bank.close()
            with contextlib.suppress(OSError):
                await bank.wait_closed()

    async def _deliver(self, request: bytes) -> None:
        there, bank = await asyncio.open_connection("127.0.0.1", self.to)
        bank.write(request)
        await _message(there)
        bank.close()
        await bank.wait_closed()


@contextlib.asynccontextmanager
async def between(to: int) -> AsyncIterator[Proxy]:
    """A proxy in front of that port of this machine."""
    proxy = Proxy(0, to)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        proxy.lines.add(task)
        try:
            await proxy.serve(reader, writer)
        finally:
            proxy.lines.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.quiet()
        await server.wait_closed()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A whole HTTP message with a ``Content-Length``, or what came of it until the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as ended:
        return bytes(ended.partial)
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
    try:
        return head + await reader.readexactly(length)
    except asyncio.IncompleteReadError as ended:
        return head + bytes(ended.partial)


async def _pass(data: bytes, writer: asyncio.StreamWriter, *, slowly: bool) -> None:
    for piece in (data[at : at + 1] for at in range(len(data))) if slowly else (data,):
        writer.write(piece)
        await writer.drain()
        if slowly:
            await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    line = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
