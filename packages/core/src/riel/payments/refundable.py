"""What is left of a payment to refund."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from riel.journal import PaymentRecord, State
from riel.payments.context import Context


@dataclass(frozen=True, slots=True)
class Refundable:
    """``left`` minor units may be refunded; more after ``watched_until``, if no rejected refund arrives by then."""

    left: int
    watched_until: datetime | None = None

    @property
    def details(self) -> dict[str, Any]:
        """The same for an agent."""
        until = {} if self.watched_until is None else {"watchedUntil": f"{self.watched_until:%Y-%m-%dT%H:%M:%SZ}"}
        return {"refundable": self.left, **until}


async def refundable(context: Context, original: PaymentRecord) -> Refundable:
    """Return what is left of ``original``: a rejected refund that is still watched may arrive yet, so it is taken."""
    now, taken = context.now(), 0
    watched: list[datetime] = []
    for refund in await context.journal.refunds(original.id):
        until = refund.late_arrival_until(now)
        if refund.state is not State.REJECTED or until is not None:
            taken += refund.money.amount
        if until is not None:
            watched.append(until)
    return Refundable(original.money.amount - taken, max(watched, default=None))
