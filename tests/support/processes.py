"""Processes of ``riel`` that a test starts, stops and kills: each real, each with its own pipes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 120.0
"""Seconds after which a wait has failed."""

FORK_SERVER = Path(__file__).with_name("fork_server.py")


class WaitTimeout(AssertionError):
    """What was waited for did not come."""


async def until(happened: Callable[[], bool], what: str, *, within: float = PATIENCE) -> None:
    """Wait until ``happened()``, and say ``what`` did not happen otherwise."""
    try:
        async with asyncio.timeout(within):
            while not happened():  # noqa: ASYNC110  # another process tells no event of ours
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise WaitTimeout(f"within {within} s: not {what}") from None


@dataclass
class RielProcess:
    """One running command. ``stdin`` and ``stdout`` are our ends of its pipes; ``errors`` is the file of its stderr."""

    pid: int
    stdin: int
    stdout: int
    errors: Path
    _report: int
    _status: int | None = None
    _said: bytes = b""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still is there."""
        if not self.over():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def over(self) -> bool:
        """Whether it has ended."""
        if self._status is None:
            with suppress(BlockingIOError):
                self._said += os.read(self._report, 64)
            if self._said.endswith(b"\n"):
                self._status = int(self._said)
        return self._status is not None

    async def ended(self, within: float = PATIENCE) -> int:
        """Its exit status, negative where a signal ended it."""
        await until(self.over, f"the end of process {self.pid}", within=within)
        assert self._status is not None
        return self._status

    async def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.ended()

    def hang_up(self) -> None:
        """Close our end of its input: its client has left."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def stop_reading(self) -> None:
        """Close our end of its output."""
        if self.stdout >= 0:
            os.close(self.stdout)
            self.stdout = -1

    def let_go(self) -> None:
        """Close everything, and leave no process behind."""
        self.signal(signal.SIGKILL)
        self.hang_up()
        self.stop_reading()
        if self._report >= 0:
            os.close(self._report)
            self._report, self._status = -1, self._status or 0


@dataclass
class ForkServer:
    """Starts processes. All that are left are killed when it is closed."""

    folder: Path
    _line: socket.socket
    _started: list[RielProcess] = field(default_factory=list)

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str],
        folder: Path,
        trace: Path | None = None,
        strike: tuple[str, int, signal.Signals] | None = None,
        module: str | None = None,
    ) -> RielProcess:
        """``riel`` with ``arguments``.

        :param trace: the file that gets a line for each crash point which is passed.
        :param strike: at the n-th pass of which point it sends itself what signal.
        :param module: of this folder: its ``install()`` is called before anything else.
        """
        errors = folder / f"stderr-{len(self._started)}.log"
        with ExitStack() as ours:
            stdin, to = os.pipe()
            back, stdout = os.pipe()
            report, reports = os.pipe()
            stderr = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for descriptor in (stdin, stdout, reports, stderr):
                ours.callback(os.close, descriptor)
            request = {
                "arguments": arguments,
                "env": {"PATH": os.environ["PATH"], "HOME": str(folder), **env},
                "folder": str(folder),
                "trace": str(trace) if trace else None,
                "strike": strike,
                "with": module,
            }
            socket.send_fds(self._line, [json.dumps(request).encode() + b"\n"], [stdin, stdout, stderr, reports])
        pid = b""
        while not pid.endswith(b"\n"):
            pid += os.read(report, 1)
        os.set_blocking(report, False)
        process = RielProcess(int(pid), to, back, errors, report)
        self._started.append(process)
        return process

    def close(self) -> None:
        """Kill what is left."""
        for process in self._started:
            process.let_go()
        self._started.clear()


@contextmanager
def fork_server(folder: Path) -> Iterator[ForkServer]:
    """Start a fork server, which takes as long as to start one ``riel serve``."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            fork_server_process = subprocess.Popen(
                [sys.executable, str(FORK_SERVER)], stdin=theirs, stdout=subprocess.DEVNULL, start_new_session=True
            )
        try:
            ours.settimeout(PATIENCE)
            assert ours.recv(16) == b"ready", "the fork server did not start"
            server = ForkServer(folder, ours)
            try:
                yield server
            finally:
                server.close()
        finally:
            ours.shutdown(socket.SHUT_WR)
            fork_server_process.wait(PATIENCE)
