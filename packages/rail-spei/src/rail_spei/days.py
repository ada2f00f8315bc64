"""The operating days on which STP may have booked an order or a payment, although its clock and ours differ by minutes.

A mistake here pays twice: STP refuses a key that it knows on the same operating day only, so an order that STP booked
yesterday, and that we look up today only, would be sent and booked again.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from rail_spei.calendar import Holidays, last_business_day, next_business_day, operating_date

CUTOFF_MARGIN = timedelta(minutes=5)
"""How much the difference of the clocks and the time in transit may move an order across the cut-off."""

LOOK_BACK_DAYS = 5
"""Operating days before the running one on which a received payment is looked up, with one query for each."""


def operating_days_near(at: datetime, holidays: Holidays) -> tuple[date, date]:
    """The first and the last operating day that STP's clock may show when ours shows ``at``."""
    return operating_date(at - CUTOFF_MARGIN, holidays), operating_date(at + CUTOFF_MARGIN, holidays)


def possible_days(own: date, created_at: datetime, now: datetime, holidays: Holidays) -> Iterator[date | None]:
    """Yield the running day (``None``), then each other day on which STP may have booked an order, oldest first.

    :param own: the order's operating day by our clock. STP may have booked an order that was created around the cut-off
        on the day before or after, and an order that was long in transit on the day after.
    """
    first, (running, latest) = operating_days_near(created_at, holidays)[0], operating_days_near(now, holidays)
    yield None
    for day in sorted({first, own, next_business_day(own, holidays)}):
        if day <= latest and not day == running == latest:  # the first query covers the running day
            yield day


def latest_days(now: datetime, holidays: Holidays) -> Iterator[date | None]:
    """Yield the running day (``None``), then the operating days before it, latest first."""
    yield None
    running, latest = operating_days_near(now, holidays)
    day = last_business_day(latest, holidays) if running == latest else latest
    for _ in range(LOOK_BACK_DAYS):
        yield day
        day = last_business_day(day, holidays)
