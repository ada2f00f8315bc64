"""The two streams of ``Server.run``: the client's messages and the server's.

The incoming stream ends only when every accepted request has been answered, so no answer is lost at the end of the
input.
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
    """The requests that were accepted and are not answered yet."""

    def __init__(self) -> None:
        self._ids: Counter[str] = Counter()
        self._settled = asyncio.Event()
        self._settled.set()

    def accept(self, message: JSONRPCMessage) -> None:
        """Count a request, or stop counting the one that a notification cancels: it is never answered."""
        if isinstance(message, JSONRPCRequest) and message.method != "subscriptions/listen":  # answered at the very end
            self._ids[str(message.id)] += 1
            self._settled.clear()
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self.settle(usable_id((message.params or {}).get("requestId")))

    def settle(self, request_id: RequestId | None) -> None:
        """A request of this id needs no answer any more. ``7`` and ``"7"`` are one id, as in the SDK."""
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
        """Stop waiting for every request: the client is gone."""
        self._ids.clear()
        self._settled.set()

    async def settled(self, grace: timedelta) -> None:
        """Wait until nothing is pending, for ``grace`` at most."""
        with anyio.move_on_after(grace.total_seconds()):
            await self._settled.wait()


class Incoming(asyncio.Protocol):
    """The client's messages, in order; they end once every accepted request has been answered."""

    def __init__(self, outgoing: "Outgoing", pending: PendingRequests, limit: int, grace: timedelta) -> None:
        self._outgoing = outgoing
        self._pending = pending
        self._limit = limit
        self._grace = grace
        self._lines = LineSplitter(limit)
        self._unread: deque[bytes | Overlong] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._unread and not self._paused:  # at most two chunks of lines are held here; the rest stays in the pipe
            self._paused = True
            self._transport.pause_reading()
        self._unread.extend(self._lines.feed(data))
        self._arrived.set()

    def eof_received(self) -> None:
        if not self._ended:
            self._unread.extend(self._lines.rest())
        self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        _restore_blocking(self._transport)
        self.end()

    def end(self) -> None:
        """Stop reading, as if the client had closed its end; whole lines that were read are still served."""
        self._ended = True
        self._transport.close()
        self._arrived.set()

    def hang_up(self) -> None:
        """End without serving the unread lines: nobody reads the answers any more."""
        self._unread.clear()
        self._pending.forget()
        self.end()

    async def receive(self) -> SessionMessage:
        """The next message.

        :raises anyio.EndOfStream: the input ended, and every accepted request was answered or the grace is over.
        """
        while True:
            while self._unread:
                message = decode_line(self._unread.popleft(), self._limit)
                if isinstance(message, bytes):
                    with suppress(anyio.BrokenResourceError):
                        await self._outgoing.put(message)
                elif message is not None:
                    self._pending.accept(message)
                    return SessionMessage(message)
            if self._ended:
                await self._pending.settled(self._grace)
                raise anyio.EndOfStream
            self._arrived.clear()
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            await self._arrived.wait()

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
    """The server's messages, one a line. A sender waits while the client does not read."""

    def __init__(self, pending: PendingRequests) -> None:
        self._pending = pending
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False
        self.gone = asyncio.Event()
        self.on_disconnect: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        _restore_blocking(self.transport)
        self._room.set()
        self.gone.set()
        self.on_disconnect()

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
            self._pending.settle(message.id)

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


def _restore_blocking(transport: asyncio.BaseTransport) -> None:
    """Make the pipe blocking again, as a process that shares it and outlives this one expects."""
    if sys.platform != "win32" and (pipe := transport.get_extra_info("pipe")) is not None:
        os.set_blocking(pipe.fileno(), True)
