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
    """Private descriptors of what was stdin and stdout; no child process inherits them."""

    incoming: int
    outgoing: int


def capture_stdio(incoming: int = 0, outgoing: int = 1, errors: int = 2) -> Pipes:
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
def end_on_signal(
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


@asynccontextmanager
async def stdio_streams(
    pipes: Pipes, *, limit: int = LONGEST_LINE, grace: timedelta = GRACE
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """The two streams for ``Server.run`` over ``pipes``, which are closed at the end.

    A line of more than ``limit`` bytes is drained and refused. After the end of input, or :meth:`Incoming.end`, what
    was accepted has ``grace`` to be answered, and the client the same again to read the last answers.
    """
    owed = PendingRequests()
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
