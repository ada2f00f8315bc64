"""Errors of a journal that does not answer, the same for every store."""

from riel.errors import Code, JournalUnavailable


def write_failed() -> JournalUnavailable:
    """A write failed. Whether it was kept is for the next read to tell."""
    return JournalUnavailable()


def write_pending() -> JournalUnavailable:
    """A write was not answered, and may be kept yet: a read that does not find it proves nothing."""
    return JournalUnavailable("the write was not answered, and may still be done", code=Code.JOURNAL_UNCERTAIN)


def read_failed() -> JournalUnavailable:
    """A read failed, which changes nothing."""
    return JournalUnavailable(code=Code.JOURNAL_UNREADABLE)


def schema_changed() -> JournalUnavailable:
    """A newer riel has brought the journal up to date: this process may write nothing more."""
    return JournalUnavailable("a newer riel has changed the journal's tables: restart this server with that version")
