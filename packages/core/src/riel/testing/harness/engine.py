"""The engine of a test, its journal, the tools of one rail, and the agent that calls them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from riel.catalog import ActiveRail
from riel.errors import JournalUnavailable
from riel.guards import Guard
from riel.http.client import rail_http_client
from riel.journal import Journal, PaymentRecord, State
from riel.journal.open import open_journal
from riel.payments import Backoff, Clients, Context, PaymentEngine, Timing
from riel.rail import Client, Guarantees, Mode, Rail, RailSettings
from riel.redaction import Redactor
from riel.secrets import ServerKey, ServerKeys
from riel.testing.crash_points import with_crash_points
from riel.testing.harness.approver import Approver
from riel.testing.harness.clock import Clock
from riel.testing.keys import ROW_MAC
from riel.tools import Scopes, ToolSpec, build_tools

PATIENCE = 30.0
"""How many seconds of the wall clock may pass until nothing is under way. It takes milliseconds."""

MOMENT = timedelta(milliseconds=1)
TIMING = Timing(answer_within=timedelta(seconds=PATIENCE), poll_interval=MOMENT, backoff=Backoff(first=MOMENT * 1000))
OPEN_STATES = frozenset({State.SENDING, State.UNKNOWN, State.PENDING})

Connect = Callable[[RailSettings, httpx.AsyncClient], AbstractAsyncContextManager[Client]]
"""Opens the rail's client for a test, on the clock of the test."""


def activate(
    rail: Rail,
    settings: RailSettings,
    *,
    connect: Connect | None = None,
    guarantees: Guarantees | None = None,
    mode: Mode = "sandbox",
) -> ActiveRail:
    """``rail`` as the catalog hands it to the engine.

    :param connect: opens the client in place of the rail's own function.
    :param guarantees: what the rail declares, where it declares a function of its settings.
    """
    declared = rail.guarantees if isinstance(rail.guarantees, Guarantees) else rail.guarantees(settings)
    return ActiveRail(
        declaration=replace(rail, connect=connect) if connect else rail,
        distribution=f"rail-{rail.name}",
        version="1",
        entry_point=rail.name,
        settings=settings,
        mode=mode,
        guarantees=guarantees or declared,
    )


