"""The two streams that ``Server.run`` is given: its client's messages, and its own, which the client must not miss.

The incoming one ends only once every request that was accepted has been answered, so no answer is lost at the end of
the input.
"""

import asyncio
import os
import sys
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Self, cast

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse, RequestId

from riel.mcp.stdio.framing import LineSplitter, Overlong, decode_line, encode_message, usable_id


class PendingRequests:
    """The requests that were accepted and not answered yet."""

    def __init__(self) -> None:
        self._ids: Counter[str] = Counter()
        self._settled = asyncio.Event()
        self._settled.set()

    def accept(self, message: JSONRPCMessage) -> None:
        """Count a request; a cancelled one is never answered, so it counts no more."""
        if isinstance(message, JSONRPCRequest) and message.method != "subscriptions/listen":  # answered at the very end
            self._ids[str(message.id)] += 1
            self._settled.clear()
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self.settle(usable_id((message.params or {}).get("requestId")))

    def settle(self, request_id: RequestId | None) -> None:
        """One request of this id needs no answer any more; ``7`` and ``"7"`` are one id, as for the SDK."""
        if request_id is None:
            return
        key = str(request_id)
        if self._ids[key] > 1:
            self._ids[key] -= 1
        else:
            del self._ids[key]
        if not self._ids:
            self._settled.set()

    def forget(self) -> None:
        """Nobody is there to be answered."""
        self._ids.clear()
        self._settled.set()

    async def settled(self, grace: timedelta) -> None:
        """Return when nothing is owed, or when ``grace`` is over."""
        with anyio.move_on_after(grace.total_seconds()):
            await self._settled.wait()


class Incoming(asyncio.Protocol):
    """The client's messages, in order; they end once every accepted request has been answered."""

    def __init__(self, outgoing: "Outgoing", owed: PendingRequests, limit: int, grace: timedelta) -> None:
        self._outgoing = outgoing
        self._owed = owed
        self._limit = limit
        self._grace = grace
        self._lines = LineSplitter(limit)
        self._waiting: deque[bytes | Overlong] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._waiting and not self._paused:  # the rest may wait in the pipe: two chunks of lines at most wait here
            self._paused = True
            self._transport.pause_reading()
        self._waiting.extend(self._lines.feed(data))
        self._news.set()

    def eof_received(self) -> None:
        if not self._ended:
            self._waiting.extend(self._lines.rest())
        self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        _left_as_found(self._transport)
        self.end()

    def end(self) -> None:
        """Read no more, as if the client had closed its end here; what was read in whole is still served."""
        self._ended = True
        self._transport.close()
        self._news.set()

    def hang_up(self) -> None:
        """Nobody reads the answers any more: end, and serve nothing of what is still waiting."""
        self._waiting.clear()
        self._owed.forget()
        self.end()

    async def receive(self) -> SessionMessage:
        """The next message.

        :raises anyio.EndOfStream: the input ended, and every accepted request was answered or the grace is over.
        """
        while True:
            while self._waiting:
                message = decode_line(self._waiting.popleft(), self._limit)
                if isinstance(message, bytes):
                    with suppress(anyio.BrokenResourceError):
                        await self._outgoing.put(message)
                elif message is not None:
                    self._owed.accept(message)
                    return SessionMessage(message)
            if self._ended:
                await self._owed.settled(self._grace)
                raise anyio.EndOfStream
            self._news.clear()
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            await self._news.wait()

    async def aclose(self) -> None:
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.aclose()


class Outgoing(asyncio.Protocol):
    """The server's messages, one a line; a sender waits while the client does not read."""

    def __init__(self, owed: PendingRequests) -> None:
        self._owed = owed
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False
        self.gone = asyncio.Event()
        self.at_loss: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        _left_as_found(self.transport)
        self._room.set()
        self.gone.set()
        self.at_loss()

    async def send(self, item: SessionMessage, /) -> None:
        """Write one message.

        :raises anyio.BrokenResourceError: the client is gone.
        :raises anyio.ClosedResourceError: this stream was closed.
        """
        if self._closed:
            raise anyio.ClosedResourceError
        message = item.message
        await self.put(encode_message(message))
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self._owed.settle(message.id)

    async def put(self, line: bytes) -> None:
        """Write one whole line."""
        while not self._room.is_set():
            await self._room.wait()
        if self.transport.is_closing():
            raise anyio.BrokenResourceError
        self.transport.write(line)

    async def aclose(self) -> None:
        self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.aclose()


def _left_as_found(transport: asyncio.BaseTransport) -> None:
    """The loop made the pipe non-blocking, which whoever shares it and outlives us would not expect."""
    if sys.platform != "win32" and (pipe := transport.get_extra_info("pipe")) is not None:
        os.set_blocking(pipe.fileno(), True)
