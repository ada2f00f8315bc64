"""A server that waits for half a second, and not for half a minute, where another one holds the journal's file."""

from datetime import timedelta

from riel.journal.sqlite import connect as opening


def install() -> None:
    """Take effect in this process."""
    opening.BUSY_TIMEOUT = timedelta(seconds=0.5)
