"""The rail's client in front of a pretend STP, each with its own clock."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from rail_spei.calendar import MEXICO_CITY
from rail_spei.client import SpeiClient, open_client
from rail_spei.models import SpeiPayment, SpeiRefund
from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.settings import SEND_DEADLINE, SpeiSettings
from riel import Answer, Order, Payment
from riel.testing.harness import Clock, ObservedTransport, draft_order, http_client

from .sandbox_support import NOON, PAYEE, StpFixture

AT_STP = "646180157000000004"
"""A payee whose account is at STP, like ours."""

SETTLES_IN = 1


def mexico(day: str, time: str = "12:00") -> datetime:
    """The instant (UTC) of a day and a time of Mexico City."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=MEXICO_CITY).astimezone(UTC)


@dataclass
class RailFixture(StpFixture):
    """One pretend STP and the rail's client, whose clock is ``ahead`` of STP's. ``transport`` connects them."""

    ahead: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.transport = ObservedTransport(self.sandbox, self.clock)

    def rail_time(self) -> datetime:
        """The time on the rail's own clock."""
        return self.clock.now + self.ahead

    @property
    def settings(self) -> SpeiSettings:
        """The settings that the pretend STP supplies, with an address at which nothing listens."""
        return _settings(tuple(self.sandbox.settings.items()))

    @asynccontextmanager
    async def rail(self, **changes: Any) -> AsyncIterator[SpeiClient]:
        """The rail's client, which calls the pretend STP directly."""
        settings = self.settings.model_copy(update=changes)
        async with (
            http_client(settings, self.transport, deadline=SEND_DEADLINE) as http,
            open_client(settings, http, self.rail_time) as client,
        ):
            yield client

    def order(self, client: SpeiClient, amount: int = 50_000, payment: Payment | None = None, **fields: Any) -> Order:
        """A payment as the core holds it, prepared and confirmed by now."""
        payment = payment or SpeiPayment.model_validate(
            {"amount": amount, "clabe": PAYEE, "concept": "Factura 42", "recipient_name": "Ricardo Sánchez", **fields},
            context=self.settings,
        )
        return draft_order(client, payment, "MXN", self.rail_time())

    async def build_return(self, client: SpeiClient, key: str) -> Payment | None:
        """The return of the received payment of that key."""
        return await client.build_return(SpeiRefund(tracking_key=key, reason="Not ours"))

    async def set_state(self, order: Order, state: str, **fields: Any) -> None:
        """Move an order into a state, as STP's staff does."""
        await self.control("state", tracking_key=order.reference, state=state, **fields)

    @property
    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """Path and body of each request that the rail made, also of those that STP never got."""
        return [(request.url.path, json.loads(request.content)) for request in self.transport.requests]

    @property
    def query_days(self) -> list[str]:
        """The operating day of each query, in the order of the queries; empty for the running day."""
        paths = ("Orden", "Rastreo")
        return [str(body.get("fechaOperacion", "")) for path, body in self.requests if path.endswith(paths)]

    @property
    def orders(self) -> list[dict[str, Any]]:
        """The orders that the rail sent, also those that STP never got."""
        return [body for path, body in self.requests if path.endswith(("registra", "retornaOrden"))]


@cache
def _settings(supplied: tuple[tuple[str, Any], ...]) -> SpeiSettings:
    return SpeiSettings(base_url="http://127.0.0.1:9", **dict(supplied))


def rail_fixture(
    at: datetime = NOON, ahead: float = 0, options: dict[str, Any] | None = None, **behaviour: Any
) -> RailFixture:
    """An STP with that behaviour, at that time, and a rail whose clock is ``ahead`` of it by so many seconds."""
    return RailFixture(
        behaviour=StpBehaviour(**behaviour),
        options=options or {},
        clock=Clock(at),
        ahead=timedelta(seconds=ahead),
    )


async def look_up(client: SpeiClient, order: Order) -> Answer:
    """The status of an order that STP must have."""
    answer = await client.status(order)
    assert answer is not None
    return answer
