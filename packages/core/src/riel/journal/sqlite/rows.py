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


def challenge_of(row: sqlite3.Row) -> Challenge:
    """A row of ``challenges``."""
    return Challenge(
        id=row["id"],
        principal=row["principal"],
        rail=row["rail"],
        mode=row["mode"],
        kind=row["kind"],
        digest=row["digest"],
        nonce=row["nonce"],
        factor=row["factor"],
        text=row["text"],
        money=Money(row["amount"], row["currency"]),
        payee=Payee(row["account"], row["payee"], row["bank"]),
        created_at=when(row["created_at"]),
        expires_at=when(row["expires_at"]),
        state=ChallengeState(row["state"]),
        attempts=row["attempts"],
        asked_at=maybe_when(row["asked_at"]),
        once=row["once"],
        earlier=row["earlier"],
    )


def payment_of(row: sqlite3.Row) -> PaymentRecord:
    """A row of ``payments`` with its column ``refunded``."""
    return PaymentRecord(
        id=row["id"],
        principal=row["principal"],
        rail=row["rail"],
        mode=row["mode"],
        kind=row["kind"],
        reference=row["reference"],
        money=Money(row["amount"], row["currency"]),
        payee=Payee(row["account"], row["payee"], row["bank"]),
        body=row["body"],
        facts=json.loads(row["facts"]),
        state=State(row["state"]),
        fence=row["fence"],
        owner=row["owner"],
        sends=row["sends"],
        looks=row["looks"],
        created_at=when(row["created_at"]),
        sent_at=when(row["sent_at"]),
        updated_at=when(row["updated_at"]),
        next_at=maybe_when(row["next_at"]),
        watch_until=maybe_when(row["watch_until"]),
        resend_until=maybe_when(row["resend_until"]),
        absent_after=maybe_when(row["absent_after"]),
        settled_at=maybe_when(row["settled_at"]),
        rail_id=row["rail_id"],
        code=row["code"],
        said=row["said"],
        refund_of=row["refund_of"],
        refunded=row["refunded"],
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
