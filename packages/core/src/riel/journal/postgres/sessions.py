"""Sessions with the database. Every write runs to its end, even where its caller stops waiting.

asyncpg turns the cancellation of a task into a request to cancel the statement, and nobody could tell whether a commit
that was cancelled is durable. So each unit of work is a task of ours for which the caller merely waits, and not for
ever: a database that is stopped must not stop us. What nobody waits for any more goes on, and is written if it can be.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import asyncpg

from riel.crash_points import crash_point
from riel.errors import JournalUnavailable
from riel.journal.errors import read_failed, write_failed, write_pending
from riel.journal.postgres.pool import BROKEN, ConnectionPool

T = TypeVar("T")

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
RACES = (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Errors after which the statement is certainly undone, since another transaction was first: it is repeated."""

MAX_RACES = 200
MAX_BROKEN = 3
ANSWER_TIMEOUT = timedelta(seconds=10)
"""How long a caller waits for the database."""
CLOSE_TIMEOUT = timedelta(seconds=10)
BEGIN = "BEGIN; LOCK TABLE events IN ROW EXCLUSIVE MODE"
"""An anchor waits for transactions that write events. The table is locked before any row, to avoid a deadlock."""
BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class LostRace(Exception):
    """Another transaction was first: the unit of work is repeated."""


class Rollback(Exception):
    """Nothing of this transaction is to be kept; ``answer`` says why."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


class Connection(Protocol):
    """A connection of asyncpg, as far as we use it."""

    async def execute(self, query: str, *args: Any) -> str: ...
    async def fetch(self, query: str, *args: Any) -> list[Any]: ...
    async def fetchrow(self, query: str, *args: Any) -> Any: ...


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
        except Rollback as undone:
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

    async def read_in_transaction(self, begin: str, unit: "Unit[T]") -> T:
        """Run ``unit``, which writes nothing, in a transaction that starts with ``begin``."""
        try:
            await self._connection.execute(begin)
            return await unit(self)
        finally:
            with suppress(*FAILURES):
                await self._connection.execute("ROLLBACK")


Unit = Callable[[Session], Awaitable[T]]


class Sessions:
    """All connections of this process. Units of work that lost a race are done again.

    :param answers_within: how long a caller waits.
    """

    def __init__(self, pool: ConnectionPool, answers_within: timedelta = ANSWER_TIMEOUT) -> None:
        self._pool = pool
        self._answers_within = answers_within
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def write(self, unit: Unit[T]) -> T:
        """Run ``unit``, each statement of which that writes is durable when it returns."""
        return await self._run(self._retry_races(unit), write_pending)

    async def transact(self, unit: Unit[T]) -> T:
        """Run ``unit`` in one transaction, and return its result once that is durable."""
        return await self.write(lambda session: session.transact(unit))

    async def read(self, unit: Unit[T], *, however_long: bool = False) -> T:
        """Run ``unit``, which writes nothing; once more where the connection had broken meanwhile."""
        return await self._run(self._read(unit), read_failed, however_long=however_long)

    async def _read(self, unit: Unit[T], broken: int = 0) -> T:
        try:
            return await self._with_session(unit)
        except FAILURES as failure:
            if isinstance(failure, BROKEN) and broken < MAX_BROKEN:
                return await self._read(unit, broken + 1)
            raise read_failed() from failure

    async def close(self) -> None:
        """Carry what is under way to its end, if the database lets us, and let go."""
        self._closed = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSE_TIMEOUT.total_seconds())
        try:
            with suppress(*FAILURES):
                await wait_at_most(CLOSE_TIMEOUT, self._pool.close())
        finally:
            self._pool.terminate()

    async def _run(
        self, work: Coroutine[Any, Any, T], unavailable: Callable[[], JournalUnavailable], *, however_long: bool = False
    ) -> T:
        if self._closed:
            work.close()
            raise JournalUnavailable("the journal is closed")
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._on_done)
        done, _ = await asyncio.wait({task}, timeout=None if however_long else self._answers_within.total_seconds())
        if not done:
            raise unavailable()
        return task.result()

    def _on_done(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # it may be that nobody waits for it any more

    async def _retry_races(self, unit: Unit[T]) -> T:
        """Run ``unit``, which writes.

        :raises JournalUnavailable: it failed. Where the server did not say so itself, it may carry it out yet: a
            statement that waits for a lock, or for a standby, knows nothing of a connection that broke.
        """
        begun = False

        async def begin(session: Session) -> T:
            nonlocal begun
            begun = True
            return await unit(session)

        for _ in range(MAX_RACES):
            try:
                return await self._with_session(begin)
            except (LostRace, *RACES):
                continue
            except FAILURES as failure:
                raise (write_pending() if begun and not _is_refusal(failure) else write_failed()) from failure
        raise write_failed()

    async def _with_session(self, unit: Unit[T]) -> T:
        async with self._pool.connection() as connection:
            return await unit(Session(connection))


def _is_refusal(failure: Exception) -> bool:
    """Whether the server says of a statement that it failed, and lives on: then it has undone it."""
    return isinstance(failure, asyncpg.PostgresError) and not isinstance(failure, BROKEN)


async def wait_at_most(patience: timedelta, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns. It is left to itself after that long: cancelled, asyncpg would ask the server to stop it.

    :raises TimeoutError: it took longer.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda over: over.cancelled() or over.exception())
    done, _ = await asyncio.wait({task}, timeout=patience.total_seconds())
    if not done:
        raise TimeoutError
    return task.result()
