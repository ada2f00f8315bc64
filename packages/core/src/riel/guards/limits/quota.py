"""The limits that payments share, at one moment: the scope that the journal adds up, and since when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from riel.guards.limits import windows
from riel.guards.limits.settings import LimitsTable
from riel.guards.limits.windows import EPOCH, SECOND, Window
from riel.rail import Mode


@dataclass(frozen=True, slots=True)
class Scope:
    """The payments that count together: ``everybody``, ``rail spei``, ``principal ana``."""

    name: str
    label: str = ""
    """The scope as it ends a sentence: `` for spei``."""


EVERYBODY = Scope("everybody")


def of_rail(name: str) -> Scope:
    """The payments of one rail."""
    return Scope(f"rail {name}", f" for {name}")


def of_principal(name: str) -> Scope:
    """The payments of one principal."""
    return Scope(f"principal {name}", f" for {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """``limit`` minor units of ``currency`` in a window, or so many payments where ``currency`` is empty."""

    name: str
    scope: Scope
    limit: int
    currency: str
    window: Window

    def journal_scope(self, mode: Mode) -> str:
        """The scope of its reservations in the journal. It holds the mode: sandbox money never uses up a live limit."""
        return "|".join((self.name, mode, self.scope.name, self.currency))

    @property
    def bucket(self) -> int:
        """The bucket of a payment that is made now."""
        return millis(self.window.start)

    @property
    def since(self) -> int:
        """The oldest bucket that counts now."""
        return millis(self.window.since)


def quotas(scope: Scope, table: LimitsTable, zone: tzinfo | None, now: datetime) -> Iterator[Quota]:
    """Every limit of a table that counts over a period."""
    if table.payments_per_hour is not None:
        window = windows.sixty_minutes(now)
        yield Quota(name="payments_per_hour", scope=scope, limit=table.payments_per_hour, currency="", window=window)
    for name, amounts, period in (
        ("per_day", table.per_day, windows.day),
        ("per_month", table.per_month, windows.month),
    ):
        if amounts is not None and zone is not None:
            window = period(now, zone)
            for currency, most in sorted(amounts.items()):
                yield Quota(name=name, scope=scope, limit=most, currency=currency, window=window)


def millis(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - EPOCH) * 1000 // SECOND
