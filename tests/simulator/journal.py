"""The real journal on one database in memory, which every replica of a world shares.

Only its edges are pretend: when a unit of work is run (between the crash points that the real writer passes), answers
that get lost, and who knows which process lives.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from riel.crash_points import crash_point
from riel.errors import JournalUnavailable
from riel.journal.sqlite import connect as opening
from riel.journal.sqlite.store import SqliteJournal

from .loop import Killed, Process

if TYPE_CHECKING:
    from .world import World

T = TypeVar("T")

LEASE = 15.0
"""How many seconds a process may be silent before others call it dead, in worlds whose leases go by the clock."""
QUICK, SLOW = 0.01, 8.0
"""How long a unit of work waits for its turn, at most, in seconds: usually, and behind somebody's lock."""


@cache
def _memory(first: bool) -> sqlite3.Connection:
    """One that stays empty, and one that all worlds of this process use in turn: its statements stay compiled."""
    db = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
    for script in opening.migrations():
        db.executescript(script)
    for name, value in opening.PRAGMAS.items():
        db.execute(f"PRAGMA {name} = {value}")
    db.row_factory = sqlite3.Row
    return db


def empty_database() -> sqlite3.Connection:
    """The newest schema with the pragmas of a real one, and nothing in it."""
    db = _memory(first=False)
    if db.in_transaction:
        db.execute("ROLLBACK")
    _memory(first=True).backup(db)
    return db


class Turns:
    """Runs the units of one process in their order, whether or not who asked still listens."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self._process = process
        self._last = 0.0

    async def write(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await self._wait_for(unit, writes=True)

    async def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        if self._world.faults.calm and self._last < self._world.loop.time():  # it is next, and most look at nothing
            await asyncio.sleep(0)
            if self._process.dead:
                raise Killed
            return unit(self._world.db)
        return await self._wait_for(unit, writes=False)

    async def close(self) -> None:
        """The database belongs to the world."""

    async def _wait_for(self, unit: Callable[[sqlite3.Connection], Any], *, writes: bool) -> Any:
        if self._process.dead:
            raise Killed
        world = self._world
        fault = world.faults.journal()
        wait = world.random.random() * (SLOW if fault == "slow" else QUICK)
        self._last = max(self._last + 1e-6, world.loop.time() + wait)
        told = world.loop.create_future()
        world.loop.call_at(self._last, self._run, unit, writes, fault, told, context=self._process.context)
        return await told

    def _run(self, unit: Callable[[sqlite3.Connection], Any], writes: bool, fault: str, told: Any) -> None:
        result, error = None, None
        try:
            if self._process.dead:
                return
            if fault == "unavailable":
                raise JournalUnavailable("The journal could not be written.")
            result = self._commit(unit) if writes else unit(self._world.db)
            if fault == "answer lost":
                raise JournalUnavailable("The journal could not be written.")
        except Killed:
            return
        except Exception as failure:
            error = failure
        if told.done():
            return
        if error is None:
            told.set_result(result)
        else:
            told.set_exception(error)

    def _commit(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        db = self._world.db
        before = db.total_changes
        db.execute("BEGIN IMMEDIATE")
        try:
            result = unit(db)
            crash_point("commit:before")
            if self._process.dead:
                raise Killed
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        if db.total_changes != before:
            self._world.checks.after_commit(self._process)
        crash_point("commit:after")
        if self._process.dead:
            raise Killed
        return result


class Reader:
    """Reads what is committed; a dead process reads nothing, and sometimes somebody's lock is in the way."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self._process = process

    def execute(self, *query: Any) -> sqlite3.Cursor:
        if self._process.dead:
            raise Killed
        if self._world.faults.glance():
            raise sqlite3.OperationalError("database is locked")
        return self._world.db.execute(*query)

    def close(self) -> None:
        """The database belongs to the world."""


class Owners:
    """Who lives. Where leases go by the clock, a process that was stopped for long counts as dead while it is not."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self.me = process.name

    def dead(self, owner: str) -> bool:
        process = self._world.processes[owner]
        if process.dead or process.stopped_at is None or not self._world.leases_expire:
            return process.dead
        return self._world.loop.time() > process.stopped_at + LEASE

    def leave(self) -> None:
        """A process that ends is dead."""


def journal_of(world: "World", process: Process) -> SqliteJournal:
    """The handle of one process."""
    return SqliteJournal(Turns(world, process), Owners(world, process), Reader(world, process))  # type: ignore[arg-type]