@dataclass
class Harness:
    """An engine on a journal of its own, whose recovery runs when the test says so.

    ``texts`` holds what the approver read, in order.
    """

    engine: PaymentEngine
    journal: Journal
    rail: ActiveRail
    tools: Mapping[str, ToolSpec]
    clock: Clock
    approver: Approver
    principal: str = "ana"
    texts: list[str] = field(default_factory=list)

    @property
    def server(self) -> Any:
        """An MCP server with these tools: ``async with mcp.Client(harness.server) as client``."""
        from riel.mcp import mcp_server

        return mcp_server(self.tools, self.principal, self.rail.version)

    async def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool by its name, with or without the rail's prefix; the envelope ``{"data", "error"}``."""
        name = tool if tool in self.tools else f"{self.rail.declaration.name}_{tool}"
        return await self.tools[name].run(arguments, self.principal)

    async def data(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """The ``data`` of an answer that must not be an error."""
        envelope = await self.call(tool, **arguments)
        assert envelope["error"] is None, envelope
        return dict(envelope["data"])

    async def error(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """The ``error`` of an answer that must be one."""
        envelope = await self.call(tool, **arguments)
        assert envelope["data"] is None, envelope
        return dict(envelope["error"])

    async def code(self, payment_id: str) -> str:
        """The code that the approver reads, whose challenge text is kept in ``texts``."""
        challenge = await self.journal.challenge(payment_id)
        assert challenge is not None, f"there is no challenge {payment_id}"
        self.texts.append(challenge.text)
        return self.approver.code(challenge)

    async def confirm(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool, then call it again with the code that confirms it. The last envelope is returned."""
        envelope = await self.call(tool, **arguments)
        if (envelope["data"] or {}).get("status") != "2fa_required":
            return envelope
        code = await self.code(envelope["data"]["paymentId"])
        envelope = await self.call(tool, **arguments, verificationCode=code)
        await self.idle()
        return envelope

    async def idle(self) -> None:
        """Wait until the engine works on nothing."""
        async with asyncio.timeout(PATIENCE):
            while self.engine.context.busy:  # noqa: ASYNC110  # a set; no event is set when it becomes empty
                await asyncio.sleep(0.001)

    async def recover(self) -> None:
        """Run recovery once, and wait until it is done."""
        await self.engine.run_once()
        await self.idle()

    async def pass_time(self, until: datetime, *, step: timedelta = timedelta(minutes=2)) -> None:
        """Move the clock to ``until`` in steps, and run recovery after each."""
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + step)
            await self.recover()

    async def settle_all(self, *, rounds: int = 200, step: timedelta = timedelta(seconds=5)) -> list[PaymentRecord]:
        """Let time pass and run recovery until no payment is open; every payment as it then stands."""
        await self.idle()
        records: list[PaymentRecord] = []
        for _ in range(rounds):
            with suppress(JournalUnavailable):
                records = list(await self.journal.payments(most=10_000))
                if not any(record.state in OPEN_STATES for record in records):
                    return records
            self.clock.now += step
            with suppress(JournalUnavailable):
                await self.engine.run_once()
            await self.idle()
        raise AssertionError(f"still open: {Counter(record.state.value for record in records)}")

    async def record(self) -> PaymentRecord:
        """The only payment in the journal."""
        (record,) = await self.journal.payments(most=10)
        return record

    async def messages(self) -> list[Mapping[str, Any]]:
        """The bodies of the messages that wait in the outbox."""
        messages = await self.journal.lease_messages(self.clock.now, lease=timedelta(seconds=1), most=100)
        return [message.body for message in messages]


@asynccontextmanager
async def run_harness(
    rail: Rail | ActiveRail,
    journal: Path | Journal,
    *,
    settings: RailSettings | None = None,
    connect: Connect | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock | None = None,
    engine_clock: Callable[[], datetime] | None = None,
    approver: Approver | None = None,
    guards: Sequence[Guard] = (),
    scopes: Scopes | None = None,
    timing: Timing = TIMING,
    crash_points: bool = False,
) -> AsyncIterator[Harness]:
    """Run an engine for one rail.

    :param rail: a rail, which then needs ``settings``, or one that :func:`activate` made.
    :param journal: a folder for an SQLite journal, or an open journal; it is closed at the end.
    :param connect: opens the client in place of the rail's own function.
    :param transport: stands in for the network, under the rail's HTTP client.
    :param clock: the test's clock; the provider's too, where the pretend bank was given it.
    :param engine_clock: the engine's clock, where it differs from ``clock``.
    :param guards: limits and other guards. :param scopes: what the agent's session is granted; everything by default.
    :param crash_points: whether the engine passes the points of :mod:`riel.testing.crash_points`.
    """
    if isinstance(rail, Rail):
        assert settings is not None, "a rail that is not active needs settings"
        rail = activate(rail, settings, connect=connect)
    store = await open_journal(str(journal / "journal.db"), ROW_MAC) if isinstance(journal, Path) else journal
    clock, approver = clock or Clock(), approver or Approver()
    name = rail.declaration.name

    def open_http(rail: ActiveRail) -> httpx.AsyncClient:
        deadline = rail.guarantees.send_deadline
        return rail_http_client(rail.settings, rail=rail.declaration.name, deadline=deadline, transport=transport)

    context = Context(
        journal=store,
        rails={name: rail},
        clients=Clients({name: rail}, http=open_http),
        factor=approver,
        keys=ServerKeys(ServerKey(approver.key)),
        guards=tuple(guards),
        timing=timing,
        now=engine_clock or clock,
    )
    engine = PaymentEngine(with_crash_points(context) if crash_points else context)
    tools = build_tools(engine, Redactor(), Redactor(), scopes)
    try:
        yield Harness(engine, store, rail, tools, clock, approver)
    finally:
        await engine.close(timedelta(seconds=PATIENCE))
