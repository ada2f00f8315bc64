"""SQL of the audit chain, the anchors and the outbox."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import astuple, replace
from typing import Any

from riel.journal.audit.chain import GENESIS, Anchor, ChainRow, anchor_link, link
from riel.journal.canonical_json import canonical
from riel.journal.columns import ANCHOR_COLUMNS, EVENT_COLUMNS, MESSAGE_COLUMNS, backlog_of, message_of
from riel.journal.records import Backlog, Message, Topic
from riel.journal.row_mac import ANCHORS, EVENTS, OUTBOX, ProvenRow, RowMac

CHAIN_HEAD = (
    "(SELECT max(e.n) FROM events e WHERE e.payment_id = base.id) AS last_n, "
    "(SELECT e.hash FROM events e WHERE e.payment_id = base.id ORDER BY e.n DESC LIMIT 1) AS last_hash, "
    "(SELECT e.row_mac FROM events e WHERE e.payment_id = base.id ORDER BY e.n DESC LIMIT 1) AS last_row_mac"
)
"""Columns with the end of the chain of the row ``base``."""
INSERT_MESSAGE = "INSERT INTO outbox (id, topic, body, created_at, next_at, mac) VALUES (?, ?, ?, ?, ?, ?)"
SELECT_DUE = (
    f"SELECT {MESSAGE_COLUMNS} FROM outbox WHERE sent_at IS NULL AND next_at <= ? "
    "ORDER BY next_at, created_at, id LIMIT ?"
)
COUNT_WAITING = "SELECT count(*), min(created_at) FROM outbox WHERE sent_at IS NULL"
SELECT_LAST_FAILURE = (
    "SELECT failure, failed_at FROM outbox WHERE sent_at IS NULL AND failed_at IS NOT NULL "
    "ORDER BY failed_at DESC LIMIT 1"
)

SELECT_ANCHORED_EVENTS = (
    f"SELECT {EVENT_COLUMNS} FROM events WHERE seq > ? AND seq <= (SELECT coalesce(max(upto), 0) FROM anchors) "
    "ORDER BY seq LIMIT ?"
)


def append(
    db: sqlite3.Connection,
    mac: RowMac,
    payment_id: str,
    at: int,
    event: str,
    body: Mapping[str, Any],
    row: ProvenRow,
    last: sqlite3.Row | None = None,
) -> int:
    """Add one event to the chain of one payment and return its number there.

    :param row: the challenge or payment as this event leaves it.
    :param last: a database row with the columns :data:`CHAIN_HEAD`, if one is at hand.
    """
    head = last or db.execute(f"SELECT {CHAIN_HEAD} FROM (SELECT ? AS id) base", (payment_id,)).fetchone()
    n, previous = (head["last_n"] or 0) + 1, head["last_hash"] or GENESIS
    text = canonical(body)
    hashed = link(previous, payment_id, n, at, event, text)
    db.execute(
        "INSERT INTO events (payment_id, n, at, event, body, hash, mac, row_mac) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (payment_id, n, at, event, text, hashed, mac.of(EVENTS, hashed), row.mac(mac, n, hashed)),
    )
    return n


def has_event(db: sqlite3.Connection, payment_id: str, event: str) -> bool:
    """Whether the chain of a payment holds an event of that name."""
    return (
        db.execute("SELECT 1 FROM events WHERE payment_id = ? AND event = ?", (payment_id, event)).fetchone()
        is not None
    )


def enqueue(
    db: sqlite3.Connection, mac: RowMac, payment_id: str, n: int, topic: Topic, at: int, body: Mapping[str, Any]
) -> None:
    """Put a message about event ``n`` of a payment into the outbox. Its id says which, so a receiver knows a repeat."""
    db.execute(INSERT_MESSAGE, _message_values(mac, f"{payment_id}.{n}", topic, at, body))


def enqueue_once(
    db: sqlite3.Connection, mac: RowMac, message_id: str, topic: Topic, at: int, body: Mapping[str, Any]
) -> bool:
    """Put a message into the outbox, unless one with that id was there before. Return whether it is new."""
    values = _message_values(mac, message_id, topic, at, body)
    return db.execute(f"{INSERT_MESSAGE} ON CONFLICT (id) DO NOTHING", values).rowcount == 1


def _message_values(
    mac: RowMac, message_id: str, topic: Topic, at: int, body: Mapping[str, Any]
) -> tuple[str | int, ...]:
    text = canonical(body)
    return message_id, topic, text, at, at, mac.of(OUTBOX, message_id, topic, text, at)


def anchor(db: sqlite3.Connection, mac: RowMac, at: int) -> Anchor | None:
    """Anchor the events since the last anchor, if there are any."""
    last = db.execute("SELECT n, upto, hash FROM anchors ORDER BY n DESC LIMIT 1").fetchone()
    n, since, previous = (last["n"] + 1, last["upto"], last["hash"]) if last else (1, 0, GENESIS)
    upto = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    if upto == since:
        return None
    digest, count = anchor_link(previous, at, upto, hashes(db, since, upto))
    new = Anchor(n, at, upto, count, digest, mac.of(ANCHORS, n, digest))
    db.execute(f"INSERT INTO anchors ({ANCHOR_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", astuple(new))
    return new


def hashes(db: sqlite3.Connection, since: int, upto: int) -> Iterator[str]:
    """The hashes of the events after ``since`` and up to ``upto``, in the order of writing."""
    for row in db.execute("SELECT hash FROM events WHERE seq > ? AND seq <= ? ORDER BY seq", (since, upto)):
        yield row["hash"]


def anchors(db: sqlite3.Connection) -> list[Anchor]:
    """Every anchor, oldest first."""
    return [Anchor(*row) for row in db.execute(f"SELECT {ANCHOR_COLUMNS} FROM anchors ORDER BY n")]


def anchored_events(db: sqlite3.Connection, after: int, most: int) -> list[ChainRow]:
    """The next events that the newest anchor seals, in the order of writing."""
    return [ChainRow(*row) for row in db.execute(SELECT_ANCHORED_EVENTS, (after, most))]


def lease_messages(db: sqlite3.Connection, at: int, until: int, most: int) -> list[Message]:
    """Messages that are due, leased until ``until``."""
    rows = db.execute(SELECT_DUE, (at, most)).fetchall()
    for row in rows:
        db.execute("UPDATE outbox SET next_at = ?, attempts = attempts + 1 WHERE id = ?", (until, row["id"]))
    return [replace(message_of(row), attempts=row["attempts"] + 1) for row in rows]


def any_due(db: sqlite3.Connection, at: int) -> bool:
    """Whether :func:`take` would find anything."""
    return bool(db.execute(SELECT_DUE, (at, 1)).fetchall())


def mark_sent(db: sqlite3.Connection, message_id: str, at: int) -> None:
    """It was delivered."""
    db.execute("UPDATE outbox SET sent_at = ? WHERE id = ? AND sent_at IS NULL", (at, message_id))


def mark_failed(db: sqlite3.Connection, message_id: str, why: str, at: int, next_at: int) -> None:
    """Record a failed delivery. A message that another process delivered meanwhile stays delivered."""
    db.execute(
        "UPDATE outbox SET failure = ?, failed_at = ?, next_at = ? WHERE id = ? AND sent_at IS NULL",
        (why, at, next_at, message_id),
    )


def backlog(db: sqlite3.Connection) -> Backlog:
    """What waits."""
    return backlog_of(db.execute(COUNT_WAITING).fetchone(), db.execute(SELECT_LAST_FAILURE).fetchone())
