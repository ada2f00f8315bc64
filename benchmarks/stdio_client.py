"""A client that costs next to nothing: blocking reads and writes on a child's pipes, one JSON line at a time."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "0"},
}


class ServerProcess:
    """An MCP server as a child process, which ``with`` starts, initializes and stops.

    :ivar started: ``time.perf_counter()`` just before the process was created.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._arguments = [sys.executable, *arguments]
        self._environment = {**os.environ, **environment}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each start compiles all modules again
        self._requests = 0

    def __enter__(self) -> Self:
        self._stderr = tempfile.TemporaryFile()
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=self._environment,
        )
        try:
            self.request("initialize", INITIALIZE)
            self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one request and return the result of its answer.

        :raises RuntimeError: the server ended, or it answered with an error.
        """
        self._requests += 1
        self._write({"jsonrpc": "2.0", "id": self._requests, "method": method, "params": params or {}})
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {}
        if "result" not in answer:
            raise RuntimeError(f"{method}: {answer.get('error') or self._stderr_text()}")
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool and return its structured content.

        :raises RuntimeError: the tool answered with an error.
        """
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise RuntimeError(f"{tool}: {result['content']}")
        content: dict[str, Any] = result["structuredContent"]
        return content

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        self._process.stdin.flush()

    def _stderr_text(self) -> str:
        self._stderr.seek(0)
        return f"the server ended without an answer: {self._stderr.read()[-2000:].decode('utf-8', 'replace')}"

    def _stop(self) -> None:
        try:
            self._process.communicate(timeout=20)  # closes its stdin, after which a server ends
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        finally:
            self._stderr.close()
