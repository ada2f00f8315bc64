"""A server that makes its first round and no other: what happens in it afterwards, a call has caused.

Which crash points a story passes is then the same in every run, whatever else the machine does.
"""

from datetime import timedelta
from functools import partial

from riel import app
from riel.payments import Backoff, Timing


def install() -> None:
    """Take effect in this process."""
    backoff = Backoff(
        first=timedelta(milliseconds=50),
        longest=timedelta(seconds=1),
        watch=(timedelta(seconds=1),),
        margin=timedelta(0),
    )
    app.Timing = partial(  # type: ignore[misc]
        Timing, poll_interval=timedelta(milliseconds=100), recovery_interval=timedelta(days=1), backoff=backoff
    )
