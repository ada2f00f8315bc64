"""The rails' open clients: each connected when it is first needed, and all closed together."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from riel.catalog import ActiveRail
from riel.errors import Code, NothingSent, RielError
from riel.rail import Client


class Clients:
    """Keeps each client open in a task of its own, so that it is closed by the task that opened it."""

    def __init__(self, rails: Mapping[str, ActiveRail], timeout: timedelta = timedelta(seconds=4)) -> None:
        self._timeout = timeout
        self._rails = rails
        self._opened: dict[str, asyncio.Future[Client]] = {}
        self._keepers: dict[asyncio.Task[None], asyncio.Future[Client]] = {}
        self._closing = asyncio.Event()

    async def of(self, rail: str) -> Client:
        """The client of that rail.

        :raises NothingSent: it could not be opened in time, so nothing can leave.
        """
        opened = self._opened.get(rail)
        if opened is None or (opened.done() and opened.exception() is not None):
            opened = self._opened[rail] = asyncio.get_running_loop().create_future()
            keeper = asyncio.create_task(self._keep(self._rails[rail], opened), name=f"riel-client-{rail}")
            self._keepers[keeper] = opened
            keeper.add_done_callback(self._keepers.pop)
        if opened.done():
            return opened.result()
        done, _ = await asyncio.wait({opened}, timeout=self._timeout.total_seconds())
        if not done:
            raise _broken(rail, "it took too long")
        try:
            return opened.result()
        except RielError as failure:
            raise NothingSent(Code.RAIL_MISCONFIGURED, rail=rail, problem=str(failure).rstrip(".")) from failure
        except Exception as failure:
            raise _broken(rail, type(failure).__name__) from failure

    async def _keep(self, rail: ActiveRail, opened: asyncio.Future[Client]) -> None:
        try:
            async with rail.declaration.connect(rail.settings) as client:
                opened.set_result(client)
                await self._closing.wait()
        except (Exception, SystemExit) as failure:
            if not opened.done():
                opened.set_exception(failure if isinstance(failure, Exception) else RuntimeError("SystemExit"))
        finally:
            if not opened.done():
                opened.set_exception(RuntimeError("cancelled"))
            opened.exception()  # whoever waited may be gone

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


def _broken(rail: str, why: str) -> NothingSent:
    return NothingSent(Code.RAIL_BROKEN, rail=rail, problem=f"it could not be opened ({why})")
