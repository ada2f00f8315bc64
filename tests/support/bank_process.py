"""The pretend bank as a process of its own, which outlives the servers that pay through it; and its ledger."""

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import PATIENCE, ForkServer
from .tested_rails import MOCK, TestedRail

PATIENT = {"send_deadline_seconds": str(PATIENCE)}
"""The setting of a bank whose orders may be under way for as long as a test waits: no load makes a send too late."""


@dataclass
class BankProcess:
    """``riel sandbox RAIL``: where it is, and what a server must be told to pay through it."""

    url: str
    settings: Mapping[str, str]
    rail: TestedRail = MOCK
    _of_others: int = 0

    @property
    def env(self) -> dict[str, str]:
        """The variables of a server that pays through it."""
        private = self.rail.private()
        told = {name: value for name, value in self.settings.items() if name not in private}
        return _variables(self.rail, {"base_url": self.url, **self.rail.both(), **told})

    def debits(self) -> list[dict[str, Any]]:
        """What it booked for whoever uses it now."""
        booked: list[dict[str, Any]] = self._ask("GET", "/_sandbox/debits")
        return booked[self._of_others :]

    def refunds(self) -> list[dict[str, Any]]:
        """What it gave back, newest first. Only a bank that is asked by list tells."""
        given: list[dict[str, Any]] = self._ask("GET", "/refunds")["data"]
        return given

    def fault(self, kind: str, **how: Any) -> None:
        """Order a fault: it befalls the next request that moves money."""
        self._ask("POST", "/_sandbox/faults", {"kind": kind, **how})

    def hold_answer(self) -> None:
        """Book the next order, and do not answer it before :meth:`release_answer`."""
        self.fault("slow", seconds=3_600)

    def release_answer(self) -> None:
        """Answer what :meth:`hold_answer` held back; faults that have not happened yet are forgotten."""
        self._ask("DELETE", "/_sandbox/faults")

    def next_customer(self) -> None:
        """Forget the faults that have not happened yet; what was booked so far is somebody else's."""
        self._ask("DELETE", "/_sandbox/faults")
        self._of_others += len(self.debits())

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        line = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=120)
        try:
            line.request(method, path, None if body is None else json.dumps(body))
            answer = line.getresponse()
            said = answer.read()
            assert answer.status == 200, said
            return json.loads(said)
        finally:
            line.close()


@contextmanager
def open_bank(fork_server: ForkServer, folder: Path, rail: TestedRail = MOCK, **settings: str) -> Iterator[BankProcess]:
    """A bank with empty books, on a port of its own."""
    folder.mkdir(exist_ok=True)
    both = _variables(rail, rail.both())
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    process = fork_server.start("sandbox", rail.name, *options, "--port=0", env=both, folder=folder)
    try:
        with os.fdopen(process.stdout, "rb", closefd=False) as out:
            url = out.readline().decode().strip()
        assert url.startswith("http://127.0.0.1:"), process.errors.read_text()
        yield BankProcess(url, settings, rail)
    finally:
        process.let_go()


def _variables(rail: TestedRail, settings: Mapping[str, str]) -> dict[str, str]:
    return {f"RIEL_{rail.name.upper()}_{name.upper()}": value for name, value in settings.items()}
