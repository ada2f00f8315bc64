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
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""A connection that broke, perhaps while nobody used it: which is noticed at its next use, and ends it."""


class Lines:
    """Up to ``most`` connections: the one that came back last is taken first, so that those not needed stay idle."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], most: int) -> None:
        self._connect = connect
        self._idle: list[Any] = []
        self._out: set[Any] = set()
        self._free = most
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Any]:
        """A connection that works as far as it knows, as soon as there is one."""
        await self._turn()
        try:
            connection = self._resting() or await self._connect()
            self._out.add(connection)
            try:
                yield connection
            except BROKEN:
                connection.terminate()
                self._part_from(self._idle)  # they have most likely broken with it, and are made anew
                raise
            finally:
                self._out.discard(connection)
                self._take_back(connection)
        finally:
            self._next()

    async def close(self) -> None:
        """Part in order from those that nobody uses."""
        while (connection := self._resting()) is not None:
            await connection.close()

    def terminate(self) -> None:
        """Part from all that are left at once."""
        self._part_from([*self._idle, *self._out])

    async def _turn(self) -> None:
        if self._free:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        await place

    def _next(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    def _resting(self) -> Any:
        """One that waits and has not broken meanwhile, or ``None``."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    def _part_from(self, connections: list[Any]) -> None:
        for connection in connections:
            connection.terminate()

    def _take_back(self, connection: Any) -> None:
        if connection.is_closed():
            return
        if connection.is_in_transaction():
            connection.terminate()  # what is left of it was not kept, and the server undoes it
        else:
            self._idle.append(connection)
