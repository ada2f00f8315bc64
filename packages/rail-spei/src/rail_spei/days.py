"""On which operating days STP can have an order or a payment, although its clock and ours differ by minutes.

It is money: STP refuses a key that it knows on the same operating day only, so to take an order for one of today that
STP has under yesterday, or not to find it there, is to pay it twice.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from rail_spei.calendar import Holidays, last_business_day, next_business_day, operating_date

CUTOFF_MARGIN = timedelta(minutes=5)
"""How far STP's clock and ours, and the way of an order to STP, may move it over the roll of the operating day."""

LOOK_BACK_DAYS = 5
"""Operating days besides the running one on which a received payment is looked for: STP is asked once for each."""


def operating_days_near(at: datetime, holidays: Holidays) -> tuple[date, date]:
    """The first and the last operating day that STP may have by its own clock when ours says ``at``."""
    return operating_date(at - CUTOFF_MARGIN, holidays), operating_date(at + CUTOFF_MARGIN, holidays)


def possible_days(own: date, made: datetime, now: datetime, holidays: Holidays) -> Iterator[date | None]:
    """The running day as STP has it, then each other day that an order can have come to, oldest first.

    :param own: the day that it was given. It counts itself among the first of a day, or the last, where it was ``made``
        around the roll; and what was slow on its way came to the day after.
    """
    first, (running, latest) = operating_days_near(made, holidays)[0], operating_days_near(now, holidays)
    yield None
    for day in sorted({first, own, next_business_day(own, holidays)}):
        if day <= latest and not day == running == latest:  # that one was asked for already
            yield day


def latest_days(now: datetime, holidays: Holidays) -> Iterator[date | None]:
    """The running day as STP has it, then the operating days before, latest first."""
    yield None
    running, latest = operating_days_near(now, holidays)
    day = last_business_day(latest, holidays) if running == latest else latest
    for _ in range(LOOK_BACK_DAYS):
        yield day
        day = last_business_day(day, holidays)
