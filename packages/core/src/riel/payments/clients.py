"""The rails' open clients: each one is connected when it is first needed, and all are closed together."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from riel.catalog import ActiveRail
from riel.errors import Code, NothingSent, RielError
from riel.payments.rail_failure import RailFailure, contained
from riel.rail import Client

if TYPE_CHECKING:
    import httpx


def open_http(rail: ActiveRail) -> "httpx.AsyncClient":
    """Make the HTTP client of ``rail``."""
    from riel.http.client import rail_http_client

    name, deadline = rail.declaration.name, rail.guarantees.send_deadline
    return rail_http_client(rail.settings, rail=name, deadline=deadline)


class Clients:
    """Keeps each client open in a task of its own, so that the task that opened it closes it.

    :param timeout: how long a caller waits for a client to open.
    :param http: makes the HTTP client that a rail is handed.
    """

    def __init__(
        self,
        rails: Mapping[str, ActiveRail],
        timeout: timedelta = timedelta(seconds=4),
        http: "Callable[[ActiveRail], httpx.AsyncClient]" = open_http,
    ) -> None:
        self._http = http
        self._timeout = timeout
        self._rails = rails
        self._clients: dict[str, asyncio.Future[Client]] = {}
        self._keepers: dict[asyncio.Task[None], asyncio.Future[Client]] = {}
        self._closing = asyncio.Event()

    async def of(self, rail_name: str) -> Client:
        """Return the client of that rail, and open it first if it is not open.

        :raises NothingSent: it could not be opened in time, so nothing can leave.
        """
        client = self._clients.get(rail_name)
        if client is None or (client.done() and client.exception() is not None):
            client = self._clients[rail_name] = asyncio.get_running_loop().create_future()
            keeper = asyncio.create_task(self._keep(self._rails[rail_name], client), name=f"riel-client-{rail_name}")
            self._keepers[keeper] = client
            keeper.add_done_callback(self._keepers.pop)
        if client.done():
            return client.result()
        done, _ = await asyncio.wait({client}, timeout=self._timeout.total_seconds())
        if not done:
            raise _not_opened(rail_name, "it took too long")
        try:
            return client.result()
        except RielError as failure:
            raise NothingSent(Code.RAIL_MISCONFIGURED, rail=rail_name, problem=str(failure).rstrip(".")) from failure
        except Exception as failure:
            raise _not_opened(rail_name, str(failure)) from failure

    async def _keep(self, rail: ActiveRail, opened: asyncio.Future[Client]) -> None:
        """Open the client, give it to ``opened``, and close it when everything is closed."""
        try:
            with contained(rail, "connect", RielError):
                async with self._http(rail) as http, rail.declaration.connect(rail.settings, http) as client:
                    opened.set_result(client)
                    await self._closing.wait()
        except (RielError, RailFailure) as failure:
            if not opened.done():
                opened.set_exception(failure)
        finally:
            if not opened.done():
                opened.set_exception(RailFailure("it was cancelled"))
            opened.exception()  # the caller that waited may be gone

    async def close(self, grace: timedelta) -> None:
        """Close every client. One that takes longer than ``grace`` is given up; one that never opened, at once."""
        self._closing.set()
        for keeper, opened in self._keepers.items():
            if not opened.done():
                keeper.cancel()
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=grace.total_seconds())
        left = list(self._keepers)
        for keeper in left:
            keeper.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _not_opened(rail_name: str, reason: str) -> NothingSent:
    return NothingSent(Code.RAIL_BROKEN, rail=rail_name, problem=f"it could not be opened ({reason})")
