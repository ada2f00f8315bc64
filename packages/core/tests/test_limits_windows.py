"""Days, months and hours are those of the clock on the wall, also where it is changed; a count is what a recount is.

The recount knows nothing of windows: it looks at every payment there was, and at the calendar.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.confirm import Terms
from riel.errors import NotAllowed
from riel.guards import Reservation
from riel.guards.limits import windows
from riel.hours import Hours
from riel.journal.sqlite import reservations
from riel.money import Money
from riel.rail import Payee

from .limits_support import limits

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SANTIAGO = ZoneInfo("America/Santiago")
ZONES = [
    "America/Mexico_City",
    "America/Santiago",  # changes at midnight
    "America/Tijuana",
    "America/Havana",  # the first hour of a day comes twice
    "America/St_Johns",  # set back at 00:01 until 2011: a minute of the next day comes before the day's last hour
    "Pacific/Apia",  # 30 December 2011 was left out
    "Asia/Kathmandu",
    "UTC",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.datetimes(datetime(2005, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def there(year: int, month: int, day: int, *clock: int) -> datetime:
    return datetime(year, month, day, *clock, tzinfo=UTC)


# The two nights of the year in Santiago


def test_the_day_on_which_clocks_are_set_forward_at_midnight_begins_at_one() -> None:
    """Saturday 5 September 2026 ends at 24:00, UTC-4, and Sunday begins at 01:00, UTC-3."""
    change = there(2026, 9, 6, 4)
    assert change.astimezone(SANTIAGO).time() == time(1)
    before, after = windows.day(change - SECOND, SANTIAGO), windows.day(change, SANTIAGO)
    assert (before.start, before.end) == (there(2026, 9, 5, 4), change)
    assert (after.start, after.end) == (change, there(2026, 9, 7, 3))
    assert after.end - after.start == 23 * HOUR


def test_the_day_on_which_clocks_are_set_back_at_midnight_has_its_last_hour_twice() -> None:
    """Saturday 4 April 2026 has 25 hours: at 24:00, UTC-3, it is 23:00 again, UTC-4."""
    change = there(2026, 4, 5, 3)
    assert change.astimezone(SANTIAGO).time() == time(23)
    for now in (there(2026, 4, 4, 3), change - SECOND, change, there(2026, 4, 5, 4) - SECOND):
        window = windows.day(now, SANTIAGO)
        assert (window.start, window.end) == (there(2026, 4, 4, 3), there(2026, 4, 5, 4))
    assert windows.day(there(2026, 4, 5, 4), SANTIAGO).start == there(2026, 4, 5, 4)


def test_a_month_begins_and_ends_in_its_own_offset() -> None:
    window = windows.month(there(2026, 4, 20), SANTIAGO)
    assert (window.start, window.end) == (there(2026, 4, 1, 3), there(2026, 5, 1, 4))
    assert windows.month(there(2026, 1, 1, 2), SANTIAGO).start == there(2025, 12, 1, 3)


def test_hours_that_begin_in_the_hour_that_is_left_out_begin_after_it() -> None:
    night = Hours.read("00:30-06:00")
    assert night.next_opening(there(2026, 9, 5, 12), SANTIAGO) == there(2026, 9, 6, 4)
    assert night.contains(there(2026, 9, 6, 4), SANTIAGO)


def test_hours_in_the_hour_that_comes_twice_open_twice() -> None:
    late = Hours.read("23:30-24:00")
    assert late.contains(there(2026, 4, 5, 2, 45), SANTIAGO)
    assert not late.contains(there(2026, 4, 5, 3, 15), SANTIAGO)
    assert late.next_opening(there(2026, 4, 5, 3, 15), SANTIAGO) == there(2026, 4, 5, 3, 30)


def test_a_day_that_never_was_begins_with_the_next() -> None:
    apia = ZoneInfo("Pacific/Apia")
    last = windows.day(there(2011, 12, 30, 9), apia)
    assert last.start.astimezone(apia).date() == date(2011, 12, 29)
    assert last.end.astimezone(apia) == datetime(2011, 12, 31, tzinfo=apia)


# Everywhere and always


@given(moments, zones)
def test_a_day_is_what_the_calendar_on_the_wall_says(now: datetime, zone: ZoneInfo) -> None:
    window = windows.day(now, zone)
    today = now.astimezone(zone).date()
    assert window.start.astimezone(zone).date() == today
    assert (window.start - SECOND).astimezone(zone).date() < today
    assert window.end.astimezone(zone).date() > today
    assert (window.end - SECOND).astimezone(zone).date() == today
    assert window.start <= now < window.end + 2 * HOUR  # set back over midnight: today comes once more after its end


@given(moments, zones)
def test_a_month_is_what_the_calendar_on_the_wall_says(now: datetime, zone: ZoneInfo) -> None:
    window = windows.month(now, zone)
    first = now.astimezone(zone).date().replace(day=1)
    assert window.start.astimezone(zone).date() == first
    assert (window.start - SECOND).astimezone(zone).date() < first
    assert window.end.astimezone(zone).date().replace(day=1) > first
    assert (window.end - SECOND).astimezone(zone).date().replace(day=1) == first


spans = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda s: s[0] != s[1]).map(lambda s: Hours(*s))


@given(moments, zones, spans)
def test_hours_are_those_of_the_clock_on_the_wall_and_open_when_they_say(
    now: datetime, zone: ZoneInfo, hours: Hours
) -> None:
    def told(at: datetime) -> bool:
        """Minute by minute."""
        end = hours.end if hours.end > hours.start else hours.end + 1440
        wall = at.astimezone(zone)
        return any(hours.start <= wall.hour * 60 + wall.minute + day < end for day in (0, 1440))

    assert Hours.read(str(hours)) == hours
    assert hours.contains(now, zone) is told(now)
    if not told(now):
        opens = hours.next_opening(now, zone)
        assert opens > now
        assert told(opens)
        minutes = (opens - now) // MINUTE
        assert not any(told(now + n * (opens - now) / (minutes + 1)) for n in range(minutes + 1))


@pytest.mark.parametrize(
    "text", ["8:00-20:00", "08:00", "08:00-24:30", "24:00-08:00", "08.00-20.00", "٠٨:00-20:00", 8, None]
)
def test_what_is_no_span_is_no_span(text: object) -> None:
    with pytest.raises(ValueError, match="span"):
        Hours.read(text)


# Against a recount of all payments


@dataclass(frozen=True)
class Paid:
    """One payment that passed."""

    at: datetime
    amount: int


@pytest.fixture(scope="module")
def schema() -> str:
    return (resources.files("riel.journal.sqlite") / "migrations" / "0001.sql").read_text("utf-8")


def passes(db: sqlite3.Connection, wanted: Sequence[Reservation]) -> bool:
    """What the journal does in its transaction."""
    if reservations.limit_reached(db, None, wanted, 0):  # type: ignore[arg-type]  # who asks matters to first payments only
        return False
    db.executemany(reservations.ADD_TO_TOTAL, [(hold.scope, hold.bucket, hold.amount) for hold in wanted])
    return True


def a_payment(amount: int) -> Terms:
    return Terms(
        kind="payment",
        rail="toy",
        mode="live",
        principal="ana",
        payee=Payee("0123456789", "Empresa Demo"),
        money=Money(amount, "MXN"),
        arguments={},
        payer="the account that pays",
    )


def moving(start: datetime, steps: Sequence[tuple[timedelta, int]]) -> Iterator[Paid]:
    """Payments that are asked for one after the other."""
    for step, amount in steps:
        start += step
        yield Paid(start, amount)


steps = st.lists(
    st.tuples(
        st.one_of(
            st.timedeltas(timedelta(0), 2 * MINUTE),
            st.timedeltas(timedelta(0), 2 * HOUR),
            st.timedeltas(timedelta(0), 40 * DAY),
        ),
        st.integers(1, 60),
    ),
    max_size=40,
)
nights = st.sampled_from(
    [there(2026, 4, 5, 3), there(2026, 9, 6, 4), there(2026, 4, 1, 3), there(2027, 1, 1, 3), there(2026, 4, 5, 9)]
)
starts = st.one_of(moments, nights.flatmap(lambda at: st.timedeltas(-3 * HOUR, HOUR).map(lambda by: at + by)))
LATELY = st.sampled_from(["America/Mexico_City", "America/Santiago", "America/Tijuana", "Asia/Kathmandu"])


@pytest.mark.parametrize("period", ["day", "month"])
@given(start=starts, steps=steps, zone=LATELY, most=st.integers(0, 120))
def test_what_is_left_of_a_day_or_a_month_is_what_a_recount_leaves(
    schema: str, period: str, start: datetime, steps: list[tuple[timedelta, int]], zone: str, most: int
) -> None:
    guard = limits(f'time_zone = "{zone}"\nper_{period} = {{ MXN = {most} }}')
    shown = "%Y-%m-%d" if period == "day" else "%Y-%m"
    db = sqlite3.connect(":memory:")
    db.executescript(schema)
    paid: list[Paid] = []
    for wanted in moving(start, steps):
        same = [p for p in paid if _shown(p.at, zone, shown) == _shown(wanted.at, zone, shown)]
        fits = sum(p.amount for p in same) + wanted.amount <= most
        assert passes(db, guard.reservations(a_payment(wanted.amount), wanted.at)) is fits
        if fits:
            paid.append(wanted)
    db.close()


def _shown(at: datetime, zone: str, how: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime(how)


@given(start=starts, steps=steps, most=st.integers(1, 6))
def test_no_sixty_minutes_ever_hold_more_payments_than_the_limit_and_no_more_are_refused_than_a_minute_explains(
    schema: str, start: datetime, steps: list[tuple[timedelta, int]], most: int
) -> None:
    guard = limits(f"payments_per_hour = {most}")
    db = sqlite3.connect(":memory:")
    db.executescript(schema)
    paid: list[Paid] = []
    for wanted in moving(start, steps):
        within = [p for p in paid if wanted.at - p.at < HOUR]
        nearly = [p for p in paid if wanted.at - p.at < HOUR + MINUTE]
        if passes(db, guard.reservations(a_payment(wanted.amount), wanted.at)):
            assert len(within) < most
            paid.append(wanted)
        else:
            assert len(nearly) >= most
    db.close()


@given(start=starts, steps=steps, back=st.timedeltas(timedelta(0), 3 * DAY), most=st.integers(1, 60))
def test_a_clock_that_is_set_back_finds_nothing_free(
    schema: str, start: datetime, steps: list[tuple[timedelta, int]], back: timedelta, most: int
) -> None:
    guard = limits(f'time_zone = "UTC"\npayments_per_hour = 3\nper_day = {{ MXN = {most} }}')
    db = sqlite3.connect(":memory:")
    db.executescript(schema)
    for wanted in moving(start, steps):
        passed = passes(db, guard.reservations(a_payment(wanted.amount), wanted.at))
        if not passed:
            assert not passes(db, guard.reservations(a_payment(wanted.amount), wanted.at - back))
    db.close()


@given(now=moments, zone=zones)
def test_what_is_full_is_free_when_it_says(schema: str, now: datetime, zone: ZoneInfo) -> None:
    text = f'time_zone = "{zone}"\npayments_per_hour = 1\nper_day = {{ MXN = 1 }}\nper_month = {{ MXN = 1 }}'
    for hold in limits(text).reservations(a_payment(1), now):
        refusal = hold.error(0)
        assert isinstance(refusal, NotAllowed)
        free = datetime.fromisoformat(refusal.error.details["resetsAt"])
        later = next(h for h in limits(text).reservations(a_payment(1), free) if h.scope == hold.scope)
        assert later.since > hold.bucket
        assert free > now or free > now - 2 * HOUR  # as above, where midnight is set back over


def test_a_look_at_a_limit_costs_the_same_whatever_was_paid(schema: str) -> None:
    """A few rows by key: of a day, a month and a payee one, of any hour one for each minute."""
    guard = limits(
        'time_zone = "UTC"\npayments_per_hour = 999_999\nper_day = { MXN = 999_999 }\nper_month = { MXN = 999_999 }'
    )
    db = sqlite3.connect(":memory:")
    db.executescript(schema)
    now = there(2026, 3, 7)
    for n in range(5_000):
        assert passes(db, guard.reservations(a_payment(1), now + n * SECOND))
    for hold in guard.reservations(a_payment(1), now + 5_000 * SECOND):
        (rows,) = db.execute(
            "SELECT count(*) FROM limit_usage WHERE scope = ? AND bucket >= ?", (hold.scope, hold.since)
        ).fetchone()
        assert rows <= 61
        (plan,) = db.execute(f"EXPLAIN QUERY PLAN {reservations.SELECT_TOTAL}", (hold.scope, hold.since)).fetchall()
        assert "SEARCH limit_usage USING INDEX" in plan[3]
    late = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {reservations.SELECT_LATE}", {"now": 0})]
    assert "SEARCH p USING INDEX rejected_payments_by_watch" in late[0]
    assert "SEARCH c USING INDEX" in late[1]
    db.close()
