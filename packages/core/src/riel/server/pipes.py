"""JSON-RPC over stdin and stdout, read and written by the event loop itself, and nothing else on that stdout.

The SDK's own transport hops through worker threads three times a message, loses the answers to what was still being
served when the input ended, and does not stop at Ctrl-C. This one gives the same ``Server.run`` its two streams::

    pipes = divert()
    async with connected(pipes) as (incoming, outgoing):
        with ending_on_signal(incoming.end):
            await server.run(incoming, outgoing, server.create_initialization_options())
"""

import asyncio
import os
import signal
import socket
import stat
import sys
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, cast

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse, RequestId

from riel.errors import Misconfigured
from riel.server.framing import LONGEST_LINE, Lines, Overlong, encoded, understood, usable_id

GRACE = timedelta(seconds=10)
CHUNK = 64 * 1024

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True, slots=True)
class Pipes:
    """Private descriptors of what was stdin and stdout; no child process inherits them."""

    incoming: int
    outgoing: int


def divert(incoming: int = 0, outgoing: int = 1, errors: int = 2) -> Pipes:
    """Keep stdin and stdout for JSON-RPC: from here on the usual ones are the null device and stderr.

    To be called before any rail is imported: whatever it prints, at import too, must not reach the client. And before
    the event loop starts, which holds descriptors of its own.

    :raises Misconfigured: one of them is closed.
    """
    try:
        if sys.__stdin__ is None or sys.__stdout__ is None:  # by now its number may be another file's
            raise OSError("closed when the process started")
        pipes = Pipes(_private(incoming), _private(outgoing))
    except OSError as closed:
        raise Misconfigured("riel serve speaks over stdin and stdout: start it with both open.") from closed
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, incoming)
    try:
        os.dup2(errors, outgoing)
    except OSError:
        os.dup2(null, outgoing)
    os.close(null)
    if sys.platform == "win32":
        with suppress(ImportError, OSError):  # dup2 moves the C descriptors; a child is given the Win32 handles
            from mcp.os.win32.utilities import rebind_std_handle_to_fd

            rebind_std_handle_to_fd(incoming)
            rebind_std_handle_to_fd(outgoing)
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.stdout = sys.stderr
    return pipes


def _private(fd: int) -> int:
    """A duplicate that is not inherited and, where stderr is closed, does not become fd 2 and collect the log."""
    if sys.platform != "win32":
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    return os.dup(fd)


@contextmanager
def ending_on_signal(
    end: Callable[[], None], numbers: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
) -> Iterator[None]:
    """The first signal calls ``end``; the second ends the process at once, even where the loop is stuck by then.

    So after the first the signals keep their default effect, and are put back as they were only if none came.
    """
    loop = asyncio.get_running_loop()
    former = {number: signal.getsignal(number) for number in numbers}
    came = False

    def let_go() -> None:
        for number in numbers:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    def first() -> None:
        nonlocal came
        came = True
        let_go()
        end()

    for number in numbers:
        try:
            loop.add_signal_handler(number, first)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(first))
    try:
        yield
    finally:
        if not came:
            let_go()
            for number, handler in former.items():
                signal.signal(number, handler or signal.SIG_DFL)


class Owed:
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

    def __init__(self, outgoing: "Outgoing", owed: Owed, limit: int, grace: timedelta) -> None:
        self._outgoing = outgoing
        self._owed = owed
        self._limit = limit
        self._grace = grace
        self._lines = Lines(limit)
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
                message = understood(self._waiting.popleft(), self._limit)
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

    def __init__(self, owed: Owed) -> None:
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
        await self.put(encoded(message))
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


@asynccontextmanager
async def connected(
    pipes: Pipes, *, limit: int = LONGEST_LINE, grace: timedelta = GRACE
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """The two streams for ``Server.run`` over ``pipes``, which are closed at the end.

    A line of more than ``limit`` bytes is drained and refused. After the end of input, or :meth:`Incoming.end`, what
    was accepted has ``grace`` to be answered, and the client the same again to read the last answers.
    """
    owed = Owed()
    outgoing = Outgoing(owed)
    incoming = Incoming(outgoing, owed, limit, grace)
    outgoing.at_loss = incoming.hang_up
    reads, writes = _a_loop_can(pipes, pipes.incoming), _a_loop_can(pipes, pipes.outgoing)
    await _read_from(pipes.incoming, incoming, by_loop=reads)
    written = await _write_to(pipes.outgoing, outgoing, by_loop=writes)
    try:
        yield incoming, outgoing
    finally:
        incoming.end()
        outgoing.transport.close()
        with anyio.move_on_after(grace.total_seconds(), shield=True):
            await outgoing.gone.wait()
            await written.wait()
        if not outgoing.gone.is_set():
            outgoing.transport.abort()


async def _read_from(fd: int, incoming: Incoming, *, by_loop: bool) -> None:
    loop = asyncio.get_running_loop()
    source = os.fdopen(fd, "rb", buffering=0)
    if by_loop:
        await loop.connect_read_pipe(lambda: incoming, source)
        return
    near, far = socket.socketpair()

    def pump() -> None:
        with far, source, suppress(OSError):
            while chunk := source.read(CHUNK):
                far.sendall(chunk)

    _in_a_thread(pump, fd)
    await loop.connect_accepted_socket(lambda: incoming, near)


async def _write_to(fd: int, outgoing: Outgoing, *, by_loop: bool) -> asyncio.Event:
    """Connect ``outgoing``; the event is set when nothing is left between it and the descriptor."""
    loop = asyncio.get_running_loop()
    target = os.fdopen(fd, "wb", buffering=0)
    written = asyncio.Event()
    if by_loop:
        await loop.connect_write_pipe(lambda: outgoing, target)
        written.set()
        return written
    near, far = socket.socketpair()

    def pump() -> None:
        with far, target, suppress(OSError):
            while chunk := far.recv(CHUNK):
                view = memoryview(chunk)
                while view:
                    view = view[target.write(view) :]
        with suppress(RuntimeError):  # the loop did not wait
            loop.call_soon_threadsafe(written.set)

    _in_a_thread(pump, fd)
    await loop.connect_accepted_socket(lambda: outgoing, near)
    return written


def _a_loop_can(pipes: Pipes, fd: int) -> bool:
    """Not on Windows; not a file, which a loop cannot wait for; not a terminal, which others share.

    And not one socket for both directions (inetd, socat): what arrives there would pass for a client that has left.
    """
    if sys.platform == "win32" or os.path.sameopenfile(pipes.incoming, pipes.outgoing):
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _in_a_thread(pump: Callable[[], None], fd: int) -> None:
    """Run ``pump`` beside the loop; a daemon, because a read of a terminal cannot be interrupted."""
    if sys.platform != "win32":
        os.set_blocking(fd, True)
    threading.Thread(target=pump, name=f"riel-pipe-{fd}", daemon=True).start()


def _left_as_found(transport: asyncio.BaseTransport) -> None:
    """The loop made the pipe non-blocking, which whoever shares it and outlives us would not expect."""
    if sys.platform != "win32" and (pipe := transport.get_extra_info("pipe")) is not None:
        os.set_blocking(pipe.fileno(), True)
