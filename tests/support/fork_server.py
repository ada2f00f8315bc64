"""A process that has imported riel once and forks its commands: a real ``riel serve`` within milliseconds.

Each child is a process of its own that runs ``riel.cli.main`` over real pipes and dies of a real SIGKILL. Only the
second and a half that Python needs for its imports is spared, so that hundreds of kills fit into a minute.

A request is one line of JSON on fd 0, with four descriptors: stdin, stdout, stderr and ``report``, to which the
child's pid is written, and its exit status when it ends. When fd 0 ends, every child is killed.
"""

import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from riel.crash_points import at_crash_points

IMPORTED = (
    "anyio._backends._asyncio",
    "concurrent.futures.thread",
    "encodings.idna",
    "httpcore",
    "importlib.readers",
    "packaging.requirements",
    "packaging.utils",
    "platformdirs.unix",
    "rail_fintoc.client",
    "rail_fintoc.sandbox.app",
    "rail_fintoc.tools",
    "rail_fintoc.webhooks",
    "rail_mock.sandbox.app",
    "rail_mock.client",
    "rail_spei.client",
    "rail_spei.sandbox.app",
    "riel.cli.sandbox",
    "riel.cli.serve",
    "riel.confirm.factors.file",
    "riel.app",
    "riel.journal.postgres",
    "riel.journal.sqlite",
    "riel.sandbox",
    "riel.mcp",
    "riel.testing.crash_points",
    "typer",
    "uvicorn.config",
    "uvicorn.protocols.http.h11_impl",
)
"""Whatever a server or a bank would import for itself, sooner or later."""


def main() -> None:
    """Serve requests until fd 0 ends."""
    asked = socket.socket(fileno=os.dup(0))
    reports: dict[int, int] = {}
    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page that parent and child could share
    signal.signal(signal.SIGCHLD, lambda *_: _reap(reports))
    asked.send(b"ready")
    while True:
        line, descriptors, _, _ = socket.recv_fds(asked, 65536, 4)
        if not line:
            break
        while not line.endswith(b"\n"):
            line += asked.recv(65536)
        _fork(json.loads(line), descriptors, reports)
    for pid in list(reports):
        os.kill(pid, signal.SIGKILL)


def _fork(request: dict[str, Any], descriptors: list[int], reports: dict[int, int]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = _child(request, descriptors)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)
    report = descriptors.pop()
    reports[pid] = report
    os.write(report, b"%d\n" % pid)
    for descriptor in descriptors:
        os.close(descriptor)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _child(request: dict[str, Any], descriptors: list[int]) -> int:
    """Become ``riel`` with these arguments, and perhaps somebody's victim."""
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    os.closerange(3, 4096)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["folder"])
    if request["with"]:
        import_module(request["with"]).install()
    if request["trace"] or request["strike"]:
        crash_points = import_module("crash_points")
        crash_points.install()
        at_crash_points(crash_points.watcher(request["trace"], request["strike"]))
    from riel.cli import main as riel

    return riel(request["arguments"])


def _reap(reports: dict[int, int]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            report = reports.pop(ended[0])
            with suppress(OSError):
                os.write(report, b"%d\n" % os.waitstatus_to_exitcode(ended[1]))
            os.close(report)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
