"""A server that does not mind how many codes were never compared because somebody was killed while comparing them.

A real one counts each as a wrong one, so that a kill gives nobody a free guess: ten of them lock a principal out for an
hour.
"""

from functools import partial

from exact_clock import BACKOFF

from riel import app as host
from riel.journal import AttemptLimits
from riel.payments import Timing


def install() -> None:
    """Take effect in this process."""
    limits = AttemptLimits(per_challenge=1_000, per_window=1_000_000)
    host.Timing = partial(Timing, attempt_limits=limits, backoff=BACKOFF)  # type: ignore[misc]
