"""The windows of limits: days, months and hours of a time zone, and any sixty minutes.

A day is a calendar day of the zone. Where clocks change at midnight (America/Santiago), one day of the year starts at
01:00, and another has its last hour twice.
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
    """The period of a payment: its ``start``, ``since`` when others count with it, and the ``end`` of all of it."""

    start: datetime
    since: datetime
    end: datetime


def day(now: datetime, zone: tzinfo) -> Window:
    """The calendar day of ``now``."""
    today = now.astimezone(zone).date()
    return _calendar(today, today + DAY, zone)


def month(now: datetime, zone: tzinfo) -> Window:
    """The calendar month of ``now``."""
    first = now.astimezone(zone).date().replace(day=1)
    return _calendar(first, (first + 31 * DAY).replace(day=1), zone)


def sixty_minutes(now: datetime) -> Window:
    """The sixty minutes before ``now``, and not the clock's hour.

    Counted in whole minutes, so that what was asked up to a minute earlier may count too: that way a look at it costs
    61 rows at most, however many payments there were.
    """
    begins = EPOCH + (now - EPOCH) // MINUTE * MINUTE
    return Window(start=begins, since=begins - HOUR, end=begins + HOUR + MINUTE)


def _calendar(first: date, after: date, zone: tzinfo) -> Window:
    begins = first_instant_of(datetime.combine(first, time()), zone)
    return Window(start=begins, since=begins, end=first_instant_of(datetime.combine(after, time()), zone))


def first_instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant at which a local clock shows ``wall``, or a later time if ``wall`` is skipped.

    :param wall: a naive local time; ``fold=1`` is its second occurrence where clocks are set back.
    """
    at = wall.replace(tzinfo=zone).astimezone(UTC)
    if _local_time(at, zone) == wall:
        return at
    early, late = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    seconds = range((late - early) // SECOND + 1)
    return early + bisect_left(seconds, wall, key=lambda n: _local_time(early + n * SECOND, zone)) * SECOND


def _local_time(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day in minutes since midnight, without ``end``; over midnight if ``end`` is before ``start``."""

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
        """``08:00-20:00``."""
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.start, self.end))

    def contains(self, now: datetime, zone: tzinfo) -> bool:
        """Whether the local time of ``now`` is in the span."""
        wall = now.astimezone(zone)
        minute = wall.hour * 60 + wall.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def next_opening(self, now: datetime, zone: tzinfo) -> datetime:
        """The next instant after ``now`` at which the span starts."""
        today = datetime.combine(now.astimezone(zone).date(), time(self.start // 60, self.start % 60))
        starts = [first_instant_of((today + n * DAY).replace(fold=fold), zone) for n in range(3) for fold in (0, 1)]
        return min(at for at in starts if at > now)
