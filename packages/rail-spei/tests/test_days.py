"""The days that are asked for do not follow from one belief alone."""

from datetime import date

from rail_spei.calendar import operating_date
from rail_spei.days import possible_days
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
