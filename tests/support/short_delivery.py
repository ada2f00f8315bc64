"""A server whose notifications wait for less: for tests that wait with them."""

from datetime import timedelta
from functools import partial


def install() -> None:
    """Shorten every wait of the outbox."""
    import riel.webhooks.outbox

    riel.webhooks.outbox.DeliveryTiming = partial(  # type: ignore[assignment, misc]
        riel.webhooks.outbox.DeliveryTiming,
        first=timedelta(seconds=0.05),
        lease=timedelta(seconds=2),
        poll_interval=timedelta(seconds=0.05),
    )
