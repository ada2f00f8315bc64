"""Tell the operator of open payments that nobody looks after, because their payer is not set up here."""

import hashlib
import logging

from riel.journal import State, Topic
from riel.payments.context import Context

log = logging.getLogger(__name__)

OPEN = (State.SENDING, State.UNKNOWN, State.PENDING)
"""The states in which money may have left and nobody knows what became of it."""


async def report_other_payers(context: Context) -> None:
    """Log how many open payments belong to a payer that is not set up here, and put a notification into the outbox.

    Of several servers that find the same within one interval, one notifies.
    """
    ours = {(name, rail.mode, rail.payer) for name, rail in context.rails.items()}
    found = {whose: count for whose, count in (await context.journal.open_payments()).items() if whose not in ours}
    if not found:
        return
    count = sum(found.values())
    payments = "1 open payment belongs" if count == 1 else f"{count} open payments belong"
    message = f"{payments} to a payer that is not set up here"
    rails = sorted({f"{rail} ({mode})" for rail, mode, _ in found})
    advice = "Nobody looks them up: set that payer up again, or run a server with its settings"
    log.warning("%s: %s. %s", message, ", ".join(rails), advice)
    now, every = context.now().timestamp(), context.timing.payer_check_interval.total_seconds()
    digest = hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]
    body = {"message": message, "count": count, "rails": rails}
    await context.journal.enqueue(f"other_payer_{int(now / every)}_{digest}", Topic.OTHER_PAYER, body, context.now())
