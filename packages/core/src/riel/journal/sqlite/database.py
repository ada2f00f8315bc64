"""What every part of the SQLite journal is built on: the thread that writes, a connection that reads, and the MACs."""

import sqlite3
from collections.abc import Callable
from typing import Protocol, TypeVar

from riel.journal.row_mac import RowMac

T = TypeVar("T")


class TransactionQueue(Protocol):
    """Runs units of work on the database one after the other, and returns when each is durable."""

    async def write(self, unit: Callable[[sqlite3.Connection], T]) -> T: ...
    async def read(self, unit: Callable[[sqlite3.Connection], T]) -> T: ...
    async def close(self) -> None: ...


class SqliteDatabase:
    """The file of one journal.

    :param writer: commits what is written.
    :param reader: a connection of its own for rows that are read by key.
    :param mac: proves the rows.
    """

    def __init__(self, writer: TransactionQueue, reader: sqlite3.Connection, mac: RowMac) -> None:
        self._writer = writer
        self._reader = reader
        self._mac = mac

    async def _read_directly(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Read a row or two by key, which takes less than asking the thread; the thread waits where a lock is held."""
        try:
            return unit(self._reader)
        except sqlite3.Error:
            return await self._writer.read(unit)
