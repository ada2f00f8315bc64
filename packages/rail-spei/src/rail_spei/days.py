"""The operating days on which STP may have booked an order, although a clock or a list of holidays is wrong.

A mistake here pays twice: STP refuses a key that it knows on the same operating day only, so an order that STP booked
on a day that nobody asks for would be sent and booked again. Two beliefs decide which day an order has: the time, and
the list of holidays. So neither is used as its own check. Each weekday counts as a possible operating day and its 18:00
as a possible cut-off, whatever the list says, and the days beside those that we believe are asked for as well.
"""

from datetime import date, datetime, timedelta

from rail_spei.calendar import (
    DAY,
    MEXICO_CITY,
    Holidays,
    cutoff_of,
    is_weekday,
    last_business_day,
    next_business_day,
    operating_date,
    weekday_cutoff_after,
)

CUTOFF_MARGIN = timedelta(minutes=5)
"""How much the difference of the clocks and the time in transit may move an order across the cut-off."""

RETURN_MARGIN = timedelta(minutes=10)
"""How long a return must be able to go again, at least, when it is made."""

LATEST_BOOKING = timedelta(days=10)
"""How long after its creation STP may book an order: a resend after a weekend, a day in transit, and holidays."""

LOOK_BACK_DAYS = 5
"""Operating days before the running one on which a received payment is looked up, with one query for each."""


def resend_until(created_at: datetime) -> datetime:
    """Until when a copy of an order certainly belongs to its operating day: the next weekday's 18:00, less the margin.

    The time has passed already where the order was created around a cut-off.
    """
    return weekday_cutoff_after(created_at - CUTOFF_MARGIN) - CUTOFF_MARGIN


def may_return(now: datetime) -> bool:
    """Whether a return may be made: STP takes it now, or a copy of it later on the same operating day.

    A return has one reference for ever. Where STP refuses it around the cut-off, since it takes no orders in its
    maintenance, it could neither be sent again nor be asked for again.
    """
    return resend_until(now) - now > RETURN_MARGIN


def absent_after(created_at: datetime, holidays: Holidays) -> datetime:
    """When the operating day of an order has ended, also where a computed holiday that the settings remove is one."""
    latest = operating_date(created_at + CUTOFF_MARGIN, holidays.longest)
    return cutoff_of(latest, holidays.longest) + CUTOFF_MARGIN


def begun_day(now: datetime, holidays: Holidays) -> date:
    """The operating day that has begun when our clock shows ``now``, also where it is ahead by the margin."""
    return operating_date(now - CUTOFF_MARGIN, holidays)


def possible_days(own: date, created_at: datetime, now: datetime, holidays: Holidays) -> list[date | None]:
    """The days on which STP may have booked an order, the likeliest first; ``None``, the day that STP itself holds to
    be the running one, comes last.

    They are the order's own day with the business day before and after it, the calendar date of its creation with the
    dates beside it, and each weekday from then until tomorrow.

    :param own: the order's operating day by our clock and our list, or the one that STP told.
    """
    made, today = (at.astimezone(MEXICO_CITY).date() for at in (created_at, now))
    days = [own, next_business_day(own, holidays), last_business_day(own, holidays), made, made + DAY, made - DAY]
    since = made
    while since <= min(today + DAY, made + LATEST_BOOKING):
        if is_weekday(since):
            days.append(since)
        since += DAY
    return [*dict.fromkeys(days), None]


def latest_days(now: datetime, holidays: Holidays) -> list[date | None]:
    """The running day (``None``), then the weekdays from the latest that may have begun, latest first.

    They reach back ``LOOK_BACK_DAYS`` business days.
    """
    last = operating_date(now + CUTOFF_MARGIN, holidays)
    first = last
    for _ in range(LOOK_BACK_DAYS):
        first = last_business_day(first, holidays)
    dates = [last - DAY * passed for passed in range((last - first).days + 1)]
    return [None, *filter(is_weekday, dates)]
