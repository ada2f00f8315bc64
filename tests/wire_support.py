"""A real ``riel serve`` and a pretend bank as child processes, and the client's end of the wire in raw lines."""

import contextlib
import json
import os
import re
import select
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .wire_checks import PATIENCE, CheckedAnswer, checked

LEGACY, MODERN = "2025-11-25", "2026-07-28"
ERAS = (LEGACY, MODERN)
CLIENT = {"name": "test", "version": "1"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def environment(folder: Path, **settings: object) -> dict[str, str]:
    """A clean environment: nothing of riel but ``settings``, each ``RIEL_<NAME>``."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    path = {"PYTHONPATH": str(settings.pop("pythonpath"))} if "pythonpath" in settings else {}
    ours = {f"RIEL_{name.upper()}": str(value) for name, value in settings.items()}
    return kept | path | {"HOME": str(folder), "RIEL_JOURNAL": str(folder / "journal.db")} | ours


def command(*arguments: str) -> list[str]:
    """``riel`` with the Python that runs the tests."""
    return [sys.executable, "-m", "riel", *arguments]


class WireBank:
    """``riel sandbox mock`` as a process of its own: its ledger outlives the servers that pay through it."""

    def __init__(self, folder: Path) -> None:
        self._errors = (folder / "bank.stderr").open("wb")
        self._process = subprocess.Popen(
            command("sandbox", "mock", "--port", "0"),
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment(folder),
            cwd=folder,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().decode().strip()
        assert self.url.startswith("http://127.0.0.1:"), (folder / "bank.stderr").read_text()

    def debits(self) -> list[dict[str, Any]]:
        """What it booked."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/debits", timeout=PATIENCE) as answer:  # noqa: S310
            debits: list[dict[str, Any]] = json.load(answer)
            return debits

    def hold_answer(self) -> None:
        """Book the next order, and do not answer it before :meth:`release_answer`."""
        self._fault("POST", {"kind": "slow", "seconds": 3_600})

    def release_answer(self) -> None:
        """Answer what :meth:`hold_answer` held back."""
        self._fault("DELETE")

    def _fault(self, method: str, body: object = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        ordered = urllib.request.Request(f"{self.url}/_sandbox/faults", data, method=method)  # noqa: S310
        urllib.request.urlopen(ordered, timeout=PATIENCE).close()  # noqa: S310

    def close(self) -> None:
        """Let it go."""
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE)
        self._errors.close()


@contextlib.contextmanager
def pretend_bank(folder: Path) -> Iterator[WireBank]:
    """A bank for as long as the block lasts."""
    bank = WireBank(folder)
    try:
        yield bank
    finally:
        bank.close()


def install(site: Path, name: str, source: Path) -> None:
    """Put a rail where pip would, for a server whose ``pythonpath`` is ``site``."""
    site.mkdir(exist_ok=True)
    shutil.copy(source, site / f"rail_{name}.py")
    info = site / f"rail_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rail-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[riel]\n{name} = rail_{name}\n")


