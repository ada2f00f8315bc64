"""A rail's client without the engine: orders as the core would hold them, and how a call of the client ended."""

import hashlib
from datetime import datetime
from itertools import count

from riel.errors import NothingLearned, NotSent, OutcomeUnknown, Rejected
from riel.money import Money
from riel.rail import Client, Draft, Order, Payment, ReferenceSource

_numbers = count(1)


def references(
    now: datetime, confirmation: str | None = None, *, created_at: datetime | None = None
) -> ReferenceSource:
    """What ``prepare`` is given at ``now``.

    :param confirmation: names the confirmation: the same one makes the same references. By default, each is another.
    :param created_at: when the person was asked; ``now``, unless given.
    """
    secret = hashlib.sha256((confirmation or f"confirmation {next(_numbers)}").encode()).digest()
    return ReferenceSource(now, created_at or now, secret)


def draft_order(client: Client, payment: Payment, currency: str, now: datetime) -> Order:
    """A payment as the core holds it once it is confirmed: prepared by ``client``, with a reference and exact bytes."""
    money = Money(payment.amount, currency)
    prepared = client.prepare(Draft(kind=payment.kind, money=money, payment=payment), references(now))
    return Order(
        kind=payment.kind,
        id=f"pay_{next(_numbers)}",
        reference=prepared.reference,
        money=money,
        payee=payment.payee(),
        body=prepared.body,
        created_at=now,
        facts=dict(prepared.facts),
    )


async def send_outcome(client: Client, order: Order) -> str:
    """Send ``order`` and say how it ended: a status, ``rejected <provider code>``, ``unknown`` or ``not sent``."""
    try:
        return (await client.send(order)).status.value
    except Rejected as rejected:
        return f"rejected {rejected.provider_code}"
    except OutcomeUnknown:
        return "unknown"
    except NotSent:
        return "not sent"


async def lookup_outcome(client: Client, order: Order) -> str:
    """Look ``order`` up and say how it ended: a status, ``absent``, or ``nothing`` where nothing was learned."""
    try:
        answer = await client.status(order)
    except NothingLearned:
        return "nothing"
    return "absent" if answer is None else answer.status.value
