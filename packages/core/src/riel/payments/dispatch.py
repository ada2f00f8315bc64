"""Carry one order to the rail, once, and write down what became of it."""

import asyncio
import logging

from riel.errors import JournalUnavailable, NotSent, OutcomeUnknown, Rejected
from riel.journal import Change, PaymentRecord
from riel.payments.context import Context, original_of
from riel.payments.rules import SendOutcome, after_send, is_answer
from riel.rail import Order

log = logging.getLogger(__name__)


async def dispatch(context: Context, record: PaymentRecord) -> PaymentRecord:
    """Send ``record``, which is ``sending`` and ours, and return it as it then stands in the journal.

    The journal was committed before this is called, and whatever happens here is written before anybody is told.
    """
    original = await original_of(context, record)
    outcome = await _send(context, record, record.order(original))
    rules = context.rails[record.rail].guarantees
    change = after_send(record, rules, outcome, context.now(), context.timing.backoff.with_jitter(context.below))
    return await _record(context, record, context.sanitized(record, change))


async def _record(context: Context, record: PaymentRecord, change: Change) -> PaymentRecord:
    """Write it down, however long the journal takes: what the rail said may never be said again."""
    while True:
        try:
            written, _ = await context.journal.record(record.id, change, context.now())
        except JournalUnavailable:
            log.error("what the rail said of payment %s could not be written; it is tried again", record.id)  # noqa: TRY400
            await asyncio.sleep(context.timing.poll_interval.total_seconds())
        else:
            return written


async def _send(context: Context, record: PaymentRecord, order: Order) -> SendOutcome:
    handed_over = asyncio.get_running_loop().time()
    try:
        client = await context.clients.of(record.rail)
    except Exception as failure:
        return NotSent(str(failure))
    try:
        async with asyncio.timeout(_time_left(context, record, handed_over)):
            if (
                _time_left(context, record, handed_over) <= 0
            ):  # we were stopped: others may have concluded that it is gone
                return NotSent("it was too late to send it")
            if record.kind == "refund":
                answer = await client.refund(order)
            else:
                answer = await client.send(order)
    except (Rejected, NotSent, OutcomeUnknown) as outcome:
        return outcome
    except TimeoutError:
        return OutcomeUnknown("no answer within the send's deadline")
    except (Exception, SystemExit) as failure:
        return OutcomeUnknown(f"the rail's client failed ({type(failure).__name__})")
    return answer if is_answer(answer) else OutcomeUnknown("the rail's client returned no answer")


def _time_left(context: Context, record: PaymentRecord, handed_over: float) -> float:
    """For how many seconds the order may still be under way.

    Everybody else counts from ``sent_at``, by the clock of the day, so that is what binds. The loop's clock binds as
    well, since the other one may have been set back while this process was stopped.
    """
    deadline = context.rails[record.rail].guarantees.send_deadline
    by_the_clock = (record.sent_at + deadline - context.now()).total_seconds()
    by_the_loop = handed_over + deadline.total_seconds() - asyncio.get_running_loop().time()
    return min(by_the_clock, by_the_loop)
