"""The store for several machines: one PostgreSQL database, through asyncpg (``riel[postgres]``)."""

from riel.journal.postgres.store import PostgresJournal

__all__ = ["PostgresJournal"]
