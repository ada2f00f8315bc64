"""The operating day is the one that STP gives: checked with its real orders, and for every instant by what a day is."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_spei.calendar import (
    MEXICO_CITY,
    Holidays,
    cutoff_of,
    is_business_day,
    next_business_day,
    operating_date,
)
from rail_spei.calendar.holidays import easter

BANKS = Holidays()
MOMENT = timedelta(milliseconds=1)

# Real orders: the instant at which STP captured them, in milliseconds, the clock on a wall of Mexico City, and the
# operating day that STP gave them.
ORDERS = [
    (1692921752078, "Thu 2023-08-24 18:02:32", date(2023, 8, 25)),
    (1693008093163, "Fri 2023-08-25 18:01:33", date(2023, 8, 28)),
    (1693008968344, "Fri 2023-08-25 18:16:08", date(2023, 8, 28)),
    (1698096580763, "Mon 2023-10-23 15:29:40", date(2023, 10, 23)),
    (1698264838951, "Wed 2023-10-25 14:13:58", date(2023, 10, 25)),
    (1698365496834, "Thu 2023-10-26 18:11:36", date(2023, 10, 27)),
    (1699305268142, "Mon 2023-11-06 15:14:28", date(2023, 11, 6)),
]

# Easter Sundays as almanacs print them, the earliest and the latest that there can be among them.
EASTERS = """
1818-03-22 1886-04-25 1900-04-15 1943-04-25 1954-04-18 1961-04-02 1980-04-06 1981-04-19 1999-04-04 2000-04-23
2001-04-15 2002-03-31 2003-04-20 2004-04-11 2005-03-27 2006-04-16 2007-04-08 2008-03-23 2009-04-12 2010-04-04
2011-04-24 2012-04-08 2013-03-31 2014-04-20 2015-04-05 2016-03-27 2017-04-16 2018-04-01 2019-04-21 2020-04-12
2021-04-04 2022-04-17 2023-04-09 2024-03-31 2025-04-20 2026-04-05 2027-03-28 2028-04-16 2029-04-01 2030-04-21
2031-04-13 2032-03-28 2033-04-17 2034-04-09 2035-03-25 2036-04-13 2037-04-05 2038-04-25 2039-04-10 2040-04-01
2049-04-18 2076-04-19 2100-03-28 2285-03-22
"""

days = st.dates(date(2007, 1, 1), date(2199, 12, 1))
instants = st.datetimes(datetime(2007, 1, 1), datetime(2199, 12, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
some_days = st.frozensets(st.dates(date(2026, 1, 1), date(2026, 3, 31)), max_size=12)
lists = st.builds(lambda extra, removed: Holidays(extra, removed - extra), some_days, some_days)
near = st.datetimes(datetime(2025, 12, 20), datetime(2026, 4, 10)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def local(text: str) -> datetime:
    """A time on the wall of Mexico City."""
    return datetime.fromisoformat(text).replace(tzinfo=MEXICO_CITY)


@pytest.mark.parametrize(("captured", "wall", "given"), ORDERS)
def test_each_recorded_order_gets_the_day_that_stp_gave_it(captured: int, wall: str, given: date) -> None:
    at = datetime.fromtimestamp(captured / 1000, UTC)
    assert f"{at.astimezone(MEXICO_CITY):%a %Y-%m-%d %H:%M:%S}" == wall
    assert operating_date(at, BANKS) == given


def test_the_payroll_of_a_recorded_receipt_belongs_to_the_day_after() -> None:
    assert operating_date(local("2024-11-07 18:02:30"), BANKS) == date(2024, 11, 8)


@pytest.mark.parametrize(
    ("wall", "day"),
    [
        ("2026-03-10 17:59:59.999", "2026-03-10"),
        ("2026-03-10 18:00", "2026-03-11"),
        ("2026-03-10 23:59:59", "2026-03-11"),
        ("2026-03-11 00:00", "2026-03-11"),
        ("2026-03-13 18:00", "2026-03-17"),  # a Friday before a long weekend
        ("2026-03-14 12:00", "2026-03-17"),
        ("2026-04-01 17:59:59", "2026-04-01"),
        ("2026-04-01 18:00", "2026-04-06"),  # Holy Week
        ("2026-12-11 18:00", "2026-12-14"),  # a holiday on a Saturday moves nothing
        ("2026-12-24 18:00", "2026-12-28"),
        ("2026-12-31 18:00", "2027-01-04"),  # into another year
    ],
)
def test_the_day_rolls_at_six_in_the_evening_to_the_next_day_on_which_banks_work(wall: str, day: str) -> None:
    assert operating_date(local(wall), BANKS) == date.fromisoformat(day)


def test_the_cutoff_is_where_summer_time_was_while_there_was_summer_time() -> None:
    assert cutoff_of(date(2022, 7, 5), BANKS) == datetime(2022, 7, 5, 23, tzinfo=UTC)
    assert cutoff_of(date(2023, 7, 5), BANKS) == datetime(2023, 7, 6, 0, tzinfo=UTC)
    assert operating_date(datetime(2022, 7, 5, 23, tzinfo=UTC), BANKS) == date(2022, 7, 6)
    assert operating_date(datetime(2023, 7, 5, 23, tzinfo=UTC), BANKS) == date(2023, 7, 5)


def test_an_instant_has_one_operating_day_however_it_is_written() -> None:
    for hours in (-11, -6, 0, 5, 14):
        at = datetime(2026, 3, 11, 0, tzinfo=UTC).astimezone(timezone(timedelta(hours=hours)))
        assert operating_date(at, BANKS) == date(2026, 3, 11)
        assert operating_date(at - MOMENT, BANKS) == date(2026, 3, 10)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        operating_date(datetime(2026, 3, 10, 12), BANKS)  # noqa: DTZ001


def test_the_rules_of_the_zone_are_not_those_of_the_machine(tmp_path: Path) -> None:
    """A system that was never updated believes in summer time still: here even in that of another city."""
    stale = files("tzdata.zoneinfo.America").joinpath("New_York").read_bytes()
    (tmp_path / "America").mkdir()
    (tmp_path / "America" / "Mexico_City").write_bytes(stale)
    script = """if True:
        from datetime import UTC, datetime
        from zoneinfo import ZoneInfo
        from rail_spei.calendar import Holidays, operating_date
        at = datetime(2026, 7, 7, 22, 30, tzinfo=UTC)
        print(at.astimezone(ZoneInfo("America/Mexico_City")).hour, operating_date(at, Holidays()))
    """
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert ran.stdout.split() == ["18", "2026-07-07"]


@given(instants)
def test_an_operating_day_is_never_past_and_banks_work_on_it(at: datetime) -> None:
    day = operating_date(at, BANKS)
    today = at.astimezone(MEXICO_CITY).date()
    assert today <= day <= today + timedelta(days=8)
    assert day.weekday() < 5
    assert day not in BANKS


@given(instants, st.timedeltas(timedelta(0), timedelta(days=10)))
def test_operating_days_only_go_forward(at: datetime, later: timedelta) -> None:
    assert operating_date(at, BANKS) <= operating_date(at + later, BANKS)


@given(near, lists, st.timedeltas(timedelta(0), timedelta(days=10)))
def test_all_that_is_true_with_any_list_of_holidays(at: datetime, holidays: Holidays, later: timedelta) -> None:
    day = operating_date(at, holidays)
    assert day >= at.astimezone(MEXICO_CITY).date()
    assert is_business_day(day, holidays)
    assert day <= operating_date(at + later, holidays)


@given(days)
def test_a_day_closes_at_the_first_instant_that_is_no_longer_its_own(day: date) -> None:
    closing = cutoff_of(day, BANKS)
    assert closing.utcoffset() == timedelta(0)
    assert operating_date(closing, BANKS) > day
    if is_business_day(day, BANKS):
        assert closing.astimezone(MEXICO_CITY) == datetime.combine(day, time(18), MEXICO_CITY)
        assert operating_date(closing - MOMENT, BANKS) == day
        assert operating_date(closing, BANKS) == next_business_day(day, BANKS)


@given(instants)
def test_no_day_closes_before_what_it_was_given_to(at: datetime) -> None:
    assert cutoff_of(operating_date(at, BANKS), BANKS) > at


@given(st.dates(date(2026, 1, 1), date(2026, 3, 31)), st.builds(Holidays, some_days))
def test_a_day_that_became_a_holiday_closes_with_the_business_day_on_which_it_was_booked(
    day: date, holidays: Holidays
) -> None:
    assert cutoff_of(day, holidays) >= cutoff_of(day, Holidays())
    if not is_business_day(day, holidays):
        assert cutoff_of(day, holidays) == cutoff_of(next_business_day(day, holidays), holidays)


@given(days)
def test_the_next_business_day_is_the_first_one_after(day: date) -> None:
    after = next_business_day(day, BANKS)
    assert after > day
    assert is_business_day(after, BANKS)
    between = [day + timedelta(days=n) for n in range(1, (after - day).days)]
    assert not any(is_business_day(one, BANKS) for one in between)


def test_the_holidays_of_2026_are_those_of_the_official_list() -> None:
    listed = "01-01 02-02 03-16 04-02 04-03 05-01 09-16 11-02 11-16 12-12 12-25"
    assert [f"{day:%m-%d}" for day in BANKS.of(2026)] == listed.split()


def test_the_holidays_of_2027_are_those_of_the_rules() -> None:
    listed = "01-01 02-01 03-15 03-25 03-26 05-01 09-16 11-02 11-15 12-12 12-25"
    assert [f"{day:%m-%d}" for day in BANKS.of(2027)] == listed.split()


@given(st.integers(2007, 2199))
def test_every_year_has_eleven_holidays_of_which_three_are_mondays_and_two_end_holy_week(year: int) -> None:
    holidays = BANKS.of(year)
    assert len(holidays) == len(set(holidays)) == 11
    february, march, november = (
        [day for day in holidays if day.month == month and day.weekday() == 0] for month in (2, 3, 11)
    )
    assert 1 <= february[0].day <= 7
    assert any(15 <= day.day <= 21 for day in march)
    assert any(15 <= day.day <= 21 for day in november)
    assert {easter(year) - timedelta(days=3), easter(year) - timedelta(days=2)} <= set(holidays)


@pytest.mark.parametrize("known", EASTERS.split())
def test_easter_is_when_almanacs_say(known: str) -> None:
    assert easter(int(known[:4])).isoformat() == known


@given(st.integers(1583, 9000))
def test_easter_is_a_sunday_of_spring(year: int) -> None:
    day = easter(year)
    assert day.weekday() == 6
    assert date(year, 3, 22) <= day <= date(year, 4, 25)


def test_who_knows_better_adds_days_and_removes_them() -> None:
    handover, worked = date(2030, 10, 1), date(2030, 12, 12)
    known = Holidays(extra={handover}, removed={worked})
    assert (handover in BANKS, worked in BANKS) == (False, True)
    assert (handover in known, worked in known) == (True, False)
    assert handover in known.of(2030)
    assert worked not in known.of(2030)
    assert len(known.of(2030)) == 11
    assert known.of(2031) == BANKS.of(2031)
    assert operating_date(local("2030-09-30 18:00"), known) == date(2030, 10, 2)
    assert operating_date(local("2030-09-30 18:00"), BANKS) == handover
    assert operating_date(local("2030-12-11 18:00"), known) == worked
    assert operating_date(local("2030-12-11 18:00"), BANKS) == date(2030, 12, 13)


def test_a_day_cannot_be_both_added_and_removed() -> None:
    day = date(2030, 10, 1)
    with pytest.raises(ValueError, match="2030-10-01 is both"):
        Holidays(extra={day}, removed={day})


def test_mexico_city_is_what_the_zone_is_called() -> None:
    assert MEXICO_CITY.key == "America/Mexico_City"
    assert isinstance(MEXICO_CITY, ZoneInfo)
