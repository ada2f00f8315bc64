"""Verify the record page by page, each in a transaction of its own: a long journal never holds up who commits."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from riel.journal.audit.anchors import CHAINS_PER_PAGE, AnchoredEnd, check_anchor, check_payment
from riel.journal.audit.chain import Anchor, ChainBreak, ChainRow, first_break
from riel.journal.audit.rows import (
    check_attempts,
    check_controls,
    check_decision_proofs,
    check_decisions,
    check_messages,
    check_rows,
    check_totals,
    count_failed,
    expected_messages,
    missing_message,
)
from riel.journal.columns import ANCHOR_COLUMNS, DECISION_COLUMNS, EVENT_COLUMNS
from riel.journal.row_mac import RowMac
from riel.journal.sqlite.audit import hashes
from riel.journal.sqlite.connect import migrations, statements
from riel.journal.sqlite.selects import SELECT_CHALLENGES, SELECT_PAYMENTS

SELECT_IDS = (
    "SELECT DISTINCT payment_id AS id FROM events WHERE payment_id > ? UNION SELECT id FROM challenges WHERE id > ? "
    f"ORDER BY id LIMIT {CHAINS_PER_PAGE}"
)
SELECT_EVENTS = f"SELECT {EVENT_COLUMNS} FROM events WHERE payment_id > ? AND payment_id <= ? ORDER BY payment_id, n"
SELECT_STATES = (
    "SELECT c.id, coalesce(p.state, c.state) AS state FROM challenges c LEFT JOIN payments p ON p.id = c.id "
    "WHERE c.id > ? AND c.id <= ?"
)
SELECT_CREATED = (
    "SELECT p.id, p.reference, p.amount, p.currency, p.payee, p.account, p.body AS payload, e.n, e.body AS said "
    "FROM payments p LEFT JOIN events e ON e.payment_id = p.id AND e.event = p.kind || '.created' "
    f"WHERE p.id > ? ORDER BY p.id LIMIT {CHAINS_PER_PAGE}"
)
SELECT_FIRST_GAP = (
    "SELECT min(seq) AS seq FROM events e WHERE seq > 1 AND NOT EXISTS (SELECT 1 FROM events p WHERE p.seq = e.seq - 1)"
)
SELECT_CHALLENGES_AFTER = SELECT_CHALLENGES + f"base.id > ? ORDER BY base.id LIMIT {CHAINS_PER_PAGE}"
SELECT_HAPPENED = "SELECT payment_id, n, event, body FROM events WHERE payment_id > ? AND payment_id <= ?"
SELECT_ATTEMPTS = (
    "SELECT principal, challenge_id, at, outcome, mac FROM attempts WHERE challenge_id > ? AND challenge_id <= ?"
)
SELECT_DECISIONS = f"SELECT {DECISION_COLUMNS} FROM decisions WHERE challenge_id > ? AND challenge_id <= ?"
SELECT_UNUSED_PROOFS = (
    "SELECT challenge_id FROM decisions WHERE replay_key IS NOT NULL AND replay_key NOT IN "
    "(SELECT replay_key FROM used_proofs) ORDER BY challenge_id"
)
SELECT_FREE_ATTEMPTS = "SELECT principal, challenge_id, at, outcome, mac FROM attempts WHERE challenge_id IS NULL"
SELECT_MESSAGE_IDS = "SELECT id FROM outbox WHERE id > ? AND id < ? || '/'"
SELECT_MESSAGES = "SELECT id, topic, body, created_at, mac FROM outbox"
SELECT_RESERVED = (
    "SELECT c.reservations, c.state, p.state FROM challenges c LEFT JOIN payments p ON p.id = c.id "
    "WHERE c.reservations <> ''"
)
SELECT_TOTALS = "SELECT scope, bucket, amount FROM limit_usage"
SELECT_CONTROLS = "SELECT name, version, document, at FROM controls"
SELECT_JOURNAL_EVENTS = "SELECT n, event, body, hash, row_mac FROM events WHERE payment_id = 'journal' ORDER BY n"
SELECT_USED_PROOFS = "SELECT replay_key, at, mac FROM used_proofs"
SELECT_SCHEMA = (
    "SELECT type, name, tbl_name, sql FROM sqlite_schema "
    "WHERE name NOT LIKE 'sqlite_stat%' AND name <> 'sqlite_sequence'"
)
UNREADABLE = (AttributeError, TypeError, ValueError)
"""What rows raise that hold what no column allows, as those of a damaged file can: SQLite does not look as it reads."""

SELECT_ANCHOR = f"SELECT {ANCHOR_COLUMNS} FROM anchors WHERE n >= ? ORDER BY n LIMIT 1"


@dataclass(frozen=True, slots=True)
class Page:
    """What one page showed, and where the next one begins, if there is one."""

    events: int
    broken: ChainBreak | None
    after: str | None


def damaged() -> ChainBreak:
    """What is said of a file whose rows cannot be read."""
    return ChainBreak("", 0, "a row holds what no column of the journal allows: the file is damaged")


def chains(mac: RowMac, db: sqlite3.Connection, after: str) -> Page:
    """The first break in the chains of the next payments."""
    ids = [row["id"] for row in db.execute(SELECT_IDS, (after, after))]
    if not ids:
        return Page(0, None, None)
    rows = [ChainRow(*row) for row in db.execute(SELECT_EVENTS, (after, ids[-1]))]
    states = {row["id"]: row["state"] for row in db.execute(SELECT_STATES, (after, ids[-1]))}
    return Page(len(rows), first_break(rows, states, mac), ids[-1] if len(ids) == CHAINS_PER_PAGE else None)


def anchor(mac: RowMac, db: sqlite3.Connection, before: AnchoredEnd) -> ChainBreak | AnchoredEnd | None:
    """The next anchor if it holds, why it does not, or ``None`` where there is no other."""
    row = db.execute(SELECT_ANCHOR, (before.n + 1,)).fetchone()
    if row is None:
        return None
    return check_anchor(mac, Anchor(*row), before, hashes(db, before.upto, row["upto"]))


def payments(db: sqlite3.Connection, after: str) -> Page:
    """The first of the next payments that no longer says what was confirmed."""
    rows = db.execute(SELECT_CREATED, (after,)).fetchall()
    broken = next(filter(None, map(check_payment, rows)), None)
    return Page(0, broken, rows[-1]["id"] if broken is None and len(rows) == CHAINS_PER_PAGE else None)


def numbers(db: sqlite3.Connection) -> ChainBreak | None:
    """The first number of an event that is missing: they count from one without a gap."""
    row = db.execute(SELECT_FIRST_GAP).fetchone()
    if row is None or row["seq"] is None:
        return None
    missing = row["seq"] - 1
    return ChainBreak("", missing, f"event number {missing} of the journal is missing: a whole chain was removed")


def rows(mac: RowMac, db: sqlite3.Connection, after: str) -> Page:
    """The first of the next challenges and payments whose row, attempts or messages are not as riel left them."""
    challenges = db.execute(SELECT_CHALLENGES_AFTER, (after,)).fetchall()
    if not challenges:
        return Page(0, None, None)
    span = (after, challenges[-1]["id"])
    paid = db.execute(SELECT_PAYMENTS + "WHERE base.id > ? AND base.id <= ?", span).fetchall()
    happened = db.execute(SELECT_HAPPENED, span).fetchall()
    created = {payment_id: body for payment_id, n, event, body in happened if event.endswith(".created")}
    attempts = db.execute(SELECT_ATTEMPTS, span).fetchall()
    broken = (
        check_rows(mac, challenges, paid, created)
        or check_attempts(mac, attempts, count_failed((row[0], row[2]) for row in happened))
        or check_decisions(mac, map(tuple, db.execute(SELECT_DECISIONS, span)), happened)
        or missing_message(expected_messages(happened), (row["id"] for row in db.execute(SELECT_MESSAGE_IDS, span)))
    )
    return Page(0, broken, span[1] if broken is None and len(challenges) == CHAINS_PER_PAGE else None)


def whole(mac: RowMac, db: sqlite3.Connection) -> ChainBreak | None:
    """What no page shows: attempts without a challenge, messages, totals of limits, controls, tables, triggers."""
    return (
        check_attempts(mac, db.execute(SELECT_FREE_ATTEMPTS), {})
        or check_messages(mac, db.execute(SELECT_MESSAGES))
        or check_totals(db.execute(SELECT_RESERVED), db.execute(SELECT_TOTALS))
        or check_controls(
            mac, db.execute(SELECT_CONTROLS), db.execute(SELECT_JOURNAL_EVENTS), db.execute(SELECT_USED_PROOFS)
        )
        or check_decision_proofs(db.execute(SELECT_UNUSED_PROOFS))
        or _check_schema(db)
    )


def _check_schema(db: sqlite3.Connection) -> ChainBreak | None:
    with closing(sqlite3.connect(":memory:")) as fresh:
        for script in migrations():
            for statement in statements(script):
                fresh.execute(statement)
        expected = {tuple(row) for row in fresh.execute(SELECT_SCHEMA)}
    known = {tuple(row) for row in db.execute(SELECT_SCHEMA)}
    for kind, name, *_ in sorted(expected ^ known, key=str):
        return ChainBreak("", 0, f"the {kind} {name} is not as riel made it: it was added, removed or altered")
    return None
