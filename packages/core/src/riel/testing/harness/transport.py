"""The way to a pretend bank in the same process: observed, and broken where a test wants it to break."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import httpx

from riel.http.client import rail_http_client
from riel.rail import RailSettings, Sandbox
from riel.testing.harness.clock import Clock


@dataclass
class ObservedTransport(httpx.AsyncBaseTransport):
    """An httpx transport that calls the pretend bank's ASGI app directly.

    :param sandbox: the pretend bank.
    :param clock: the bank's clock: a request during which it slept longer than the client's read time-out times out.
    :param answer: may answer in the bank's place, or raise; ``None`` lets the request through.
    :param breaks: how the next requests that move money break off: ``before`` they reach the bank or ``after`` it has
        booked, each with its exception.
    :param requests: each request that the client made, also those that never reached the bank.
    """

    sandbox: Sandbox
    clock: Clock
    answer: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
    breaks: list[tuple[Literal["before", "after"], Exception]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    @property
    def orders(self) -> list[httpx.Request]:
        """The requests that would move money."""
        return [request for request in self.requests if self._moves_money(request)]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Let a request through, unless it was to break or to be answered otherwise."""
        self.requests.append(request)
        if self.breaks and self._moves_money(request):
            when, failure = self.breaks.pop(0)
            if when == "after":
                await self._call(request)
            raise failure
        response, before = self.answer(request), len(self.clock.slept)
        if response is None:
            response = await self._call(request)
        timeout: dict[str, Any] = request.extensions.get("timeout", {})
        if sum(self.clock.slept[before:]) > (timeout.get("read") or float("inf")):
            raise httpx.ReadTimeout("the pretend bank took longer than the client waits")
        return response

    def _moves_money(self, request: httpx.Request) -> bool:
        return self.sandbox.moves_money(request.method, request.url.path)

    async def _call(self, request: httpx.Request) -> httpx.Response:
        try:
            return await httpx.ASGITransport(self.sandbox.app).handle_async_request(request)
        except AssertionError as unfinished:  # httpx checks that an app completes its response; this one hung up
            raise httpx.RemoteProtocolError("peer closed connection") from unfinished


def http_client(
    settings: RailSettings,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    deadline: timedelta = timedelta(seconds=30),
) -> httpx.AsyncClient:
    """The HTTP client that ``connect`` is handed, for a test of a rail's client alone.

    :param transport: stands in for the network, such as ``httpx.MockTransport`` or :class:`ObservedTransport`.
    """
    return rail_http_client(settings, rail="test", deadline=deadline, transport=transport)
