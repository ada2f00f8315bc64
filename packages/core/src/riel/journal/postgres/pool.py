"""Connections to the database, handed out one by one.

asyncpg's own pool makes a task, a timer and a proxy for each use, and a payment uses a connection eight times.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

BROKEN = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""A connection that broke, perhaps while nobody used it: which is noticed at its next use, and ends it."""


class ConnectionPool:
    """Up to ``most`` connections: the one that came back last is taken first, so that those not needed stay idle."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], most: int) -> None:
        self._connect = connect
        self._idle: list[Any] = []
        self._out: set[Any] = set()
        self._free = most
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection that works as far as it knows, as soon as there is one."""
        await self._acquire_slot()
        try:
            connection = self._take_idle() or await self._connect()
            self._out.add(connection)
            try:
                yield connection
            except BROKEN:
                connection.terminate()
                self._terminate(self._idle)  # they have most likely broken with it, and are made anew
                raise
            finally:
                self._out.discard(connection)
                self._put_idle(connection)
        finally:
            self._release_slot()

    async def close(self) -> None:
        """Part in order from those that nobody uses."""
        while (connection := self._take_idle()) is not None:
            await connection.close()

    def terminate(self) -> None:
        """Part from all that are left at once."""
        self._terminate([*self._idle, *self._out])

    async def _acquire_slot(self) -> None:
        if self._free:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        await place

    def _release_slot(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    def _take_idle(self) -> Any:
        """One that waits and has not broken meanwhile, or ``None``."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    def _terminate(self, connections: list[Any]) -> None:
        for connection in connections:
            connection.terminate()

    def _put_idle(self, connection: Any) -> None:
        if connection.is_closed():
            return
        if connection.is_in_transaction():
            connection.terminate()  # what is left of it was not kept, and the server undoes it
        else:
            self._idle.append(connection)
