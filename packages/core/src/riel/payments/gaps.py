"""What may be missing from the journal since it was restored, as far as this process has read it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from riel.catalog import ActiveRail
from riel.journal import Event, Journal
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.epochs import Gap, gap_of

REREAD_AFTER = timedelta(minutes=1)
"""A gap begins while no server runs; it may be closed beside one."""


@dataclass(slots=True)
class GapReader:
    """Reads the journal's own chain, and again after :data:`REREAD_AFTER`."""

    _events: tuple[Event, ...] = ()
    _read_at: datetime | None = field(default=None)

    async def gap(self, journal: Journal, rail: ActiveRail, now: datetime) -> Gap | None:
        """Return what may be missing of the payments of ``rail``."""
        if self._read_at is None or not self._read_at <= now < self._read_at + REREAD_AFTER:
            self._events, self._read_at = tuple(await journal.events(JOURNAL_CHAIN)), now
        return gap_of(self._events, rail.declaration.name, rail.mode, rail.payer)
