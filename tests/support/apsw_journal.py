"""Python's ``sqlite3``, as far as the journal uses it, over apsw: there a test can stand between SQLite and the disk.

The journal's own SQL, its writer and its migrations run on it unchanged.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import apsw

from riel.journal.sqlite import SqliteJournal
from riel.journal.sqlite import connect as opening
from riel.journal.sqlite.owners import LockFileOwners
from riel.journal.sqlite.writer import Writer
from riel.testing.keys import ROW_MAC


class ApswRow(tuple[Any, ...]):  # noqa: SLOT001  # each statement makes a kind of its own, with its names
    """A row whose values have names as well as places."""

    names: list[str]

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(self.names.index(place) if isinstance(place, str) else place)

    def keys(self) -> list[str]:
        return self.names


class ApswResult:
    """What a statement brought, all of it: so it is over when the next one begins."""

    def __init__(self, rows: Iterable[ApswRow], lastrowid: int) -> None:
        self._rows = iter(rows)
        self.lastrowid = lastrowid

    def __iter__(self) -> Iterator[ApswRow]:
        return self._rows

    def fetchone(self) -> ApswRow | None:
        return next(self._rows, None)

    def fetchall(self) -> list[ApswRow]:
        return list(self._rows)


class ApswConnection:
    """One connection of apsw's that looks like one of Python's own, and fails like one."""

    def __init__(self, path: Path, vfs: str | None = None, *, busy: float = 0.2) -> None:
        self._db = self._translated(lambda: apsw.Connection(str(path), vfs=vfs))
        self._db.set_busy_timeout(int(busy * 1000))

    def execute(self, sql: str, values: Any = ()) -> ApswResult:
        return self._translated(lambda: self._run(sql, values))

    def executemany(self, sql: str, many: Iterable[Any]) -> None:
        for values in many:
            self.execute(sql, values)

    def _run(self, sql: str, values: Any) -> ApswResult:
        cursor = self._db.cursor()
        kind: Any = type("ApswRow", (ApswRow,), {"names": []})
        rows = []
        for found in cursor.execute(sql, values if isinstance(values, Mapping) else tuple(values)):
            kind.names = kind.names or [name for name, *_ in cursor.description_full]
            rows.append(kind(found))
        return ApswResult(rows, self._db.last_insert_rowid())

    @staticmethod
    def _translated(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except apsw.ConstraintError as failure:
            raise sqlite3.IntegrityError(str(failure)) from failure
        except (apsw.Error, OSError) as failure:
            raise sqlite3.OperationalError(str(failure)) from failure

    @property
    def in_transaction(self) -> bool:
        return bool(self._db.in_transaction)

    def close(self) -> None:
        self._db.close(True)


def opened(path: Path, vfs: str, pragmas: Mapping[str, str] = opening.PRAGMAS) -> ApswConnection:
    """The writer's connection as the journal opens it: the pragmas of ``opening``, or others, and its migrations."""
    db: Any = ApswConnection(path, vfs)
    for name, value in pragmas.items():
        db.execute(f"PRAGMA {name} = {value}")
        assert str(db.execute(f"PRAGMA {name}").fetchone()[0]) == value, f"{name} is not {value}"
    opening._migrate(db, path)
    return db


def journal_on(path: Path, vfs: str, pragmas: Mapping[str, str] = opening.PRAGMAS) -> SqliteJournal:
    """The real store with its real writer, whose file goes through ``vfs``."""
    connect: Any = lambda: opened(path, vfs, pragmas)  # noqa: E731
    writer = Writer(connect)
    writer.start()
    owners = LockFileOwners(path.with_name(path.name + ".owners"))
    owners.register()
    reader: Any = ApswConnection(path, vfs, busy=0)
    reader.execute("PRAGMA query_only = 1")
    return SqliteJournal(writer, owners, reader, ROW_MAC)
