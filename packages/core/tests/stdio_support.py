"""A client that speaks raw bytes, and a tiny server for it: in a thread of this process, or in one of its own."""

import asyncio
import json
import os
import runpy
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from riel.mcp.session import run_session
from riel.mcp.stdio.capture import GRACE, Pipes, stdio_streams
from riel.mcp.stdio.framing import LONGEST_LINE
from riel.mcp.stdio.streams import Incoming, Outgoing

SERVER = Path(__file__).with_name("stdio_server.py")
PATIENCE = 120.0
LIMIT = 20_000
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
CANCEL_9 = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}}


class Peer:
    """The client's end: raw bytes in and out, every wait bounded."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._held = to, back, bytearray()

    def write(self, data: bytes) -> None:
        while data:
            assert select.select([], [self._to], [], PATIENCE)[1], "the server does not read"
            data = data[os.write(self._to, data[: select.PIPE_BUF]) :]

    def say(self, *messages: dict[str, Any]) -> None:
        self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def hear(self) -> Any:
        while b"\n" not in self._held:
            assert select.select([self._back], [], [], PATIENCE)[0], "no answer came"
            chunk = os.read(self._back, 65536)
            assert chunk, "the server left"
            self._held += chunk
        line, _, self._held = self._held.partition(b"\n")
        return json.loads(line)

    def hear_all(self) -> list[Any]:
        """Everything up to the end of the server's output."""
        while select.select([self._back], [], [], PATIENCE)[0]:
            chunk = os.read(self._back, 65536)
            if not chunk:
                return [json.loads(line) for line in self._held.decode().split("\n")[:-1]]
            self._held += chunk
        raise AssertionError("the server does not leave")

    def stop_writing(self) -> None:
        if self._to >= 0:
            os.close(self._to)
            self._to = -1

    def stop_reading(self) -> None:
        if self._back >= 0:
            os.close(self._back)
            self._back = -1

    def handshake(self) -> None:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        self.say({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello})
        assert self.hear()["id"] == "hello"
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})


def call(request_id: int | str, **arguments: Any) -> dict[str, Any]:
    params = {"name": "echo", "arguments": arguments}
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}


def modern(request_id: int, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params | {"_meta": MODERN}}


class Served(Peer):
    """A peer of a server that runs in a thread of this process."""

    loop: asyncio.AbstractEventLoop
    incoming: Incoming
    outgoing: Outgoing


@contextmanager
def served(
    to: int, back: int, pipes: Pipes, *, limit: int = LONGEST_LINE, grace: timedelta = GRACE, greeted: bool = True
) -> Iterator[Served]:
    peer = Served(to, back)
    server = runpy.run_path(str(SERVER))["tiny_server"]()
    failures: list[BaseException] = []
    ready = threading.Event()

    async def serve() -> None:
        async with stdio_streams(pipes, limit=limit, grace=grace) as (peer.incoming, peer.outgoing):
            peer.loop = asyncio.get_running_loop()
            ready.set()
            await run_session(server, peer.incoming, peer.outgoing)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        if greeted:
            peer.handshake()
        yield peer
    finally:
        peer.stop_writing()
        thread.join(PATIENCE)
        peer.stop_reading()
    assert not thread.is_alive(), "the server did not leave"
    assert not failures, failures


@contextmanager
def serving(**options: Any) -> Iterator[Served]:
    """A server over two pipes."""
    theirs_in, to = os.pipe()
    back, theirs_out = os.pipe()
    with served(to, back, Pipes(theirs_in, theirs_out), **options) as peer:
        yield peer


class Child(Peer):
    """A peer of a real server process."""

    process: "subprocess.Popen[bytes]"

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


@contextmanager
def child(*options: str) -> Iterator[Child]:
    to_read, to = os.pipe()
    back, to_write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, str(SERVER), *options], stdin=to_read, stdout=to_write, stderr=subprocess.PIPE
    )
    os.close(to_read)
    os.close(to_write)
    peer = Child(to, back)
    peer.process = process
    with process:
        try:
            yield peer
            peer.stop_writing()
            process.wait(PATIENCE)
        finally:
            peer.stop_writing()
            process.kill()
            peer.stop_reading()


def wait_until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
