"""Keep a stderr that nobody reads from stopping anything.

A client may give the server a pipe for its log and never read it. When such a pipe is full, a write blocks: of the log
in the event loop, of a factor in a thread, of a rail that prints. So everything that is written to the descriptor goes
to a thread, which passes on as much as is read, and drops the rest.
"""

import os
import select
import socket
import stat
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Self

MAX_WAITING = 256 * 1024
"""The most bytes that wait for a reader; what is written beyond is lost, and counted."""

PIECE = 4096
"""The bytes of one write: where there is room at all, a pipe has room for so many."""

END_WITHIN = timedelta(seconds=1)
LOST = "riel: %d bytes of this log were not read in time and are lost\n"


class StderrRelay:
    """A thread between descriptor ``errors`` and what it was before, until :meth:`close`."""

    def __init__(self, errors: int) -> None:
        self._errors = errors
        self._target = os.dup(errors)
        self._is_socket = stat.S_ISSOCK(os.fstat(self._target).st_mode)
        self._source, entrance = os.pipe()
        self._waiting = bytearray()
        self._lost = 0
        self._end_at: float | None = None
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._source, False)
        os.dup2(entrance, errors)
        os.close(entrance)
        self._thread = threading.Thread(target=self._run, name="riel-stderr", daemon=True)
        self._thread.start()

    @classmethod
    def start(cls, errors: int = 2) -> Self | None:
        """Relay a pipe or a socket; ``None`` for a file or a terminal, and on Windows, where no pipe can be watched."""
        try:
            mode = os.fstat(errors).st_mode
        except OSError:  # it is closed
            return None
        return cls(errors) if sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) else None

    def close(self, within: timedelta = END_WITHIN) -> None:
        """Put the descriptor back, and pass on what waits, for ``within`` at most."""
        os.dup2(self._target, self._errors)
        self._end_at = time.monotonic() + within.total_seconds()
        os.write(self._waker, b".")
        self._thread.join(within.total_seconds() * 2)

    def _run(self) -> None:
        poll = select.poll()
        for descriptor in (self._source, self._wake):
            poll.register(descriptor, select.POLLIN)
        while True:
            if self._waiting:
                poll.register(self._target, select.POLLOUT)
            left = None if self._end_at is None else max(0.0, self._end_at - time.monotonic()) * 1000
            ready = {descriptor for descriptor, _ in poll.poll(left)}
            self._read()
            if self._target in ready:
                self._write()
            if not self._waiting:
                with suppress(KeyError):
                    poll.unregister(self._target)
            if self._wake in ready:
                poll.unregister(self._wake)
            if self._end_at is not None and (not self._waiting or time.monotonic() >= self._end_at):
                return

    def _read(self) -> None:
        """Take what was written, so that no writer waits."""
        with suppress(BlockingIOError):
            while chunk := os.read(self._source, 64 * 1024):
                room = MAX_WAITING - len(self._waiting)
                self._waiting += chunk[:room]
                self._lost += max(0, len(chunk) - room)

    def _write(self) -> None:
        piece = bytes(self._waiting[:PIECE])
        try:
            written = self._send(piece) if self._is_socket else os.write(self._target, piece)
        except BlockingIOError:
            return
        except OSError:  # its reader is gone
            self._waiting.clear()
            return
        del self._waiting[:written]
        if not self._waiting and self._lost:
            self._waiting += (LOST % self._lost).encode()
            self._lost = 0

    def _send(self, piece: bytes) -> int:
        with socket.socket(fileno=os.dup(self._target)) as target:
            return target.send(piece, socket.MSG_DONTWAIT)
