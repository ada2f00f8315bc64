"""Days, months and hours of a declared time zone, and any sixty minutes: since when something counts, and until when.

A day is what the calendar on the wall says. Where clocks change at midnight (America/Santiago), one day of the year
begins at 01:00, and another has its last hour twice.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Self

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The period that a payment counts in (``begins``), the oldest that counts with it, and when none of it does."""

    begins: datetime
    since: datetime
    ends: datetime


def day(now: datetime, zone: tzinfo) -> Window:
    """The day on the wall."""
    today = now.astimezone(zone).date()
    return _calendar(today, today + DAY, zone)


def month(now: datetime, zone: tzinfo) -> Window:
    """The month on the wall."""
    first = now.astimezone(zone).date().replace(day=1)
    return _calendar(first, (first + 31 * DAY).replace(day=1), zone)


def sixty_minutes(now: datetime) -> Window:
    """The sixty minutes before ``now``, and not the clock's hour.

    Counted in whole minutes, so that what was asked up to a minute earlier may count too: that way a look at it costs
    61 rows at most, however many payments there were.
    """
    begins = EPOCH + (now - EPOCH) // MINUTE * MINUTE
    return Window(begins=begins, since=begins - HOUR, ends=begins + HOUR + MINUTE)


def _calendar(first: date, after: date, zone: tzinfo) -> Window:
    begins = arrives(datetime.combine(first, time()), zone)
    return Window(begins=begins, since=begins, ends=arrives(datetime.combine(after, time()), zone))


def arrives(wall: datetime, zone: tzinfo) -> datetime:
    """The first moment at which a clock on the wall shows ``wall``, or, where that time is skipped, later than it.

    :param wall: a naive time; with ``fold=1`` its second coming, where clocks are set back.
    """
    at = wall.replace(tzinfo=zone).astimezone(UTC)
    if _on_the_wall(at, zone) == wall:
        return at
    early, late = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    seconds = range((late - early) // SECOND + 1)
    return early + bisect_left(seconds, wall, key=lambda n: _on_the_wall(early + n * SECOND, zone)) * SECOND


def _on_the_wall(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day in minutes since midnight, ``end`` not in it; over midnight where it ends before it begins."""

    start: int
    end: int

    @classmethod
    def read(cls, text: object) -> Self:
        """``08:00-20:00``.

        :raises ValueError: it is no such span.
        """
        span = SPAN.fullmatch(text) if isinstance(text, str) else None
        if span is None:
            raise ValueError('must be a span of local time: "08:00-20:00", or "22:00-06:00" over midnight')
        start, end = int(span[1]) * 60 + int(span[2]), 24 * 60 if span[3] is None else int(span[3]) * 60 + int(span[4])
        if start == end:
            raise ValueError("begins when it ends: write 00:00-24:00 for the whole day")
        return cls(start, end)

    def __str__(self) -> str:
        """As it is written."""
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.start, self.end))

    def open(self, now: datetime, zone: tzinfo) -> bool:
        """Whether the clock on the wall is in it."""
        wall = now.astimezone(zone)
        minute = wall.hour * 60 + wall.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def opens(self, now: datetime, zone: tzinfo) -> datetime:
        """The next moment, after a closed ``now``, at which it begins."""
        today = datetime.combine(now.astimezone(zone).date(), time(self.start // 60, self.start % 60))
        comings = [arrives((today + n * DAY).replace(fold=fold), zone) for n in range(3) for fold in (0, 1)]
        return min(at for at in comings if at > now)
