"""Reserve stdin and stdout for JSON-RPC, and read and write them from the event loop.

The SDK's own transport hops through worker threads three times a message, loses the answers of requests
that are still being served when the input ends, and does not stop at Ctrl-C. This one gives ``Server.run`` the
streams::

    pipes = capture_stdio()
    async with stdio_streams(pipes) as (incoming, outgoing):
        with end_on_signal(incoming.end):
            await server.run(incoming, outgoing, server.create_initialization_options())
"""

import asyncio
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import anyio

from riel.errors import Misconfigured
from riel.mcp.stdio.framing import LONGEST_LINE
from riel.mcp.stdio.streams import Incoming, Outgoing, PendingRequests

GRACE = timedelta(seconds=10)
CHUNK = 64 * 1024

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True, slots=True)
class Pipes:
    """Private duplicates of the descriptors of stdin and stdout; no child process inherits them."""

    incoming: int
    outgoing: int


def capture_stdio(incoming: int = 0, outgoing: int = 1, errors: int = 2) -> Pipes:
    """Reserve stdin and stdout for JSON-RPC: descriptors 0 and 1 become the null device and stderr.

    Call it before any rail is imported, so that nothing that it prints reaches the client, and before the event loop
    starts, which holds descriptors of its own.

    :raises Misconfigured: one of them is closed.
    """
    try:
        if sys.__stdin__ is None or sys.__stdout__ is None:  # its number may be another file's by now
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
    """A duplicate that is not inherited, and never becomes fd 2, where it would collect the log."""
    if sys.platform != "win32":
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    return os.dup(fd)


ENDING = (signal.SIGINT, signal.SIGTERM, *[signal.SIGHUP] * hasattr(signal, "SIGHUP"))
"""The signals that end serving: Ctrl-C, an orderly stop, and a terminal that was closed."""


@contextmanager
def end_on_signal(end: Callable[[], None], numbers: tuple[signal.Signals, ...] = ENDING) -> Iterator[None]:
    """Call ``end`` on the first signal; the second ends the process at once, even if the loop is stuck.

    After the first signal the default handlers stay; the former ones return only if no signal came. A signal that was
    ignored before, as ``nohup`` wants it, stays ignored.
    """
    loop = asyncio.get_running_loop()
    numbers = tuple(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)
    former = {number: signal.getsignal(number) for number in numbers}
    received = False

    def restore_defaults() -> None:
        for number in numbers:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    def on_first() -> None:
        nonlocal received
        received = True
        restore_defaults()
        end()

    for number in numbers:
        try:
            loop.add_signal_handler(number, on_first)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(on_first))
    try:
        yield
    finally:
        if not received:
            restore_defaults()
            for number, handler in former.items():
                signal.signal(number, handler or signal.SIG_DFL)


@asynccontextmanager
async def stdio_streams(
    pipes: Pipes, *, limit: int = LONGEST_LINE, grace: timedelta = GRACE
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """The two streams for ``Server.run`` over ``pipes``, which are closed at the end.

    A line of more than ``limit`` bytes is dropped and refused. After the end of the input, or :meth:`Incoming.end`,
    accepted requests have ``grace`` to be answered, and the client the same time again to read the last answers.
    """
    pending = PendingRequests()
    outgoing = Outgoing(pending)
    incoming = Incoming(outgoing, pending, limit, grace)
    outgoing.on_disconnect = incoming.hang_up
    reads, writes = _loop_can_watch(pipes, pipes.incoming), _loop_can_watch(pipes, pipes.outgoing)
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

    _start_thread(pump, fd)
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

    _start_thread(pump, fd)
    await loop.connect_accepted_socket(lambda: outgoing, near)
    return written


def _loop_can_watch(pipes: Pipes, fd: int) -> bool:
    """Not on Windows; not a file, which a loop cannot wait for; not a terminal, which others share.

    And not one socket for both directions (inetd, socat): what arrives there would pass for a client that has left.
    """
    if sys.platform == "win32" or os.path.sameopenfile(pipes.incoming, pipes.outgoing):
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _start_thread(pump: Callable[[], None], fd: int) -> None:
    """Run ``pump`` in a daemon thread: a read of a terminal cannot be interrupted."""
    if sys.platform != "win32":
        os.set_blocking(fd, True)
    threading.Thread(target=pump, name=f"riel-pipe-{fd}", daemon=True).start()
