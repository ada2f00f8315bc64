"""A server that looks again after a moment, and not after a second: for rails whose payments settle later."""

from datetime import timedelta
from functools import partial

from riel import app as host
from riel.payments import Pace, Patience


def install() -> None:
    """Take effect in this process."""
    patience = Patience(first=timedelta(milliseconds=50), most=timedelta(seconds=1))
    host.Pace = partial(Pace, look_every=timedelta(milliseconds=100), patience=patience)  # type: ignore[misc]
