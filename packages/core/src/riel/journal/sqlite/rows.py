"""Between rows and values. Times are stored as milliseconds since 1970, UTC; maps as JSON."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from riel.journal.records import Challenge, ChallengeState, Event, Message, PaymentRecord, State
from riel.money import Money
from riel.rail import Payee

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def millis(at: datetime) -> int:
    """An aware time as it is stored. Whole numbers throughout: a float rounds the end of time into the year 10000."""
    return (at - EPOCH) // MILLISECOND


def maybe_millis(at: datetime | None) -> int | None:
    """The same, where there may be none."""
    return None if at is None else millis(at)


def when(value: int) -> datetime:
    """A stored time."""
    return EPOCH + value * MILLISECOND


def maybe_when(value: int | None) -> datetime | None:
    """The same, where there may be none."""
    return None if value is None else when(value)


CHALLENGE = (
    "owner.id, owner.principal, owner.rail, owner.mode, owner.kind, owner.digest, owner.nonce, owner.factor, "
    "owner.text, owner.amount, owner.currency, owner.account, owner.payee, owner.bank, owner.created_at, "
    "owner.expires_at, owner.state, owner.asked_at, owner.once, owner.earlier"
)
"""The columns of a challenge in the order in which :func:`challenge_of` takes them, with ``attempts`` after them.

By place and not by name: a row looks a name up among all of its columns, which took longer than the query.
"""

PAYMENT = (
    "owner.id, owner.principal, owner.rail, owner.mode, owner.kind, owner.reference, owner.amount, owner.currency, "
    "owner.account, owner.payee, owner.bank, owner.body, owner.facts, owner.state, owner.fence, owner.owner, "
    "owner.sends, owner.looks, owner.created_at, owner.sent_at, owner.updated_at, owner.next_at, owner.watch_until, "
    "owner.resend_until, owner.absent_after, owner.settled_at, owner.rail_id, owner.code, owner.said, "
    "owner.refund_of, owner.payer"
)
"""The columns of a payment in the order in which :func:`payment_of` takes them, with ``refunded`` after them."""


def challenge_of(row: sqlite3.Row) -> Challenge:
    """A row that begins with the columns :data:`CHALLENGE` and ``attempts``."""
    (id_, principal, rail, mode, kind, digest, nonce, factor, text, amount, currency, account, payee, bank, *rest) = row
    created_at, expires_at, state, asked_at, once, earlier, attempts = rest[:7]
    return Challenge(
        id=id_,
        principal=principal,
        rail=rail,
        mode=mode,
        kind=kind,
        digest=digest,
        nonce=nonce,
        factor=factor,
        text=text,
        money=Money(amount, currency),
        payee=Payee(account, payee, bank),
        created_at=when(created_at),
        expires_at=when(expires_at),
        state=ChallengeState(state),
        attempts=attempts,
        asked_at=maybe_when(asked_at),
        once=once,
        earlier=earlier,
    )


def payment_of(row: sqlite3.Row) -> PaymentRecord:
    """A row that begins with the columns :data:`PAYMENT` and ``refunded``."""
    (id_, principal, rail, mode, kind, reference, amount, currency, account, payee, bank, body, facts, *rest) = row
    (state, fence, owner, sends, looks, created_at, sent_at, updated_at, next_at, watch_until, *rest) = rest
    resend_until, absent_after, settled_at, rail_id, code, said, refund_of, payer, refunded = rest[:9]
    return PaymentRecord(
        id=id_,
        principal=principal,
        rail=rail,
        mode=mode,
        kind=kind,
        reference=reference,
        money=Money(amount, currency),
        payee=Payee(account, payee, bank),
        body=body,
        facts=json.loads(facts),
        state=State(state),
        fence=fence,
        owner=owner,
        sends=sends,
        looks=looks,
        created_at=when(created_at),
        sent_at=when(sent_at),
        updated_at=when(updated_at),
        next_at=maybe_when(next_at),
        watch_until=maybe_when(watch_until),
        resend_until=maybe_when(resend_until),
        absent_after=maybe_when(absent_after),
        settled_at=maybe_when(settled_at),
        rail_id=rail_id,
        code=code,
        said=said,
        refund_of=refund_of,
        refunded=refunded,
        payer=payer,
    )


def event_of(row: sqlite3.Row) -> Event:
    """A row of ``events``."""
    body: dict[str, Any] = json.loads(row["body"])
    return Event(
        seq=row["seq"],
        payment_id=row["payment_id"],
        n=row["n"],
        at=when(row["at"]),
        event=row["event"],
        body=body,
        hash=row["hash"],
    )


def message_of(row: sqlite3.Row) -> Message:
    """A row of ``outbox``."""
    return Message(
        id=row["id"],
        topic=row["topic"],
        body=json.loads(row["body"]),
        created_at=when(row["created_at"]),
        attempts=row["attempts"],
    )
