"""The mock rail in a harness: its pretend bank keeps the time of a clock, and our own clock may differ from it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

import rail_mock
from rail_mock.models import MockPayment
from rail_mock.sandbox.app import mock_sandbox
from rail_mock.settings import BankBehaviour, MockSettings
from riel import Money
from riel.confirm import Terms
from riel.journal import Challenge, Journal
from riel.payments import Backoff, PaymentRequest, Timing
from riel.testing.harness import Clock, Harness, activate, run_harness

MOMENT = timedelta(milliseconds=1)
TIMING = Timing(answer_within=50 * MOMENT, poll_interval=MOMENT, backoff=Backoff(first=timedelta(seconds=1)))


@dataclass
class ObservedMockBank:
    """A pretend bank with the time of ``clock``. Our own clock differs from it by ``offset``.

    ``requests`` holds the method and path of each request; ``on_request`` is called with it before the bank answers.
    """

    behaviour: BankBehaviour = field(default_factory=lambda: BankBehaviour(absence_seconds=1, watch_seconds=60))
    clock: Clock = field(default_factory=Clock)
    offset: timedelta = timedelta(0)
    requests: list[str] = field(default_factory=list)
    on_request: Callable[[str], None] = lambda request: None

    def __post_init__(self) -> None:
        self.sandbox = mock_sandbox(self.behaviour, clock=self.clock, sleep=self.clock.sleep)

    def engine_clock(self) -> datetime:
        """The time of our own clock."""
        return self.clock.now + self.offset

    @property
    def debits(self) -> list[str]:
        """The reference of each debit."""
        return [debit.reference for debit in self.sandbox.debits()]

    @property
    def orders(self) -> int:
        """How many requests would have moved money."""
        return sum(request.startswith("POST") for request in self.requests)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The bank's ASGI app, observed."""
        request = f"{scope['method']} {scope['path']}"
        self.requests.append(request)
        self.on_request(request)
        await self.sandbox.app(scope, receive, send)


@asynccontextmanager
async def run_mock_harness(bank: ObservedMockBank, journal: Path | Journal, *, url: str = "") -> AsyncIterator[Harness]:
    """Run an engine whose client calls ``bank`` directly, or at ``url``; its waits pass crash points."""
    (rail,) = rail_mock.riel_rails()
    transport = None if url else httpx.ASGITransport(bank.app)
    settings = MockSettings(base_url=url or "http://127.0.0.1:9", **bank.behaviour.model_dump())
    async with run_harness(
        activate(rail, settings),
        journal,
        transport=transport,
        clock=bank.clock,
        engine_clock=bank.engine_clock,
        timing=TIMING,
        crash_points=True,
    ) as harness:
        yield harness


def payment_request(harness: Harness, amount: int = 50_000, account: str = "0123456789") -> PaymentRequest:
    """A payment as the tool asks the engine for it."""
    model = MockPayment(account=account, amount=amount, concept="Invoice 42", recipient_name="Empresa Demo")
    terms = Terms(
        kind="payment",
        rail="mock",
        mode="sandbox",
        principal=harness.principal,
        payer=harness.rail.payer,
        payee=model.payee(),
        money=Money(amount, "MXN"),
        arguments={"account": account, "amount": amount},
    )
    return PaymentRequest(terms=terms, rail=harness.rail, model=model)


async def open_challenge(harness: Harness, request: PaymentRequest) -> tuple[Challenge, str]:
    """The challenge of ``request``, and the code that confirms it."""
    challenge, _ = await harness.engine.ask(request)
    return challenge, harness.approver.code(challenge)
