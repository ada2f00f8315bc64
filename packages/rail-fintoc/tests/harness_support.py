"""The rail's client before a pretend Fintoc on one clock, and a harness whose tools an agent calls."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import httpx

import rail_fintoc
from rail_fintoc.api import RateLimiter
from rail_fintoc.client import FintocClient, open_client
from rail_fintoc.models import FintocPayment
from rail_fintoc.sandbox.magic import payee_for
from rail_fintoc.sandbox.seed.companies import CHILEAN_ACCOUNT
from rail_fintoc.settings import FintocSettings
from riel import Answer, Guard, NotSent, Order, OutcomeUnknown, Payment, Rejected
from riel.testing.harness import Harness, ObservedTransport, Scopes, draft_order, http_client, run_harness

from .payments_support import PaymentsDriver

HERE = "http://127.0.0.1:9"
PLENTY = 120.0
PAYEE, PESOS = "014027000005555558", "12345678"
MEXICO: dict[str, Any] = {
    "amount": 50_000,
    "currency": "MXN",
    "accountNumber": PAYEE,
    "recipientName": "José Núñez",
    "comment": "Factura 42",
}
CHILE: dict[str, Any] = {
    "amount": 50_000,
    "currency": "CLP",
    "accountNumber": PESOS,
    "recipientName": "Juan Pérez",
    "comment": "Factura 42",
    "holderId": "11.111.111-1",
    "accountType": "checking_account",
    "institutionId": "cl_banco_estado",
}


def to(scenario: int, currency: str = "MXN", **change: Any) -> dict[str, Any]:
    """The arguments of a payment whose payee has that scenario."""
    return {**(MEXICO if currency == "MXN" else CHILE), "accountNumber": payee_for(currency, scenario), **change}


@dataclass
class FintocBank(PaymentsDriver):
    """A pretend Fintoc and the rail's client; ``transport`` is the way between them.

    ``overrides`` replace settings of the client; one that is ``...`` is left out. ``breaks`` and ``answer`` are
    those of the transport.
    """

    overrides: dict[str, Any] = field(default_factory=dict)
    breaks: list[tuple[Literal["before", "after"], Exception]] = field(default_factory=list)
    answer: Callable[[httpx.Request], httpx.Response | None] = lambda request: None

    @cached_property
    def transport(self) -> ObservedTransport:
        """It sees each request of the client, and can break it off or answer it."""
        return ObservedTransport(self.sandbox, self.clock, answer=self.answer, breaks=self.breaks)

    @cached_property
    def settings(self) -> FintocSettings:
        """What the pretend Fintoc supplies, at an address where nobody listens."""
        supplied: dict[str, Any] = {**self.sandbox.settings, "base_url": HERE, **self.overrides}
        return FintocSettings(**{name: value for name, value in supplied.items() if value is not ...})

    @asynccontextmanager
    async def rail(self) -> AsyncIterator[FintocClient]:
        """The rail's client, which calls the pretend Fintoc directly, on its clock."""
        limiter = RateLimiter(now=lambda: self.now.timestamp(), sleep=self._wait, random_below=lambda _: 0)
        async with (
            http_client(self.settings, self.transport) as http,
            open_client(self.settings, http, self.clock, limiter) as client,
        ):
            yield client

    async def _wait(self, seconds: float) -> None:
        self.later(seconds=seconds)

    def order(self, client: FintocClient, payment: Payment | None = None, **arguments: Any) -> Order:
        """A payment as the core holds it, prepared and confirmed by now."""
        payment = payment or FintocPayment.model_validate({**MEXICO, **arguments}, context=self.settings)
        currency: str = payment.currency  # type: ignore[attr-defined]
        return draft_order(client, payment, currency, self.now)

    def keys(self) -> list[str]:
        """The idempotency key of each order that the client sent."""
        return [request.headers["Idempotency-Key"] for request in self.transport.orders]

    async def received(self, amount: int = 20_000, currency: str = "MXN") -> str:
        """The id of a transfer that was received and credited."""
        (account,) = [row for row in await self.get("/v2/accounts") if row["currency"] == currency]
        body = {"account_number_id": account["root_account_number_id"], "amount": amount, "currency": currency}
        transfer = await self.post("/v2/simulate/receive_transfer", body)
        self.later(seconds=2)
        return str(transfer["id"])


def chilean(**overrides: Any) -> FintocBank:
    """A pretend Fintoc whose client pays from the account in Chile."""
    return FintocBank(overrides={"account_id": CHILEAN_ACCOUNT, **overrides})


async def send(client: FintocClient, order: Order) -> tuple[str, Order]:
    """How a send ended, and the order with what the core knows of it from then on."""
    try:
        answer = await client.send(order)
    except Rejected as rejected:
        return f"rejected {rejected.provider_code}", order
    except OutcomeUnknown:
        return "unknown", order
    except NotSent:
        return "not sent", order
    return answer.status.value, replace(order, provider_id=answer.provider_id)


async def look_up(client: FintocClient, order: Order) -> Answer:
    """What Fintoc has of an order that it must have."""
    answer = await client.status(order)
    assert answer is not None
    return answer


@dataclass(kw_only=True)
class FintocHarness(Harness):
    """An engine before a pretend Fintoc."""

    bank: FintocBank

    async def pay(self, arguments: dict[str, Any] = MEXICO) -> dict[str, Any]:
        """The data or the error of a payment that was confirmed."""
        envelope = await self.confirm("send_payment", **arguments)
        return dict(envelope["data"] or envelope["error"])

    async def check(self, reference: str) -> dict[str, Any]:
        """What an agent reads of a payment."""
        data = await self.data("check_status", reference=reference)
        await self.idle()
        return data

    async def wait(self, step: timedelta = timedelta(minutes=2), **duration: float) -> None:
        """Let time pass, with recovery after each step."""
        await self.pass_time(self.clock.now + timedelta(**duration), step=step)


@asynccontextmanager
async def fintoc_harness(
    folder: Path,
    *,
    bank: FintocBank | None = None,
    granted: Sequence[str] | None = None,
    read_only: bool = False,
    guards: tuple[Guard, ...] = (),
    **behaviour: Any,
) -> AsyncIterator[FintocHarness]:
    """An engine before a pretend Fintoc with that behaviour."""
    bank = bank or FintocBank(behaviour=behaviour)
    (rail,) = rail_fintoc.riel_rails()
    async with run_harness(
        rail,
        folder,
        settings=bank.settings,
        connect=lambda settings, http: bank.rail(),
        clock=bank.clock,
        guards=guards,
        scopes=Scopes(None if granted is None else frozenset(granted), read_only),
    ) as harness:
        yield FintocHarness(**vars(harness), bank=bank)
