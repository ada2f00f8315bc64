"""Read many payments from the journal without holding them all."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime

from riel.journal import Journal, PaymentRecord, State
from riel.journal.columns import MILLISECOND

PAGE = 1000


async def iterate_payments(
    journal: Journal,
    *,
    states: Collection[State] = (),
    rail: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    page: int = PAGE,
) -> AsyncIterator[PaymentRecord]:
    """Every payment and refund that ``journal.payments`` would find, ``page`` at a time, the newest first."""
    seen = set[str]()
    while True:
        found = await journal.payments(states=states, rail=rail, since=since, until=until, most=page)
        for record in found:
            if record.id not in seen:
                yield record
        if len(found) < page:
            return
        last = found[-1].created_at
        if found[0].created_at == last:  # more of one millisecond than a page holds
            page *= 2
        seen = {record.id for record in found if record.created_at == last}
        until = last + MILLISECOND
