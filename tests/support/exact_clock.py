"""A server that leaves one second for the difference of clocks: those of one test share the clock of this machine."""

from datetime import timedelta
from functools import partial

from riel import app
from riel.payments import Backoff, Timing

BACKOFF = Backoff(margin=timedelta(seconds=1))


def install() -> None:
    """Take effect in this process."""
    app.Timing = partial(Timing, backoff=BACKOFF)  # type: ignore[misc]
