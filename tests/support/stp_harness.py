"""SPEI from the agent's call to STP's ledger, in this process: the real tools, engine, client and pretend STP.

A test sets the time only: STP's clock, and the rail's, which may be ``ahead`` of it.
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
from rail_spei.settings import GUARANTEES, SEND_DEADLINE, SpeiSettings
from riel.catalog import ActiveRail
from riel.http.client import rail_http_client
from riel.journal import PaymentRecord, State
from riel.journal.sqlite import SqliteJournal
from riel.payments import Backoff, Clients, Context, PaymentEngine, Timing
from riel.redaction import Redactor
from riel.secrets import ServerKey, ServerKeys
from riel.testing.harness import Approver
from riel.testing.keys import ROW_MAC
from riel.tools import ToolSpec, build_tools

from .processes import PATIENCE

MOMENT = timedelta(milliseconds=1)
PAYEE, AT_STP = "072691004495711499", "646180157000000004"
REGISTER, RETURN = "/speiws/rest/ordenPago/registra", "/speiws/rest/ordenPago/retornaOrden"
APPROVER = Approver()
OPEN = {State.SENDING, State.UNKNOWN, State.PENDING}


def mexico(day: str, time: str = "12:00") -> datetime:
    """The instant (UTC) of a day and a time of Mexico City."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo("America/Mexico_City")).astimezone(UTC)


@dataclass
class ObservedStp:
    """A pretend STP with its clock, and the bodies of the orders that reached it."""

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
        """Let time pass, for STP and for the rail."""
        self.now += timedelta(**time)

    def clock(self) -> datetime:
        """The time on the rail's own clock."""
        return self.now + self.ahead

    @property
    def debits(self) -> list[str]:
        """The reference of each debit."""
        return [debit.reference for debit in self.sandbox.debits()]

    async def control(self, control: str, **body: Any) -> None:
        """Call a control route: an act of STP's staff, another bank or another company."""
        transport = httpx.ASGITransport(self.sandbox.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://stp.invalid") as http:
            (await http.post(f"/_sandbox/{control}", json=body)).raise_for_status()


class StpTransport(httpx.AsyncBaseTransport):
    """The transport to STP. It fails while STP is ``down``, and times out where STP is slower than the client waits."""

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
        """Call a tool; ``data`` or ``error`` of its answer."""
        envelope = await self.tools[f"spei_{tool}"].run(arguments, "ana")
        answer: dict[str, Any] = envelope["data"] or envelope["error"]
        return answer

    async def confirm(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, then call it again with the code that confirms it."""
        answer = await self.call(tool, **arguments)
        if answer.get("status") != "2fa_required":
            return answer
        challenge = await self.journal.challenge(answer["paymentId"])
        assert challenge is not None
        answer = await self.call(tool, **arguments, verificationCode=APPROVER.code(challenge))
        await self.idle()
        return answer

    async def pay(self, amount: int = 50_000, clabe: str = PAYEE) -> dict[str, Any]:
        """The tool's answer for a payment that a person has confirmed."""
        return await self.confirm(
            "send_payment", clabe=clabe, amount=amount, concept="Factura 42", recipientName="Ricardo Sánchez"
        )

    async def check_status(self, key: str) -> dict[str, Any]:
        """The answer of ``spei_check_status``."""
        answer = await self.call("check_status", trackingKey=key)
        await self.idle()
        return answer

    async def idle(self) -> None:
        """Wait until the engine works on nothing."""
        async with asyncio.timeout(PATIENCE):
            while self.engine.context.busy:  # noqa: ASYNC110  # a set; no event is set when it becomes empty
                await asyncio.sleep(0.001)

    async def pass_time(self, until: datetime, *, step: timedelta = timedelta(seconds=30)) -> None:
        """Move STP's clock to ``until`` in steps, and run recovery after each."""
        while self.stp.now < until:
            self.stp.now = min(self.stp.now + step, until)
            await self.engine.run_once()
            await self.idle()

    async def record(self) -> PaymentRecord:
        """The only payment in the journal."""
        (record,) = await self.journal.payments()
        return record

    def orders(self) -> list[dict[str, Any]]:
        """The orders that reached STP."""
        return [json.loads(body) for body in self.stp.sent]


@asynccontextmanager
async def run_spei_harness(
    stp: ObservedStp, folder: Path, *, url: str = "", **changes: Any
) -> AsyncIterator[SpeiHarness]:
    """An engine on a journal in that folder, whose rounds are made by hand; STP is called directly, or at ``url``.

    :param changes: settings of the rail besides those that the pretend STP supplies.
    """
    (rail,) = rail_spei.riel_rails()
    supplied: dict[str, Any] = dict(stp.sandbox.settings)
    settings = SpeiSettings(base_url=url or "http://127.0.0.1:9", **{**supplied, **changes})
    active = ActiveRail(
        declaration=replace(rail, connect=lambda settings, http: open_client(settings, http, stp.clock)),
        distribution="rail-spei",
        version="1",
        entry_point="spei",
        settings=settings,
        mode="sandbox",
        guarantees=GUARANTEES,
    )
    journal = SqliteJournal.open(str(folder / "journal.db"), ROW_MAC)
    context = Context(
        journal=journal,
        rails={"spei": active},
        clients=Clients(
            {"spei": active},
            http=lambda rail: rail_http_client(
                rail.settings, rail="spei", deadline=SEND_DEADLINE, transport=None if url else StpTransport(stp)
            ),
        ),
        factor=APPROVER,
        keys=ServerKeys(ServerKey(APPROVER.key)),
        timing=Timing(answer_within=timedelta(seconds=PATIENCE), poll_interval=MOMENT, backoff=Backoff(first=MOMENT)),
        now=stp.clock,
    )
    engine = PaymentEngine(context)
    try:
        yield SpeiHarness(stp, engine, journal, build_tools(engine, Redactor(), Redactor()))
    finally:
        await engine.close(timedelta(seconds=PATIENCE))
