"""A server that delivers its notifications at once, and waits for a receiver as long as a test does."""

from datetime import timedelta
from functools import partial
from typing import Any

SOON = {"first": timedelta(seconds=0.05), "poll_interval": timedelta(seconds=0.05)}
PATIENT = {"answer_within": timedelta(minutes=2), "lease": timedelta(minutes=5)}


def install(**durations: Any) -> None:
    """Take effect in this process; ``durations`` are those of the outbox that differ."""
    import riel.webhooks.outbox

    riel.webhooks.outbox.DeliveryTiming = partial(  # type: ignore[assignment, misc]
        riel.webhooks.outbox.DeliveryTiming, **(SOON | PATIENT | durations)
    )
