"""What the story needs: a pretend bank, a server that pays through it, and a client that talks to the server.

Bank and server are processes of their own, as they are in earnest. The bank runs beside the server, not within it, so
that its ledger can be read by somebody who need not believe the server.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp import Client

RAIL = "mock"
RIEL = (sys.executable, "-m", "riel")
LOG_LINES = 5
"""How many lines of the children's stderr are shown where something failed."""


class DemoEnvironment:
    """A bank, a server and a client, each to be opened in its turn, and a folder that holds all they write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._codes = folder / "codes.jsonl"
        self._stderr = folder / "stderr.txt"
        self._bank = ""
        self._session: Client | None = None
        self._environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("RIEL_")}
        self._environment |= {
            "RIEL_JOURNAL": str(folder / "journal.db"),
            "RIEL_FACTOR": "file",
            "RIEL_FACTOR_FILE": str(self._codes),
            "RIEL_RAILS": RAIL,
        }

    @asynccontextmanager
    async def bank(self) -> AsyncIterator[None]:
        """Run the pretend bank."""
        with self._stderr.open("ab") as stderr:
            asked = (*RIEL, "sandbox", RAIL, "--port", "0")
            bank = await asyncio.create_subprocess_exec(
                *asked, stdin=DEVNULL, stdout=PIPE, stderr=stderr, env=self._environment, cwd=self._folder
            )
        try:
            import_module("mcp.client.stdio")  # it takes as long as the bank takes to start
            assert bank.stdout is not None  # noqa: S101 (it was asked for)
            self._bank = (await bank.stdout.readline()).decode().strip()
            if not self._bank:
                raise ConnectionError("the pretend bank did not start")
            self._environment[f"RIEL_{RAIL.upper()}_BASE_URL"] = self._bank
            yield
        finally:
            if bank.returncode is None:
                bank.terminate()
            await bank.communicate()

    @asynccontextmanager
    async def server(self) -> AsyncIterator[None]:
        """Run ``riel serve --sandbox`` and connect to it. It pays through the bank that is open already."""
        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client

        command, *arguments = (*RIEL, "serve", "--sandbox")
        how = StdioServerParameters(command=command, args=arguments, env=self._environment, cwd=self._folder)
        with self._stderr.open("a", encoding="utf-8") as stderr:
            async with Client(stdio_client(how, errlog=stderr)) as self._session:
                yield

    async def tools(self) -> list[dict[str, Any]]:
        """What ``tools/list`` answers."""
        listed = await self._connected_client.list_tools()
        return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the tool answers: ``{"data", "error"}``."""
        answer = await self._connected_client.call_tool(tool, dict(arguments))
        return dict(answer.structured_content or {})

    async def debits(self) -> list[dict[str, Any]]:
        """The bank's ledger, as the bank itself shows it."""
        import httpx

        async with httpx.AsyncClient(trust_env=False) as http:  # a proxy would not find this machine
            ledger: list[dict[str, Any]] = (await http.get(f"{self._bank}/_sandbox/debits")).raise_for_status().json()
            return ledger

    def challenge(self, payment_id: str) -> dict[str, str]:
        """What the person was shown for that payment, and the code."""
        lines = self._codes.read_text("utf-8").splitlines()
        questions = [question for line in lines if (question := json.loads(line))["paymentId"] == payment_id]
        return {"text": questions[-1]["text"], "code": questions[-1]["code"]} if questions else {"text": "", "code": ""}

    async def audit(self) -> tuple[int, str]:
        """The exit code of ``riel audit verify``, and what it prints."""
        asked = (*RIEL, "audit", "verify")
        with self._stderr.open("ab") as stderr:
            command = await asyncio.create_subprocess_exec(
                *asked, stdin=DEVNULL, stdout=PIPE, stderr=stderr, env=self._environment, cwd=self._folder
            )
        printed, _ = await command.communicate()
        return command.returncode or 0, printed.decode("utf-8", "replace").strip()

    async def sends(self) -> list[int]:
        """How often each payment and refund of the journal was sent."""
        from riel.journal.open import open_journal
        from riel.journal.row_mac import RowMac

        journal = await open_journal(self._environment["RIEL_JOURNAL"], RowMac())
        try:
            return [record.sends for record in await journal.payments()]
        finally:
            await journal.close()

    def server_log(self) -> str:
        """The last that bank and server wrote to stderr."""
        lines = self._stderr.read_text("utf-8", "replace").splitlines() if self._stderr.exists() else []
        return " | ".join(lines[-LOG_LINES:])

    @property
    def _connected_client(self) -> "Client":
        if self._session is None:
            raise RuntimeError("the client is not connected")
        return self._session
