"""Carry one order to the rail, once, and write down what became of it."""

import asyncio
import logging

from riel.crash import crash_point, step
from riel.errors import JournalUnavailable, NotSent, OutcomeUnknown, Rejected
from riel.journal import Change, PaymentRecord
from riel.rail import Order
from riel.teller.desk import Desk, original_of
from riel.teller.verdict import Outcome, after_send, is_answer

log = logging.getLogger(__name__)


async def carry(desk: Desk, record: PaymentRecord) -> PaymentRecord:
    """Send ``record``, which is ``sending`` and ours, and return it as it then stands in the journal.

    The journal was committed before this is called, and whatever happens here is written before anybody is told.
    """
    original = await original_of(desk, record)
    outcome = await _send(desk, record, record.order(original))
    rules = desk.rails[record.rail].guarantees
    change = after_send(record, rules, outcome, desk.now(), desk.pace.patience)
    return await _written(desk, record, desk.kept(record, change))


async def _written(desk: Desk, record: PaymentRecord, change: Change) -> PaymentRecord:
    """Write it down, however long the journal takes: what the rail said may never be said again."""
    while True:
        try:
            written, _ = await step("record", desk.journal.record(record.id, change, desk.now()))
        except JournalUnavailable:
            log.error("what the rail said of payment %s could not be written; it is tried again", record.id)  # noqa: TRY400
            await step("record_later", asyncio.sleep(desk.pace.look_every.total_seconds()))
        else:
            return written


async def _send(desk: Desk, record: PaymentRecord, order: Order) -> Outcome:
    rules = desk.rails[record.rail].guarantees
    try:
        client = await desk.clients.of(record.rail)
    except Exception as failure:
        return NotSent(str(failure))
    deliver = client.send if record.kind == "payment" else client.refund
    try:
        async with asyncio.timeout(rules.send_deadline.total_seconds()):
            crash_point("send:leaves")
            answer = await step("send", deliver(order))
    except (Rejected, NotSent, OutcomeUnknown) as outcome:
        return outcome
    except TimeoutError:
        return OutcomeUnknown("no answer within the send's deadline")
    except (Exception, SystemExit) as failure:
        return OutcomeUnknown(f"the rail's client failed ({type(failure).__name__})")
    return answer if is_answer(answer) else OutcomeUnknown("the rail's client returned no answer")
