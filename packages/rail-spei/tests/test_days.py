"""The days that are asked for do not follow from one belief alone."""

from datetime import date, timedelta

from rail_spei.calendar import operating_date
from rail_spei.days import LATEST_BOOKING, possible_days
from rail_spei.settings import holidays_of

from .rail_support import mexico


def test_the_date_before_is_asked_for_where_the_clock_and_the_list_of_holidays_are_both_wrong() -> None:
    """It is Wednesday 17:30. Our clock says Thursday 00:30, and our list holds the Wednesday to be a holiday."""
    wednesday = date(2026, 3, 4)
    holidays = holidays_of(frozenset({wednesday}), frozenset())
    created_at = mexico("2026-03-05", "00:30")
    own = operating_date(created_at, holidays)
    assert own == date(2026, 3, 5)
    assert wednesday in possible_days(own, created_at, created_at, holidays)


def test_the_date_after_is_asked_for_where_the_clock_and_the_list_of_holidays_are_both_wrong() -> None:
    """It is Thursday 00:30. Our clock says Wednesday 17:30, and our list holds the Thursday to be a holiday."""
    thursday = date(2026, 3, 5)
    holidays = holidays_of(frozenset({thursday}), frozenset())
    created_at = mexico("2026-03-04", "17:30")
    own = operating_date(created_at, holidays)
    assert own == date(2026, 3, 4)
    assert thursday in possible_days(own, created_at, created_at, holidays)


def test_every_weekday_since_the_order_until_tomorrow_is_asked_for() -> None:
    """Whatever the list of holidays says: the Monday in it is asked for as well."""
    friday, wednesday = mexico("2026-03-13", "12:00"), mexico("2026-03-18", "12:00")
    holidays = holidays_of(frozenset({date(2026, 3, 16)}), frozenset())
    days = possible_days(date(2026, 3, 13), friday, wednesday, holidays)
    assert {date(2026, 3, day) for day in (13, 16, 17, 18, 19)} <= set(days)
    assert days[-1] is None


def test_an_old_order_is_asked_for_on_the_days_on_which_it_can_have_been_booked() -> None:
    created_at = mexico("2026-03-02", "12:00")
    days = possible_days(
        created_at.date(), created_at, created_at + timedelta(days=300), holidays_of(frozenset(), frozenset())
    )
    assert max(day for day in days if day) == created_at.date() + LATEST_BOOKING
