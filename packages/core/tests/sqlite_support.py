"""A journal in a file, as the suite of the promises and an intruder reach it."""

import sqlite3
from pathlib import Path

from riel.journal import Journal
from riel.journal.open import open_journal
from riel.journal.row_mac import RowMac
from riel.testing.keys import SERVER_KEYS


class SqliteFile:
    """One journal in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def open(self) -> Journal:
        return await open_journal(f"sqlite:///{self.path}", RowMac(SERVER_KEYS))

    def tamper(self, *statements: str) -> None:
        db = sqlite3.connect(self.path, isolation_level=None)
        db.execute("PRAGMA foreign_keys = 0")
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)
        for _, sql in triggers:
            db.execute(sql)
        db.close()
