"""A pretend bank whose clock a test moves, and the rail's real client in front of it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from rail_mock.client import MockClient, open_client
from rail_mock.models import MockPayment, MockRefund
from rail_mock.sandbox.app import mock_sandbox
from rail_mock.settings import BankBehaviour, MockSettings
from riel import Debit, Draft, Money, Order, Payee
from riel.testing.harness import http_client, references

PLAIN = "0123456789"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class BankFixture:
    """One pretend bank, and the rail's client. ``requests`` has method and path of each request to the app."""

    behaviour: BankBehaviour
    now: datetime = datetime(2026, 3, 7, 12, tzinfo=UTC)
    orders: int = 0
    waits: list[float] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    def __post_init__(self) -> None:
        self.sandbox = mock_sandbox(self.behaviour, clock=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.waiting.set()
        if self.gate is not None:
            await self.gate.wait()
        else:
            self.later(seconds)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    @property
    def debits(self) -> list[Debit]:
        return list(self.sandbox.debits())

    @property
    def settings(self) -> MockSettings:
        return MockSettings(base_url="http://bank.invalid", **self.behaviour.model_dump())

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests.append(f"{scope['method']} {scope['path']}")
        await self.sandbox.app(scope, receive, send)

    @asynccontextmanager
    async def client(self, **changes: Any) -> AsyncIterator[MockClient]:
        """The rail's client, calling the app directly. With ``changes``, its settings differ from the bank's."""
        settings = self.settings.model_copy(update=changes)
        async with (
            http_client(settings, httpx.ASGITransport(self._app)) as http,
            open_client(settings, http) as client,
        ):
            yield client

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        """An HTTP client that calls the app directly."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://bank.invalid") as http:
            yield http

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[MockClient]:
        """The rail's client and the bank, with real connections between them."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(self.sandbox.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                async with asyncio.timeout(120):
                    while not server.started:  # noqa: ASYNC110  # uvicorn has a flag and no event
                        await asyncio.sleep(0.01)
                address = f"http://127.0.0.1:{listening.getsockname()[1]}"
                settings = MockSettings(base_url=address, **self.behaviour.model_dump())
                async with http_client(settings) as http, open_client(settings, http) as client:
                    yield client
            finally:
                server.should_exit = True
                await serving

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[MockClient]:
        """The rail's client with an address at which nothing listens."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        settings = MockSettings(base_url=address)
        async with http_client(settings) as http, open_client(settings, http) as client:
            yield client

    def payment(self, client: MockClient, account: str = PLAIN, amount: int = 50_000) -> Order:
        """A payment as the core would hold it."""
        payment = MockPayment(account=account, amount=amount, concept="Invoice 42", recipient_name="Empresa Demo")
        draft = Draft(kind="payment", money=Money(amount, "MXN"), payment=payment)
        return self._order(client, draft, payment.payee(), None)

    def refund(self, client: MockClient, original: Order, amount: int) -> Order:
        """A refund as the core would hold it."""
        refund = MockRefund(tracking_key=original.reference, reason="Sent twice", amount=amount)
        draft = Draft(kind="refund", money=Money(amount, "MXN"), refund=refund, original=original)
        return self._order(client, draft, original.payee, original)

    def _order(self, client: MockClient, draft: Draft, payee: Payee, original: Order | None) -> Order:
        prepared = client.prepare(draft, references(self.now))
        self.orders += 1
        return Order(
            kind=draft.kind,
            id=f"order-{self.orders}",
            reference=prepared.reference,
            money=draft.money,
            payee=payee,
            body=prepared.body,
            created_at=self.now,
            original=original,
        )


@pytest.fixture
def make_bank() -> Callable[..., BankFixture]:
    """Make a bank of a behaviour: ``make_bank(dedupe="no")``."""

    def make(**settings: Any) -> BankFixture:
        return BankFixture(BankBehaviour(**settings))

    return make
