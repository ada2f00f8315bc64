"""Verify the record page by page, each in a transaction of its own: a long journal never holds up who commits."""

import sqlite3
from dataclasses import dataclass

from riel.journal.audit.anchors import CHAINS_PER_PAGE, AnchoredEnd, check_anchor, check_payment
from riel.journal.audit.chain import Anchor, ChainBreak, ChainRow, first_break
from riel.journal.columns import EVENT_COLUMNS
from riel.journal.sqlite.audit import hashes

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
UNREADABLE = (AttributeError, TypeError, ValueError)
"""What rows raise that hold what no column allows, as those of a damaged file can: SQLite does not look as it reads."""

SELECT_ANCHOR = "SELECT n, at, upto, count, hash FROM anchors WHERE n >= ? ORDER BY n LIMIT 1"


@dataclass(frozen=True, slots=True)
class Page:
    """What one page showed, and where the next one begins, if there is one."""

    events: int
    broken: ChainBreak | None
    after: str | None


def damaged() -> ChainBreak:
    """What is said of a file whose rows cannot be read."""
    return ChainBreak("", 0, "a row holds what no column of the journal allows: the file is damaged")


def chains(db: sqlite3.Connection, after: str) -> Page:
    """The first break in the chains of the next payments."""
    ids = [row["id"] for row in db.execute(SELECT_IDS, (after, after))]
    if not ids:
        return Page(0, None, None)
    rows = [ChainRow(*row) for row in db.execute(SELECT_EVENTS, (after, ids[-1]))]
    states = {row["id"]: row["state"] for row in db.execute(SELECT_STATES, (after, ids[-1]))}
    return Page(len(rows), first_break(rows, states), ids[-1] if len(ids) == CHAINS_PER_PAGE else None)


def anchor(db: sqlite3.Connection, before: AnchoredEnd) -> ChainBreak | AnchoredEnd | None:
    """The next anchor if it holds, why it does not, or ``None`` where there is no other."""
    row = db.execute(SELECT_ANCHOR, (before.n + 1,)).fetchone()
    if row is None:
        return None
    return check_anchor(Anchor(*row), before, hashes(db, before.upto, row["upto"]))


def payments(db: sqlite3.Connection, after: str) -> Page:
    """The first of the next payments that no longer says what was confirmed."""
    rows = db.execute(SELECT_CREATED, (after,)).fetchall()
    broken = next(filter(None, map(check_payment, rows)), None)
    return Page(0, broken, rows[-1]["id"] if broken is None and len(rows) == CHAINS_PER_PAGE else None)
