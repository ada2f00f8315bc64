"""The SQLite store keeps every promise of a journal, and its own: to the file, its pragmas and its processes."""

import sqlite3
from pathlib import Path

import pytest

from riel.journal import Journal, open_journal
from riel.testing.journal_suite import JournalPromises


class SqliteFile:
    """One journal in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def open(self) -> Journal:
        return await open_journal(f"sqlite:///{self.path}")

    def tamper(self, *statements: str) -> None:
        db = sqlite3.connect(self.path, isolation_level=None)
        db.execute("PRAGMA foreign_keys = 0")
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            db.execute(statement)
        db.close()


@pytest.fixture
def store(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "journal.db")


class TestSqlite(JournalPromises):
    pass
