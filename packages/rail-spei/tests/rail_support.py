"""The rail's client and a pretend STP, each with a clock of its own, and the orders that the core would hold."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import httpx

from rail_spei.calendar import MEXICO_CITY
from rail_spei.client import SpeiClient, open_client
from rail_spei.models import SpeiPayment, SpeiRefund
from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.settings import SpeiSettings
from riel import (
    Answer,
    Draft,
    Money,
    NothingLearned,
    NotSent,
    Order,
    OutcomeUnknown,
    Payment,
    ReferenceSource,
    Rejected,
)

from .sandbox_support import PAYEE, Wire, World

AT_STP = "646180157000000004"
"""A payee whose account is at STP, like ours."""

SETTLES_IN = 1
Meets = Callable[[httpx.Request], httpx.Response | None]


def mexico(day: str, time: str = "12:00") -> datetime:
    """An instant as clocks in Mexico City show it."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=MEXICO_CITY).astimezone(UTC)


@dataclass
class Office(World):
    """One pretend STP and the rail. Our clock is ``ahead`` of STP's; ``meets`` answers in STP's place."""

    ahead: timedelta = timedelta(0)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    meets: Meets = lambda request: None
    numbers: Any = field(default_factory=lambda: count(1))

    def clock(self) -> datetime:
        """What our clock shows."""
        return self.now + self.ahead

    @property
    def settings(self) -> SpeiSettings:
        """What the pretend STP supplies, at an address where nobody listens."""
        return _settings(tuple(self.sandbox.settings.items()))

    @asynccontextmanager
    async def rail(self, **changed: Any) -> AsyncIterator[SpeiClient]:
        """The rail's client, which calls the pretend STP directly."""
        settings = self.settings.model_copy(update=changed)
        async with open_client(settings, _Watched(self), self.clock) as client:
            yield client

    def order(self, client: SpeiClient, amount: int = 50_000, payment: Payment | None = None, **said: Any) -> Order:
        """A payment as the core holds it, prepared and confirmed by now."""
        asked = payment or SpeiPayment.model_validate(
            {"amount": amount, "clabe": PAYEE, "concept": "Factura 42", "recipient_name": "Ricardo Sánchez", **said},
            context=self.settings,
        )
        money = Money(asked.amount, "MXN")
        prepared = client.prepare(Draft(kind="payment", money=money, payment=asked), ReferenceSource(self.clock()))
        return Order(
            kind="payment",
            id=f"pay_{next(self.numbers)}",
            reference=prepared.reference,
            money=money,
            payee=asked.payee(),
            body=prepared.body,
            created_at=self.clock(),
            facts=dict(prepared.facts),
        )

    async def back(self, client: SpeiClient, key: str) -> Payment | None:
        """What gives back the received payment of that key."""
        return await client.build_return(SpeiRefund(tracking_key=key, reason="Not ours"))

    async def moved(self, order: Order, state: str, **said: Any) -> None:
        """STP's staff moves an order into a state."""
        await self.control("state", tracking_key=order.reference, state=state, **said)

    def queried(self) -> list[str]:
        """The operating days that were asked after, in their order; empty for the running one."""
        return [str(body.get("fechaOperacion", "")) for path, body in self.asked if path.endswith(("Orden", "Rastreo"))]

    def sent(self) -> list[dict[str, Any]]:
        """The orders that left, also those that STP never got."""
        return [body for path, body in self.asked if path.endswith(("registra", "retornaOrden"))]


@cache
def _settings(supplied: tuple[tuple[str, Any], ...]) -> SpeiSettings:
    return SpeiSettings(base_url="http://127.0.0.1:9", **dict(supplied))


class _Watched(httpx.AsyncBaseTransport):
    """What leaves is written down; whatever meets it on its way may answer, or break it off, in STP's place."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._wire = Wire(office.sandbox.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Let a request through."""
        self._office.asked.append((request.url.path, json.loads(request.content)))
        met, slept = self._office.meets(request), len(self._office.slept)
        response = await self._wire.handle_async_request(request) if met is None else met
        if sum(self._office.slept[slept:]) > request.extensions["timeout"]["read"]:
            raise httpx.ReadTimeout("it took too long")
        return response


def office(
    at: datetime | None = None, ahead: float = 0, options: dict[str, Any] | None = None, **behaves: Any
) -> Office:
    """An STP with that behaviour, at that time; our clock is ``ahead`` of it by so many seconds."""
    made = Office(behaviour=StpBehaviour(**behaves), options=options or {}, ahead=timedelta(seconds=ahead))
    if at is not None:
        made.now = at
    return made


async def outcome(client: SpeiClient, order: Order) -> str:
    """How a send ended, in the core's words: a status, the code of a refusal, ``unknown`` or ``not sent``."""
    try:
        return (await client.send(order)).status.value
    except Rejected as refused:
        return f"rejected {refused.provider_code}"
    except OutcomeUnknown:
        return "unknown"
    except NotSent:
        return "not sent"


async def told(client: SpeiClient, order: Order) -> Answer:
    """What STP has of an order that it must have."""
    answer = await client.status(order)
    assert answer is not None
    return answer


async def learned(client: SpeiClient, order: Order) -> str:
    """How a look-up ended: a status, ``absent`` or ``nothing``."""
    try:
        answer = await client.status(order)
    except NothingLearned:
        return "nothing"
    return "absent" if answer is None else answer.status.value
