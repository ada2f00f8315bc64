"""The default store: one SQLite file, through the standard library."""

from riel.journal.sqlite.store import SqliteJournal

__all__ = ["SqliteJournal"]
