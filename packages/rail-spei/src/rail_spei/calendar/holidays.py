"""The days on which Mexico's banks are closed, computed for any year, with corrections from the settings.

The rules are those of the bank supervisor's yearly list for credit institutions, checked with that of 2026. One
rule is left out because it could not be checked: 1 October of the years in which the presidency changes hands (next in
2030). An operator who knows the day adds it to the settings. A holiday too many and a holiday too few are both looked
through: an order is looked up on each weekday since its creation, and is never sent again after a weekday's cut-off.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

FIXED = ((1, 1), (5, 1), (9, 16), (11, 2), (12, 12), (12, 25))  # month, day
MONDAYS = ((2, 1), (3, 3), (11, 3))  # month, which Monday: Constitution, Juárez, Revolution
BEFORE_EASTER = (3, 2)  # Thursday and Friday of Holy Week


@dataclass(frozen=True, slots=True)
class Holidays:
    """The computed holidays, with ``extra`` ones, and without the ``removed`` ones.

    :raises ValueError: a day stands in both.
    """

    extra: AbstractSet[date] = frozenset()
    removed: AbstractSet[date] = frozenset()

    def __post_init__(self) -> None:
        if both := self.extra & self.removed:
            raise ValueError(f"{min(both)} is both an extra holiday and a removed one: leave it in one of the lists")

    def __contains__(self, day: date) -> bool:
        return day in self.extra or (day in statutory_holidays(day.year) and day not in self.removed)

    @property
    def longest(self) -> "Holidays":
        """The same with each computed holiday: no operating day of the two lists ends later than by this one."""
        return Holidays(self.extra)

    def without(self, day: date) -> "Holidays":
        """The same, where ``day`` is no holiday."""
        return Holidays(self.extra - {day}, self.removed | {day})

    def of(self, year: int) -> list[date]:
        """The holidays of ``year``, those on a weekend included."""
        return sorted(statutory_holidays(year) - self.removed | {day for day in self.extra if day.year == year})


@cache
def statutory_holidays(year: int) -> frozenset[date]:
    """The holidays of ``year`` by the rules that hold since 2006."""
    fixed = {date(year, month, day) for month, day in FIXED}
    mondays = {_nth_monday(year, month, which) for month, which in MONDAYS}
    return frozenset(fixed | mondays | {easter(year) - timedelta(days=days) for days in BEFORE_EASTER})


def easter(year: int) -> date:
    """Easter Sunday of ``year`` by the Gregorian calendar (Meeus, Jones and Butcher: the steps have no names)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    l = (32 + 2 * e + 2 * i - h - k) % 7  # noqa: E741
    m = (a + 11 * h + 19 * l) // 433
    month = (h + l - 7 * m + 90) // 25
    return date(year, month, (h + l - 7 * m + 33 * month + 19) % 32)


def _nth_monday(year: int, month: int, which: int) -> date:
    """The first, second, … Monday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=-first.weekday() % 7 + 7 * (which - 1))
