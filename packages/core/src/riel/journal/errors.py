"""What is said of a journal that does not answer: the same words, whatever it is stored in."""

from riel.errors import JournalUnavailable


def not_written() -> JournalUnavailable:
    """A write failed. Whether it was kept is for the next read to tell."""
    return JournalUnavailable("The journal could not be written.")


def late() -> JournalUnavailable:
    """A write is under way still, and may be kept yet: a read that does not find it proves nothing."""
    again = (
        "Repeat exactly this call with the same code: it is paid once at most. Pay in no other way before it answers."
    )
    return JournalUnavailable("The journal could not be written in time, and may write it yet.", next_action=again)


def not_read() -> JournalUnavailable:
    """A read failed, which changes nothing."""
    again = "This changed nothing. Call again in a moment, and pay nothing anew before it answers."
    return JournalUnavailable("The journal could not be read.", next_action=again)
