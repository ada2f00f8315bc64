"""Connections to the database, through which every write is carried to its end, whoever stops waiting for it.

asyncpg turns the cancellation of a task into a request to cancel the statement, and nobody could tell whether a commit
that was cancelled is durable. So each write is a task of ours for which the caller merely waits.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import asyncpg

from riel.crash import crash_point
from riel.errors import JournalUnavailable
from riel.journal.unavailable import not_read, not_written

T = TypeVar("T")

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
RACES = (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Failures of the server's that undid the statement for certain: somebody else was first, and it is tried anew."""

MOST_RACES = 200
CLOSES_WITHIN = timedelta(seconds=10)
BEGIN = "BEGIN; LOCK TABLE events IN ROW EXCLUSIVE MODE"
"""An anchor waits for whoever writes events. Who took a row first and then waited for the table would hold up both."""
AT_ONE_MOMENT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class Overtaken(Exception):
    """Somebody else was first: read again, and try again."""


class Undone(Exception):
    """Nothing of this transaction is to be kept; ``answer`` says why."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


class Connection(Protocol):
    """A connection of asyncpg, as far as we use it."""

    async def execute(self, query: str, *args: Any) -> str: ...
    async def fetch(self, query: str, *args: Any) -> list[Any]: ...
    async def fetchrow(self, query: str, *args: Any) -> Any: ...
    def is_in_transaction(self) -> bool: ...


class Session:
    """A connection while a verb uses it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open = False

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        """The rows of a statement that reads, or that is part of a transaction."""
        return await self._connection.fetch(sql, *values)

    async def row(self, sql: str, *values: Any) -> Any:
        """The first of them, or ``None``."""
        return await self._connection.fetchrow(sql, *values)

    async def write(self, sql: str, *values: Any) -> Any:
        """The first row of a statement that writes: a transaction of its own, unless one is open."""
        if self._open:
            return await self.row(sql, *values)
        crash_point("commit:before")
        found = await self.row(sql, *values)
        crash_point("commit:after")
        return found

    async def write_many(self, sql: str, *values: Any) -> list[Any]:
        """The same, with all of its rows."""
        crash_point("commit:before")
        found = await self.rows(sql, *values)
        crash_point("commit:after")
        return found

    async def transact(self, unit: "Unit[T]") -> T:
        """Run ``unit`` in one transaction, which is kept unless it raises."""
        await self._connection.execute(BEGIN)
        self._open = True
        try:
            result = await unit(self)
            crash_point("commit:before")
            await self._connection.execute("COMMIT")
            crash_point("commit:after")
        except Undone as undone:
            await self._connection.execute("ROLLBACK")
            answer: T = undone.answer
            return answer
        except BaseException:
            with suppress(*FAILURES):
                await self._connection.execute("ROLLBACK")
            raise
        finally:
            self._open = False
        return result

    async def apart(self, begin: str, unit: "Unit[T]") -> T:
        """Run ``unit``, which writes nothing, in a transaction that starts with ``begin``."""
        try:
            await self._connection.execute(begin)
            return await unit(self)
        finally:
            with suppress(*FAILURES):
                await self._connection.execute("ROLLBACK")


Unit = Callable[[Session], Awaitable[T]]


class Sessions:
    """All connections of this process. Units of work that lost a race are done again."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._writes: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def write(self, unit: Unit[T]) -> T:
        """Run ``unit``, each statement of which that writes is durable when it returns."""
        return await self._carried(unit)

    async def transact(self, unit: Unit[T]) -> T:
        """Run ``unit`` in one transaction, and return its result once that is durable."""
        return await self._carried(lambda session: session.transact(unit))

    async def read(self, unit: Unit[T]) -> T:
        """Run ``unit``, which writes nothing; once more where the connection had broken meanwhile."""
        self._refuse_if_closed()
        try:
            try:
                return await self._with_session(unit)
            except (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError, OSError):
                return await self._with_session(unit)
        except FAILURES as failure:
            raise not_read() from failure

    async def close(self) -> None:
        """Carry what is under way to its end, and let go."""
        self._closed = True
        while self._writes:
            await asyncio.wait(self._writes)
        try:
            await asyncio.wait_for(self._pool.close(), CLOSES_WITHIN.total_seconds())
        except FAILURES:
            self._pool.terminate()

    async def _carried(self, unit: Unit[T]) -> T:
        self._refuse_if_closed()
        task = asyncio.create_task(self._until_not_overtaken(unit))
        self._writes.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: "asyncio.Task[Any]") -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()  # it may be that nobody waits for it any more

    async def _until_not_overtaken(self, unit: Unit[T]) -> T:
        for _ in range(MOST_RACES):
            try:
                return await self._with_session(unit)
            except (Overtaken, *RACES):
                continue
            except FAILURES as failure:
                raise not_written() from failure
        raise not_written()

    async def _with_session(self, unit: Unit[T]) -> T:
        async with self._pool.acquire() as connection:
            return await unit(Session(connection))

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise JournalUnavailable("The journal is closed.")


async def leave_as_it_is(connection: Connection) -> None:
    """What asyncpg does with a connection that comes back: nothing, where nothing is left open.

    Its own way is a round trip after each use, to undo what no verb does.
    """
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
