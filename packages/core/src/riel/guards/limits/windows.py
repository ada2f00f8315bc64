"""The windows of limits: days, months and hours of a time zone, and any sixty minutes.

A day is a calendar day of the zone. Where clocks change at midnight (America/Santiago), one day of the year starts at
01:00, and another has its last hour twice.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from riel.hours import first_instant_of

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
