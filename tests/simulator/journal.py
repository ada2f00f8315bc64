"""The real journal on one database in memory, which every replica of a simulation shares.

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
from riel.journal.sqlite import connect
from riel.journal.sqlite.store import SqliteJournal
from riel.testing.keys import ROW_MAC

from .loop import ProcessKilled, SimProcess

if TYPE_CHECKING:
    from .simulation import Simulation

T = TypeVar("T")

LEASE = 15.0
"""How many seconds a process may be silent before others call it dead, in simulations whose leases go by the clock."""
QUICK, SLOW = 0.01, 8.0
"""How long a unit of work waits for its turn, at most, in seconds: usually, and behind somebody's lock."""


@cache
def _memory(first: bool) -> sqlite3.Connection:
    """One that stays empty, and one that all simulations of this process use in turn: its statements stay compiled."""
    db = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
    for script in connect.migrations():
        db.executescript(script)
    db.execute(f"PRAGMA user_version = {connect.schema_version()}")
    for name, value in connect.PRAGMAS.items():
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


def empty_copy() -> sqlite3.Connection:
    """A database for a copy of the journal."""
    return sqlite3.connect(":memory:", isolation_level=None)


class SimWriter:
    """Runs the units of one process in their order, whether or not who asked still listens."""

    def __init__(self, simulation: "Simulation", process: SimProcess) -> None:
        self._simulation = simulation
        self._process = process
        self._last = 0.0

    async def write(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await self._wait_for(unit, writes=True)

    async def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        if (
            self._simulation.faults.calm and self._last < self._simulation.loop.time()
        ):  # it is next, and most look at nothing
            await asyncio.sleep(0)
            if self._process.dead:
                raise ProcessKilled
            return unit(self._simulation.db)
        return await self._wait_for(unit, writes=False)

    async def close(self) -> None:
        """The database belongs to the simulation."""

    async def _wait_for(self, unit: Callable[[sqlite3.Connection], Any], *, writes: bool) -> Any:
        if self._process.dead:
            raise ProcessKilled
        simulation = self._simulation
        fault = simulation.faults.journal_fault()
        wait = simulation.random.random() * (SLOW if fault == "slow" else QUICK)
        self._last = max(self._last + 1e-6, simulation.loop.time() + wait)
        answer = simulation.loop.create_future()
        simulation.loop.call_at(self._last, self._run, unit, writes, fault, answer, context=self._process.context)
        return await answer

    def _run(self, unit: Callable[[sqlite3.Connection], Any], writes: bool, fault: str, answer: Any) -> None:
        result, error = None, None
        try:
            if self._process.dead:
                return
            if fault == "unavailable":
                raise JournalUnavailable("The journal could not be written.")
            result = self._commit(unit) if writes else unit(self._simulation.db)
            if fault == "answer lost":
                raise JournalUnavailable("The journal could not be written.")
        except ProcessKilled:
            return
        except Exception as failure:
            error = failure
        if answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    def _commit(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        db = self._simulation.db
        before = db.total_changes
        db.execute("BEGIN IMMEDIATE")
        try:
            result = unit(db)
            crash_point("commit:before")
            if self._process.dead:
                raise ProcessKilled
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        if db.total_changes != before:
            self._simulation.checks.after_commit(self._process)
        crash_point("commit:after")
        if self._process.dead:
            raise ProcessKilled
        return result


class SimReader:
    """Reads what is committed; a dead process reads nothing, and sometimes somebody's lock is in the way."""

    def __init__(self, simulation: "Simulation", process: SimProcess) -> None:
        self._simulation = simulation
        self._process = process

    def execute(self, *query: Any) -> sqlite3.Cursor:
        if self._process.dead:
            raise ProcessKilled
        if self._simulation.faults.locks_read():
            raise sqlite3.OperationalError("database is locked")
        return self._simulation.db.execute(*query)

    def close(self) -> None:
        """The database belongs to the simulation."""


class SimOwners:
    """Who lives. Where leases go by the clock, a process that was stopped for long counts as dead while it is not."""

    def __init__(self, simulation: "Simulation", process: SimProcess) -> None:
        self._simulation = simulation
        self.me = process.name

    def is_dead(self, owner: str) -> bool:
        process = self._simulation.processes[owner]
        if process.dead or process.stopped_at is None or not self._simulation.leases_expire:
            return process.dead
        return self._simulation.loop.time() > process.stopped_at + LEASE

    def unregister(self) -> None:
        """A process that ends is dead."""


def journal_of(simulation: "Simulation", process: SimProcess) -> SqliteJournal:
    """The handle of one process."""
    reader: Any = SimReader(simulation, process)
    return SqliteJournal(SimWriter(simulation, process), SimOwners(simulation, process), reader, ROW_MAC)