@dataclass
class Riel:
    """A server process and the client's ends of its pipes. All that it ever wrote is kept."""

    folder: Path
    era: str
    process: "subprocess.Popen[bytes]"
    errors: Path
    said: bytearray = field(default_factory=bytearray)
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    _held: bytearray = field(default_factory=bytearray)
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _last: int = 100

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        assert self.process.stdin is not None
        to, view = self.process.stdin.fileno(), memoryview(data)
        while view:
            assert select.select([], [to], [], PATIENCE)[1], "the server does not read"
            view = view[os.write(to, view[: select.PIPE_BUF]) :]

    def hear(self) -> dict[str, Any]:
        """The next line, which must be JSON."""
        assert self.process.stdout is not None
        back = self.process.stdout.fileno()
        while b"\n" not in self._held:
            assert select.select([back], [], [], PATIENCE)[0], f"no answer came: {self.stderr}"
            chunk = os.read(back, 1 << 16)
            assert chunk, f"the server left: {self.stderr}"
            self.said += chunk
            self._held += chunk
        line, _, self._held = self._held.partition(b"\n")
        message = json.loads(line.decode())
        assert isinstance(message, dict)
        assert message["jsonrpc"] == "2.0"
        return message

    def answer_to(self, request_id: object) -> dict[str, Any]:
        """The message with that id, whichever came first."""
        while True:
            for message in self._waiting:
                if message.get("id") == request_id:
                    self._waiting.remove(message)
                    return message
            self._waiting.append(self.hear())

    def request(self, method: str, params: dict[str, Any] | str | None = None) -> dict[str, Any]:
        """The whole answer to one request; ``params`` may be raw JSON, with ``META`` put in as the era wants it."""
        self._last += 1
        self.write(self.line(self._last, method, params).encode() + b"\n")
        return self.answer_to(self._last)

    def line(self, request_id: object, method: str, params: dict[str, Any] | str | None = None) -> str:
        """A request as one line of JSON."""
        told = params if isinstance(params, str) else json.dumps(params or {})
        if self.era == MODERN:
            rest = told.strip()[1:]
            told = f'{{"_meta":{json.dumps(META)}{"" if rest.startswith("}") else ","}{rest}'
        name = json.dumps(method)
        return f'{{"jsonrpc":"2.0","id":{json.dumps(request_id)},"method":{name},"params":{told}}}'

    def call(self, tool: str, arguments: dict[str, Any] | str) -> CheckedAnswer:
        """Call a tool. Arguments as text are raw JSON, for what Python would not write."""
        told = arguments if isinstance(arguments, str) else json.dumps(arguments)
        message = self.request("tools/call", f'{{"name":{json.dumps(tool)},"arguments":{told}}}')
        assert "result" in message, message
        return checked(message["result"], self.tools.get(tool, next(iter(self.tools.values())))["outputSchema"])

    def send(self, arguments: dict[str, Any] | str) -> CheckedAnswer:
        """``mock_send_payment``"""
        return self.call("mock_send_payment", arguments)

    def check(self, reference: str) -> CheckedAnswer:
        """``mock_check_status``"""
        return self.call("mock_check_status", {"trackingKey": reference})

    def refund(self, arguments: dict[str, Any] | str) -> CheckedAnswer:
        """``mock_request_refund``"""
        return self.call("mock_request_refund", arguments)

    def pay(self, arguments: dict[str, Any]) -> CheckedAnswer:
        """Ask, take the code from the person's file, and pay."""
        held = self.send(arguments).done
        return self.send(arguments | {"verificationCode": self.code(held["paymentId"])})

    def code(self, payment_id: str) -> str:
        """What the person was sent for it."""
        for line in reversed(self.factor_file.read_text().splitlines()):
            told = json.loads(line)
            if told["paymentId"] == payment_id:
                return str(told["code"])
        raise AssertionError("nobody was asked")

    @property
    def factor_file(self) -> Path:
        """Where codes are written."""
        return self.folder / "codes"

    @property
    def codes(self) -> list[str]:
        """Every code there ever was."""
        file = self.factor_file
        return [json.loads(line)["code"] for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def stderr(self) -> str:
        """All that it logged so far."""
        return self.errors.read_text(errors="replace")

    @property
    def events(self) -> str:
        """The bodies of the journal's events."""
        with contextlib.closing(sqlite3.connect(self.folder / "journal.db", timeout=PATIENCE)) as db:
            rows = db.execute("SELECT event, body FROM events ORDER BY seq")
            return "\n".join(f"{event} {body}" for event, body in rows)

    def told(self) -> dict[str, str]:
        """All that it ever told anybody, by where."""
        return {"an answer": self.said.decode(errors="replace"), "stderr": self.stderr, "an event": self.events}

    def leaks(self, *values: str, since: dict[str, str] | None = None) -> list[str]:
        """Where any of these, or any code, can be read that should stand nowhere: answers, logs, events.

        Six digits are looked for as a word: a longer number may hold them by chance.
        """
        places = {place: text[len((since or {}).get(place, "")) :] for place, text in self.told().items()}
        words = {place: set(re.findall(r"[0-9A-Za-z]+", text)) for place, text in places.items()}
        codes = self.codes
        found = [f"{value} in {place}" for place, text in places.items() for value in values if value in text]
        return found + [f"{code} in {place}" for place in places for code in codes if code in words[place]]

    def close(self) -> int:
        """Close its stdin and wait until it has left."""
        rest, _ = self.process.communicate(timeout=PATIENCE)
        self.said += rest
        return self.process.returncode


@contextlib.contextmanager
def riel(folder: Path, *, era: str = LEGACY, **settings: object) -> Iterator[Riel]:
    """``riel serve`` with its codes in a file, greeted as the era wants it; ``settings`` are ``RIEL_<NAME>``."""
    folder.mkdir(exist_ok=True)
    usual = {"factor": "file", "factor_file": folder / "codes", "answer_within": PATIENCE}
    errors = folder / f"stderr-{time.monotonic_ns()}"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command("serve"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(folder, **usual | settings),
            cwd=folder,
        )
    server = Riel(folder, era, process, errors)
    try:
        greet(server)
        yield server
    finally:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            server.close()
        if process.poll() is None:
            process.kill()
        process.communicate()


def greet(server: Riel) -> None:
    """The handshake, where there is one, and the list of tools, whose schemas every answer is checked against."""
    if server.era == LEGACY:
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
        answer = server.request("initialize", hello)
        assert answer["result"]["protocolVersion"] == LEGACY
        server.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    listed = server.request("tools/list")["result"]["tools"]
    server.tools.update({tool["name"]: tool for tool in listed})


@contextlib.contextmanager
def nothing_sent(bank: WireBank) -> Iterator[None]:
    """The bank books nothing meanwhile."""
    before = bank.debits()
    yield
    assert bank.debits() == before


@contextlib.contextmanager
def nothing_leaks(server: Riel, *accounts: str) -> Iterator[None]:
    """No account and no code stands anywhere afterwards where it should not."""
    yield
    assert server.leaks(*accounts) == []
