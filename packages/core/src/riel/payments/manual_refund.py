"""A refund that the rail cannot make: a case for a person, written down once for each payment."""

from riel.journal import PaymentRecord, Topic, events
from riel.payments.context import Context

OPENED = "refund.manual"


async def open_refund_case(context: Context, record: PaymentRecord, reason: str) -> str:
    """The number of the case of ``record``. The first time, it is written down and the operator is told.

    Each of the two writes is made once however often it is tried, so whoever asks again completes a case that a crash
    cut in two.
    """
    case = f"case_{record.id.removeprefix('pay_')}"
    told = {"case": case, "reason": context.sanitize(reason, record)}
    notice = events.notification_body(record) | told
    await context.journal.enqueue(case, Topic.REFUND_MANUAL, notice, context.now())
    await context.journal.append_event(record.id, OPENED, told, context.now(), once=True)
    return case
