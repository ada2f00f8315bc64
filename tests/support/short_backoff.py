"""A server that looks again after a moment, and not after a second: for rails whose payments settle later."""

from datetime import timedelta
from functools import partial

from riel import app as host
from riel.payments import Backoff, Timing


def install() -> None:
    """Take effect in this process."""
    patience = Backoff(
        first=timedelta(milliseconds=50),
        longest=timedelta(seconds=1),
        watch=(timedelta(seconds=1),),
        margin=timedelta(0),
    )
    host.Timing = partial(Timing, poll_interval=timedelta(milliseconds=100), backoff=patience)  # type: ignore[misc]
