"""SQL of what leaves besides the payment."""

from collections.abc import Mapping
from typing import Any

from riel.journal.canonical_json import canonical
from riel.journal.columns import backlog_of, message_of
from riel.journal.postgres.sessions import Session
from riel.journal.records import Backlog, Message, Topic
from riel.journal.row_mac import OUTBOX, RowMac

INSERT_MESSAGE = (
    "INSERT INTO outbox (id, topic, body, created_at, next_at, mac) VALUES ($1, $2, $3, $4, $4, $5) "
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)
SELECT_ANY_DUE = "SELECT 1 FROM outbox WHERE sent_at IS NULL AND next_at <= $1 LIMIT 1"
LEASE_MESSAGES = (
    "WITH due AS (SELECT id, next_at FROM outbox WHERE sent_at IS NULL AND next_at <= $1 "
    "ORDER BY next_at, created_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) "
    "UPDATE outbox o SET next_at = $2, attempts = o.attempts + 1 FROM due WHERE o.id = due.id "
    "RETURNING o.id, o.topic, o.body, o.created_at, o.attempts, due.next_at AS due_at"
)
MARK_SENT = "UPDATE outbox SET sent_at = $2 WHERE id = $1 AND sent_at IS NULL"
MARK_FAILED = "UPDATE outbox SET failure = $2, failed_at = $3, next_at = $4 WHERE id = $1 AND sent_at IS NULL"
COUNT_WAITING = "SELECT count(*), min(created_at) FROM outbox WHERE sent_at IS NULL"
SELECT_LAST_FAILURE = (
    "SELECT failure, failed_at FROM outbox WHERE sent_at IS NULL AND failed_at IS NOT NULL "
    "ORDER BY failed_at DESC LIMIT 1"
)


async def enqueue_once(
    session: Session, mac: RowMac, message_id: str, topic: Topic, at: int, body: Mapping[str, Any]
) -> bool:
    """Put a message into the outbox, unless one with that id was there before. Return whether it is new."""
    text = canonical(body)
    proof = mac.of(OUTBOX, message_id, topic, text, at)
    return await session.write(INSERT_MESSAGE, message_id, topic, text, at, proof) is not None


async def any_due(session: Session, at: int) -> bool:
    """Whether :func:`take` would find anything: who looks every second must not write each time."""
    return await session.row(SELECT_ANY_DUE, at) is not None


async def lease_messages(session: Session, at: int, until: int, most: int) -> list[Message]:
    """Messages that are due, leased until ``until``; those that another process is taking are its own."""
    rows = await session.write_many(LEASE_MESSAGES, at, until, most)
    rows.sort(key=lambda row: (row["due_at"], row["created_at"], row["id"]))
    return [message_of(tuple(row)[:5]) for row in rows]


async def mark_sent(session: Session, message_id: str, at: int) -> None:
    """It was delivered."""
    await session.write(MARK_SENT, message_id, at)


async def mark_failed(session: Session, message_id: str, why: str, at: int, next_at: int) -> None:
    """Record a failed delivery. A message that another process delivered meanwhile stays delivered."""
    await session.write(MARK_FAILED, message_id, why, at, next_at)


async def backlog(session: Session) -> Backlog:
    """What waits."""
    waiting, last = await session.row(COUNT_WAITING), await session.row(SELECT_LAST_FAILURE)
    return backlog_of(tuple(waiting), tuple(last) if last else None)
