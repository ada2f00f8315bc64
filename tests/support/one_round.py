"""A server that makes its first round and no other: what happens in it afterwards, a call has caused.

Which crash points a story passes is then the same in every run, whatever else the machine does.
"""

from datetime import timedelta
from functools import partial

from riel import host
from riel.teller import Pace, Patience


def install() -> None:
    """Take effect in this process."""
    patience = Patience(first=timedelta(milliseconds=50), most=timedelta(seconds=1))
    host.Pace = partial(  # type: ignore[misc]
        Pace, look_every=timedelta(milliseconds=100), rounds_every=timedelta(days=1), patience=patience
    )
