"""Bound the time of code that does not wait, such as a rail's validators.

An interval timer interrupts the main thread, also in the middle of a regular expression. A thread of its own would not
help there: the interpreter's lock is held during a match, so that every other thread stands still until it ends.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

REPEAT = 1.0
"""The seconds after which code that ignored the interruption is interrupted again."""


class TimeLimitExceeded(Exception):
    """The code took longer than its time. Its cause shows where it was interrupted."""


class _Interruption(BaseException):
    """Ends the code; no ``except Exception`` of it holds this up."""


@contextmanager
def time_limit(within: timedelta) -> Iterator[None]:
    """Run the block for ``within`` at most.

    Off the main thread, within another limit, and on Windows, nothing can be interrupted: there the block runs to its
    end, and the time is measured.

    :raises TimeLimitExceeded: it took longer.
    """
    if not _can_interrupt():
        began = time.monotonic()
        yield
        if time.monotonic() - began > within.total_seconds():
            raise TimeLimitExceeded
        return
    active = True

    def interrupt(number: int, frame: FrameType | None) -> None:
        if active:
            raise _Interruption

    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, within.total_seconds(), REPEAT)
        yield
        active = False
    except _Interruption as interruption:
        active = False
        raise TimeLimitExceeded from interruption
    finally:
        active = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former or signal.SIG_DFL)


def _can_interrupt() -> bool:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
