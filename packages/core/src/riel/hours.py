"""Hours of the day in a time zone, by the rules of the package tzdata: limits and the policy are written in them."""

import re
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from importlib.resources import files
from typing import Self
from zoneinfo import ZoneInfo

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)
ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


def read_zone(name: object) -> ZoneInfo:
    """The time zone by the rules of the package tzdata, and not of a system that has none, or those of years ago.

    :raises ValueError: there is none of that name.
    """
    if isinstance(name, str) and ZONE_NAME.fullmatch(name):
        with suppress(OSError, ValueError), files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=name)
    raise ValueError('is no time zone: write one of the IANA database, such as "America/Mexico_City"')


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
