"""The limits that payments share, as they count at one moment: what the journal must add up, and since when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from riel.guards.limits import windows
from riel.guards.limits.settings import Table
from riel.guards.limits.windows import EPOCH, SECOND, Window
from riel.rail import Mode


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose payments count together: ``everybody``, ``rail spei``, ``principal ana``."""

    name: str
    words: str = ""
    """As they follow in a sentence."""


EVERYBODY = Scope("everybody")


def of_rail(name: str) -> Scope:
    """The payments of one rail."""
    return Scope(f"rail {name}", f" for {name}")


def of_principal(name: str) -> Scope:
    """The payments of one principal."""
    return Scope(f"principal {name}", f" for {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """``most`` minor units of ``currency`` (or payments, where there is none) in a window."""

    name: str
    scope: Scope
    most: int
    currency: str
    window: Window

    def stored(self, mode: Mode) -> str:
        """What it is counted under in the journal: pretend money never uses up a live limit."""
        return "|".join((self.name, mode, self.scope.name, self.currency))

    @property
    def bucket(self) -> int:
        """The period in which a payment of now counts."""
        return millis(self.window.begins)

    @property
    def since(self) -> int:
        """The oldest period that counts now."""
        return millis(self.window.since)


def quotas(scope: Scope, table: Table, zone: tzinfo | None, now: datetime) -> Iterator[Quota]:
    """Every limit of a table that is counted over a time."""
    if table.payments_per_hour is not None:
        window = windows.sixty_minutes(now)
        yield Quota(name="payments_per_hour", scope=scope, most=table.payments_per_hour, currency="", window=window)
    for name, amounts, period in (
        ("per_day", table.per_day, windows.day),
        ("per_month", table.per_month, windows.month),
    ):
        if amounts is not None and zone is not None:
            window = period(now, zone)
            for currency, most in sorted(amounts.items()):
                yield Quota(name=name, scope=scope, most=most, currency=currency, window=window)


def millis(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - EPOCH) * 1000 // SECOND
