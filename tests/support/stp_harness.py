"""SPEI from the agent's call to STP's book, in this process: the real tools, engine, client and pretend STP.

Only time is a test's: one clock for STP, and ours, which may be ``ahead`` of it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

import rail_spei
from rail_spei.client import open_client
from rail_spei.sandbox.app import stp_sandbox
from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.settings import GUARANTEES, SpeiSettings
from riel.catalog import ActiveRail
from riel.journal import PaymentRecord, State
from riel.journal.sqlite import SqliteJournal
from riel.payments import Backoff, Clients, Context, PaymentEngine, Timing
from riel.redaction import Redactor
from riel.testing.harness import Approver
from riel.tools import ToolSpec, build_tools

from .processes import PATIENCE

MOMENT = timedelta(milliseconds=1)
PAYEE, AT_STP = "072691004495711499", "646180157000000004"
REGISTER, RETURN = "/speiws/rest/ordenPago/registra", "/speiws/rest/ordenPago/retornaOrden"
APPROVER = Approver()
OPEN = {State.SENDING, State.UNKNOWN, State.PENDING}


def mexico(day: str, time: str = "12:00") -> datetime:
    """An instant as clocks in Mexico City show it."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo("America/Mexico_City")).astimezone(UTC)


@dataclass
class ObservedStp:
    """A pretend STP, what time it is there, and the bodies of the orders that reached it."""

    now: datetime = field(default_factory=lambda: mexico("2026-03-04"))
    ahead: timedelta = timedelta(0)
    behaviour: StpBehaviour = field(default_factory=StpBehaviour)
    sent: list[bytes] = field(default_factory=list)
    down: bool = False

    def __post_init__(self) -> None:
        self.sandbox = stp_sandbox(behaviour=self.behaviour, clock=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.advance(seconds=seconds)

    def advance(self, **time: float) -> None:
        """Let time pass, for everybody."""
        self.now += timedelta(**time)

    def clock(self) -> datetime:
        """What our own clock shows."""
        return self.now + self.ahead

    @property
    def debits(self) -> list[str]:
        """The reference of each debit."""
        return [debit.reference for debit in self.sandbox.debits()]

    async def control(self, control: str, **body: Any) -> None:
        """What its staff, another bank or another company does."""
        transport = httpx.ASGITransport(self.sandbox.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://stp.invalid") as http:
            (await http.post(f"/_sandbox/{control}", json=body)).raise_for_status()


class StpTransport(httpx.AsyncBaseTransport):
    """The way to STP, which breaks where it is down, and over which nothing may take longer than the client waits."""

    def __init__(self, stp: ObservedStp) -> None:
        self._stp = stp
        self._app = httpx.ASGITransport(stp.sandbox.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Let a request through."""
        if self._stp.down:
            raise httpx.ConnectError("All connection attempts failed")
        if request.url.path in {REGISTER, RETURN}:
            self._stp.sent.append(request.content)
        before = self._stp.now
        try:
            response = await self._app.handle_async_request(request)
        except AssertionError as unfinished:  # what httpx checks of an app: this one hung up
            raise httpx.RemoteProtocolError("peer closed connection") from unfinished
        if (self._stp.now - before).total_seconds() > request.extensions["timeout"]["read"]:
            raise httpx.ReadTimeout("it took too long")
        return response


@dataclass
class SpeiHarness:
    """One engine in front of STP, and an agent that calls its tools."""

    stp: ObservedStp
    engine: PaymentEngine
    journal: SqliteJournal
    tools: dict[str, ToolSpec]

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What an agent reads: ``data`` or ``error``."""
        envelope = await self.tools[f"spei_{tool}"].run(arguments, "ana")
        told: dict[str, Any] = envelope["data"] or envelope["error"]
        return told

    async def confirm(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Ask, read the code over the person's shoulder, and call again with it."""
        held = await self.call(tool, **arguments)
        if held.get("status") != "2fa_required":
            return held
        challenge = await self.journal.challenge(held["paymentId"])
        assert challenge is not None
        told = await self.call(tool, **arguments, verificationCode=APPROVER.code(challenge))
        await self.idle()
        return told

    async def pay(self, amount: int = 50_000, clabe: str = PAYEE) -> dict[str, Any]:
        """What an agent reads of a payment that a person has confirmed."""
        return await self.confirm(
            "send_payment", clabe=clabe, amount=amount, concept="Factura 42", recipientName="Ricardo Sánchez"
        )

    async def check_status(self, key: str) -> dict[str, Any]:
        """What an agent reads when it asks after a payment."""
        told = await self.call("check_status", trackingKey=key)
        await self.idle()
        return told

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        async with asyncio.timeout(PATIENCE):
            while self.engine.context.busy:  # noqa: ASYNC110  # a set, and nobody tells when it is empty
                await asyncio.sleep(0.001)

    async def pass_time(self, until: datetime, *, step: timedelta = timedelta(seconds=30)) -> None:
        """Let time pass until then, by STP's clock, while the engine looks after what is unresolved."""
        while self.stp.now < until:
            self.stp.now = min(self.stp.now + step, until)
            await self.engine.run_once()
            await self.idle()

    async def record(self) -> PaymentRecord:
        """The only one."""
        (record,) = await self.journal.payments()
        return record

    def orders(self) -> list[dict[str, Any]]:
        """The orders that reached STP."""
        return [json.loads(body) for body in self.stp.sent]


@asynccontextmanager
async def run_spei_harness(stp: ObservedStp, folder: Path, *, url: str = "") -> AsyncIterator[SpeiHarness]:
    """An engine on a journal in that folder, whose rounds are made by hand; STP is called directly, or at ``url``."""
    (rail,) = rail_spei.riel_rails()
    supplied: dict[str, Any] = dict(stp.sandbox.settings)
    settings = SpeiSettings(base_url=url or "http://127.0.0.1:9", **supplied)
    active = ActiveRail(
        declaration=replace(
            rail, connect=lambda settings: open_client(settings, None if url else StpTransport(stp), stp.clock)
        ),
        distribution="rail-spei",
        version="1",
        entry_point="spei",
        settings=settings,
        mode="sandbox",
        guarantees=GUARANTEES,
    )
    journal = SqliteJournal.open(str(folder / "journal.db"))
    context = Context(
        journal=journal,
        rails={"spei": active},
        clients=Clients({"spei": active}),
        factor=APPROVER,
        timing=Timing(answer_within=timedelta(seconds=2), poll_interval=MOMENT, backoff=Backoff(first=MOMENT)),
        now=stp.clock,
    )
    engine = PaymentEngine(context)
    try:
        yield SpeiHarness(stp, engine, journal, build_tools(engine, Redactor(), Redactor()))
    finally:
        await engine.close(timedelta(seconds=PATIENCE))
