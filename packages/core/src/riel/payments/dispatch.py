"""Send one order to the rail, once, and write down the outcome."""

import asyncio
import logging

from riel.errors import JournalUnavailable, NotSent
from riel.journal import Change, PaymentRecord
from riel.payments import rail_calls
from riel.payments.context import Context, original_of
from riel.payments.rules import SendOutcome, after_send

log = logging.getLogger(__name__)


async def dispatch(context: Context, record: PaymentRecord) -> PaymentRecord:
    """Send ``record``, which is ``sending`` and ours, and return it as it then stands in the journal.

    The journal was committed before this is called, and the outcome is written before anybody reads it.
    """
    original = await original_of(context, record)
    if record.tampered or (original is not None and original.tampered):
        outcome: SendOutcome = NotSent("its row, or that of the payment that it pays back, is not as riel wrote it")
    else:
        outcome = await rail_calls.send(context, record, record.order(original))
    rules, backoff = context.rails[record.rail].guarantees, context.timing.backoff.with_jitter(context.below)
    change = after_send(record, rules, outcome, context.now(), backoff)
    return await _record(context, record, context.sanitized(record, change))


async def _record(context: Context, record: PaymentRecord, change: Change) -> PaymentRecord:
    """Write ``change``, however long the journal takes: the rail may never repeat what it answered."""
    while True:
        try:
            written, _ = await context.journal.record(record.id, change, context.now())
        except JournalUnavailable:
            log.error("the outcome of payment %s could not be written; it is tried again", record.id)  # noqa: TRY400
            await asyncio.sleep(context.timing.poll_interval.total_seconds())
        else:
            return written
