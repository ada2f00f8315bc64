"""One thread that owns the connection and commits whatever waits in one go.

A unit of work that fails takes nothing with it, and each caller hears of its result only after the commit has returned.
A commit is never cancelled: a caller that goes away just stops listening.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from riel.crash_points import crash_point
from riel.errors import JournalUnavailable
from riel.journal.errors import read_failed, write_failed

log = logging.getLogger(__name__)

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], Any]

MAX_BATCH = 256

FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""How a database fails. Where a file is damaged, its complaint may quote bytes that are no text."""


class _QueuedUnit:
    """A unit of work and who waits for it."""

    __slots__ = ("error", "future", "loop", "reads", "result", "unit")

    def __init__(self, unit: Unit, reads: bool) -> None:
        self.unit = unit
        self.reads = reads
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        self.result = self.error = None
        try:
            self.result = self.unit(connection)
        except FAILURES as failure:
            self.error = _unavailable(failure, reads=self.reads)
        except Exception as failure:
            self.error = failure

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def _unavailable(failure: Exception, *, reads: bool) -> JournalUnavailable:
    unavailable = read_failed() if reads else write_failed()
    unavailable.__cause__ = failure
    return unavailable


class Writer:
    """The only one who touches the database file of this process."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._queue: queue.SimpleQueue[_QueuedUnit | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="riel-journal", daemon=True)
        self._opened = threading.Event()
        self._broken: BaseException | None = None
        self._failures: set[str] = set()
        self._closed = False

    def start(self) -> None:
        """Open the database; raises whatever ``connect`` raised."""
        self._thread.start()
        self._opened.wait()
        if self._broken is not None:
            raise self._broken

    async def write(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``unit`` in a transaction and return its result once that is durable."""
        return await self._submit(unit, reads=False)

    async def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``unit``, which writes nothing."""
        return await self._submit(unit, reads=True)

    async def _submit(self, unit: Callable[[sqlite3.Connection], T], *, reads: bool) -> T:
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        waiting = _QueuedUnit(unit, reads)
        self._queue.put(waiting)
        result: T = await waiting.future
        return result

    async def close(self) -> None:
        """Commit what waits, then let go of the database."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        try:
            connection = self._connect()
        except BaseException as failure:
            self._broken = failure
            return
        finally:
            self._opened.set()
        last = False
        while not last:
            batch: list[_QueuedUnit] = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == MAX_BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            last = item is None
            if batch:
                self._commit(connection, batch)
                self._notify(batch)
        connection.close()

    def _commit(self, connection: sqlite3.Connection, batch: list[_QueuedUnit]) -> None:
        """Commit the batch in one go; where a unit fails, once more with each unit in a savepoint of its own."""
        reads = all(waiting.reads for waiting in batch)
        try:
            if not self._attempt(connection, batch, reads=reads, apart=False):
                self._attempt(connection, batch, reads=reads, apart=True)
            failed = [waiting.error for waiting in batch if isinstance(waiting.error, JournalUnavailable)]
            for error in failed:
                self._report(error)
            if not failed and not reads:
                self._failures.clear()
        except Exception as failure:  # whatever it is: this thread must live, or every later caller waits for ever
            self._report(failure)
            with suppress(*FAILURES):
                connection.execute("ROLLBACK")
            for waiting in batch:
                waiting.error = _unavailable(failure, reads=waiting.reads)

    def _report(self, failure: BaseException) -> None:
        """Log why the journal fails, once for each kind of failure until something is written again."""
        cause = failure
        while cause.__cause__ is not None:
            cause = cause.__cause__
        kind = getattr(cause, "sqlite_errorname", type(cause).__name__)
        if kind not in self._failures:
            self._failures.add(kind)
            why = "no space is left on the disk (ENOSPC)" if kind == "SQLITE_FULL" else f"{cause} ({kind})"
            log.error("the journal fails: %s", why)

    @staticmethod
    def _attempt(connection: sqlite3.Connection, batch: list[_QueuedUnit], *, reads: bool, apart: bool) -> bool:
        """Whether the batch was committed. Savepoints are two more statements for each unit, so they come second."""
        connection.execute("BEGIN" if reads else "BEGIN IMMEDIATE")
        for waiting in batch:
            alone = apart and not waiting.reads
            if alone:
                connection.execute("SAVEPOINT unit")
            waiting.run(connection)
            if waiting.error is not None and not waiting.reads:
                if not connection.in_transaction:
                    raise sqlite3.OperationalError("the database ended the transaction") from waiting.error
                if not apart:
                    connection.execute("ROLLBACK")
                    return False
                connection.execute("ROLLBACK TO unit")
            if alone:
                connection.execute("RELEASE unit")
        if not reads:
            crash_point("commit:before")
        connection.execute("COMMIT")
        if not reads:
            crash_point("commit:after")
        return True

    @staticmethod
    def _notify(batch: list[_QueuedUnit]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_QueuedUnit]] = {}
        for waiting in batch:
            by_loop.setdefault(waiting.loop, []).append(waiting)
        for loop, group in by_loop.items():
            try:
                loop.call_soon_threadsafe(_settle_all, group)
            except RuntimeError:  # the loop was closed: nobody listens any more, and what is written stays written
                continue


def _settle_all(group: list[_QueuedUnit]) -> None:
    for waiting in group:
        waiting.settle()
