"""STP's clock against ours, by the ``Date`` of its answers, which every recorded answer of STP has."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from riel import NothingLearned

CLOCK_LIMIT = timedelta(minutes=1)
"""How far the two clocks may be apart before an answer that finds nothing proves nothing."""

RESOLUTION = timedelta(seconds=1)
"""``Date`` has whole seconds, with the fraction cut off."""


class ClocksDiffer(NothingLearned):
    """STP's clock and ours differ, or its answer does not tell its time, so its "not found" proves nothing."""


def clock_difference(dates: Sequence[str], before: datetime, after: datetime) -> timedelta | None:
    """How far STP's clock is at least ahead of ours (negative: behind); ``None`` where there is not exactly one time.

    :param dates: each ``Date`` of an answer to a request that left at ``before`` and was answered by ``after``.
    """
    try:
        (date,) = dates
        there = parsedate_to_datetime(date)
    except ValueError:
        return None
    if there.utcoffset() is None:
        return None
    there = there.astimezone(UTC)
    return max(there - after, timedelta(0)) + min(there + RESOLUTION - before, timedelta(0))


def require_same_time(difference: timedelta | None) -> None:
    """Return where the clocks agree.

    :raises ClocksDiffer: they do not, or nobody knows.
    """
    if difference is None:
        raise ClocksDiffer("STP found nothing, and its answer does not tell its time: that proves nothing")
    if abs(difference) > CLOCK_LIMIT:
        seconds, side = abs(difference).total_seconds(), "behind" if difference > timedelta(0) else "ahead of"
        raise ClocksDiffer(
            f"STP found nothing, and this machine's clock is {seconds:.0f} s {side} STP's: that proves nothing"
        )
