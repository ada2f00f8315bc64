"""The whole of riel in this process, with a clock that a test moves, behind the official client."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from mcp import Client

from riel.catalog import activate, discover
from riel.config import Settings, settings_resolver
from riel.confirm import FactorContext, choose_factor
from riel.guards import Guard
from riel.journal.open import open_journal
from riel.mcp import mcp_server
from riel.payments import Clients, Context, PaymentEngine
from riel.redaction import Redactor
from riel.sandbox import SandboxBanks, run_banks
from riel.secrets import ServerKey, ServerKeys
from riel.testing.harness import Clock
from riel.testing.keys import ROW_MAC
from riel.tools import build_tools

from .wire_checks import CheckedAnswer, checked


@dataclass
class Hosted:
    """A client of a riel whose clock a test moves."""

    client: Client
    clock: Clock
    engine: PaymentEngine
    codes: Path
    bank: str
    schemas: dict[str, dict[str, Any]]

    async def call(self, tool: str, **arguments: Any) -> CheckedAnswer:
        """Call a tool, and check the answer."""
        result = await self.client.call_tool(tool, arguments)
        told = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return checked(told, self.schemas[tool])

    async def debits(self) -> list[dict[str, Any]]:
        """What the bank booked."""
        async with httpx.AsyncClient(trust_env=False) as http:
            booked: list[dict[str, Any]] = (await http.get(f"{self.bank}/_sandbox/debits")).json()
            return booked

    def code(self, payment_id: str) -> str:
        """What the person was sent for it."""
        told = [json.loads(line) for line in self.codes.read_text().splitlines()]
        return str(next(line["code"] for line in reversed(told) if line["paymentId"] == payment_id))


@asynccontextmanager
async def hosted(folder: Path, guards: Sequence[Guard] = ()) -> AsyncIterator[Hosted]:
    """The mock rail and its bank, from journal to client; the bank keeps the real time."""
    clock = Clock(datetime.now(UTC))
    settings = Settings(journal=str(folder / "journal.db"), factor="file", factor_file=folder / "codes")
    async with AsyncExitStack() as stack:
        found = discover(only=["mock"])
        banks: SandboxBanks = await stack.enter_async_context(run_banks(found, settings))
        catalog = activate(found, settings_resolver(settings, banks))
        rails = {rail.declaration.name: rail for rail in catalog.rails}
        setup = FactorContext(
            key=bytes(32),
            principal=settings.principal,
            folder=folder,
            modes=frozenset({"sandbox"}),
            file=settings.factor_file,
        )
        engine = PaymentEngine(
            Context(
                journal=await open_journal(settings.journal, ROW_MAC),
                rails=rails,
                clients=Clients(rails),
                factor=choose_factor("file").open(setup),
                keys=ServerKeys(ServerKey(setup.key)),
                guards=guards,
                now=clock,
            )
        )
        stack.push_async_callback(engine.close, timedelta(seconds=5))
        tools = build_tools(engine, Redactor(), Redactor())
        client = await stack.enter_async_context(Client(mcp_server(tools, settings.principal, "1")))
        listed = await asyncio.wait_for(client.list_tools(), 120)
        schemas = {tool.name: dict(tool.output_schema or {}) for tool in listed.tools}
        yield Hosted(client, clock, engine, folder / "codes", banks.urls["mock"], schemas)
