"""The PostgreSQL store keeps every promise of a journal."""

from riel.testing.journal_contract import JournalPromises


class TestPostgres(JournalPromises):
    """Every promise of the suite."""
