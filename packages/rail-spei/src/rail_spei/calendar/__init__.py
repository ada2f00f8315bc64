"""The operating day that a payment belongs to, which begins at 18:00 of the business day before.

SPEI runs around the clock, and its day is one of accounting. The day decides about money all the same: STP refuses a
second order of one key on the same operating day only, and books it on the next. So nothing here depends on the
machine: the rules of the time zone come from a package, and not from a system whose rules may be from before 2022, when
Mexico gave up daylight saving.
"""

from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

from rail_spei.calendar.holidays import Holidays

__all__ = [
    "CUTOFF",
    "DAY",
    "MEXICO_CITY",
    "Holidays",
    "cutoff_of",
    "is_business_day",
    "is_weekday",
    "last_business_day",
    "next_business_day",
    "operating_date",
    "weekday_cutoff_after",
]


def _mexico_city() -> ZoneInfo:
    with files("tzdata.zoneinfo.America").joinpath("Mexico_City").open("rb") as rules:
        return ZoneInfo.from_file(rules, key="America/Mexico_City")


MEXICO_CITY = _mexico_city()
CUTOFF = time(18)
DAY = timedelta(days=1)


def is_weekday(day: date) -> bool:
    """Whether ``day`` is a Monday to Friday, holiday or not."""
    return day.weekday() < 5


def is_business_day(day: date, holidays: Holidays) -> bool:
    """Whether banks work on ``day``: Monday to Friday, and no holiday of theirs."""
    return is_weekday(day) and day not in holidays


def next_business_day(day: date, holidays: Holidays) -> date:
    """The first business day after ``day``."""
    return _business_day_from(day + DAY, holidays)


def last_business_day(day: date, holidays: Holidays) -> date:
    """The last business day before ``day``."""
    day -= DAY
    while not is_business_day(day, holidays):
        day -= DAY
    return day


def operating_date(at: datetime, holidays: Holidays) -> date:
    """The operating day of an order that STP receives at ``at``.

    :raises ValueError: ``at`` has no time zone, so it names no instant.
    """
    if at.utcoffset() is None:
        raise ValueError("this time has no time zone: the operating day is one of an instant")
    local = at.astimezone(MEXICO_CITY)
    day = local.date()
    return _business_day_from(day + DAY if local.time() >= CUTOFF else day, holidays)


def weekday_cutoff_after(at: datetime) -> datetime:
    """The first instant after ``at``, in UTC, at which an operating day may end: 18:00 of a weekday, holiday or not."""
    day = at.astimezone(MEXICO_CITY).date()
    while not is_weekday(day) or _cutoff(day) <= at:
        day += DAY
    return _cutoff(day)


def cutoff_of(day: date, holidays: Holidays) -> datetime:
    """The first instant, in UTC, that no longer belongs to the operating day ``day``: 18:00 in Mexico City.

    Only business days are operating days. An order may have another day, where the list of holidays has changed since:
    STP books it on the next business day, so the cut-off is that of the next one.
    """
    return _cutoff(_business_day_from(day, holidays))


def _cutoff(day: date) -> datetime:
    return datetime.combine(day, CUTOFF, MEXICO_CITY).astimezone(UTC)


def _business_day_from(day: date, holidays: Holidays) -> date:
    while not is_business_day(day, holidays):
        day += DAY
    return day
