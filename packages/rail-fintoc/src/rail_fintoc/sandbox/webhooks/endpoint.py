"""A webhook endpoint: an address that events are sent to, and which events those are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.ledger.organisation import Mode, WebhookEvent
from riel.sandbox.kit import is_loopback


@dataclass(slots=True, kw_only=True)
class WebhookEndpoint:
    """An address that events are sent to. ``enabled_events`` holds the types of events, or ``*``."""

    id: str
    mode: Mode
    url: str
    secret: str
    enabled_events: Sequence[str]
    created_at: datetime
    description: str | None = None
    status: str = "enabled"

    def receives(self, event: WebhookEvent) -> bool:
        """Whether an event is sent to it; an address outside this machine gets none."""
        subscribed = event.type in self.enabled_events or "*" in self.enabled_events
        receiver = event.only_endpoint == self.id if event.only_endpoint else subscribed and self.status == "enabled"
        return receiver and is_loopback(self.url)
