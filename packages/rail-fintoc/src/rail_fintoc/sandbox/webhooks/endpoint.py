"""A webhook endpoint: an address that events are sent to, and which events those are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.behaviour import is_here
from rail_fintoc.sandbox.ledger.organisation import Event, Mode


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """Somebody who wants to be told. ``enabled_events`` holds the names of events, or ``*``."""

    id: str
    mode: Mode
    url: str
    secret: str
    enabled_events: Sequence[str]
    created_at: datetime
    description: str | None = None
    status: str = "enabled"

    def wants(self, event: Event) -> bool:
        """Whether it is told of an event; nobody outside this machine ever is."""
        asked = event.type in self.enabled_events or "*" in self.enabled_events
        meant = event.only == self.id if event.only else asked and self.status == "enabled"
        return meant and is_here(self.url)
