"""A refund that the rail cannot make: a case for a person, written down once for each payment."""

from riel.journal import PaymentRecord, Topic, events
from riel.payments.context import Context

REFUND_MANUAL = "refund.manual"


async def open_refund_case(context: Context, record: PaymentRecord, reason: str) -> str:
    """Return the number of the case of ``record``; the first call also writes it down and notifies the operator.

    Each of the two writes is idempotent, so a repeated call completes a case that a crash left half written.
    """
    case = f"case_{record.id.removeprefix('pay_')}"
    facts = {"case": case, "reason": context.sanitize(reason, record)}
    notification = events.notification_body(record) | facts
    await context.journal.enqueue(case, Topic.REFUND_MANUAL, notification, context.now())
    await context.journal.append_event(record.id, REFUND_MANUAL, facts, context.now(), once=True)
    return case
