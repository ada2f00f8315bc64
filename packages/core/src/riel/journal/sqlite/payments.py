"""SQL of the payments and refunds: creation, transitions and leases."""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from riel.journal import PayeeHistory, events
from riel.journal.columns import (
    CHANGED_COLUMNS,
    URGENCY,
    changed_values,
    to_millis,
)
from riel.journal.freeze import FreezeCheck
from riel.journal.records import Change, PaymentRecord, State
from riel.journal.row_mac import PAYMENTS, RowMac
from riel.journal.sqlite import audit, reservations
from riel.journal.sqlite.controls import is_frozen
from riel.journal.sqlite.selects import SELECT_PAYMENTS
from riel.journal.stored_rows import UNREADABLE, StoredRow, read_payment
from riel.journal.transitions import BY_AN_OPERATOR, adds_facts, allowed
from riel.rail import Mode

UPDATE_PAYMENT = (
    f"UPDATE payments SET {', '.join(f'{column} = ?' for column in CHANGED_COLUMNS)} WHERE id = ? AND fence = ?"
)
BY_REFERENCE = (
    "WHERE base.id = coalesce((SELECT r.id FROM payments r "
    "WHERE r.rail = :rail AND r.mode = :mode AND r.reference = :reference "
    "AND (r.state <> 'rejected' OR r.code <> 'RAIL_UNREACHABLE')), "
    "(SELECT r.id FROM payments r WHERE r.rail = :rail AND r.mode = :mode AND r.reference = :reference "
    "AND r.state = 'rejected' AND r.code = 'RAIL_UNREACHABLE' ORDER BY r.created_at DESC LIMIT 1))"
)
"""The payment of a reference; one that never left only where there is no other."""
SELECT_RECENT = (
    "WHERE rail = ? AND mode = ? AND account = ? AND kind = 'payment' AND created_at >= ? "
    "ORDER BY created_at DESC, base.rowid DESC LIMIT ?"
)
COUNT_OPEN = (
    "SELECT rail, mode, payer, count(*) AS count FROM payments WHERE next_at IS NOT NULL AND "
    "state IN ('sending', 'pending', 'unknown') GROUP BY rail, mode, payer"
)


@dataclass(frozen=True, slots=True)
class Owner:
    """This process as the owner of payments, with what proves rows and what it knows of the freeze."""

    mac: RowMac
    me: str
    freeze: FreezeCheck


def get(db: sqlite3.Connection, mac: RowMac, payment_id: str) -> PaymentRecord | None:
    """One payment or refund."""
    row = _select(db, payment_id)
    return read_payment(mac, row).value if row else None


def _select(db: sqlite3.Connection, payment_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(SELECT_PAYMENTS + "WHERE base.id = ?", (payment_id,)).fetchone()
    return row


def by_reference(db: sqlite3.Connection, mac: RowMac, rail: str, mode: str, reference: str) -> PaymentRecord | None:
    """What the rail knows by that reference."""
    row = db.execute(SELECT_PAYMENTS + BY_REFERENCE, {"rail": rail, "mode": mode, "reference": reference}).fetchone()
    return read_payment(mac, row).value if row else None


def refunds(db: sqlite3.Connection, mac: RowMac, payment_id: str) -> list[PaymentRecord]:
    """The refunds of a payment."""
    rows = db.execute(SELECT_PAYMENTS + "WHERE base.refund_of = ? ORDER BY base.created_at, base.id", (payment_id,))
    return [read_payment(mac, row).value for row in rows]


def newest(
    db: sqlite3.Connection,
    mac: RowMac,
    states: Collection[State],
    rail: str | None,
    since: datetime | None,
    until: datetime | None,
    most: int,
) -> list[PaymentRecord]:
    """The newest, newest first."""
    conditions, values = ["1"], list[str | int]()
    if states:
        conditions.append(f"state IN ({','.join('?' * len(states))})")
        values += sorted(states)
    if rail is not None:
        conditions.append("+rail = ?")  # the sign keeps to the index by time: by rail, each page would read them all
        values.append(rail)
    for bound, at in (("created_at >= ?", since), ("created_at < ?", until)):
        if at is not None:
            conditions.append(bound)
            values.append(to_millis(at))
    rows = db.execute(
        SELECT_PAYMENTS + f"WHERE {' AND '.join(conditions)} ORDER BY created_at DESC, base.rowid DESC LIMIT ?",
        (*values, most),
    )
    return [read_payment(mac, row).value for row in rows]


def payee_history(
    db: sqlite3.Connection, mac: RowMac, payee: tuple[str, Mode, str], since: datetime, most: int
) -> PayeeHistory:
    """The payments to one account of a rail."""
    rows = db.execute(SELECT_PAYMENTS + SELECT_RECENT, (*payee, to_millis(since), most))
    recent = [read_payment(mac, row).value for row in rows]
    return PayeeHistory(db.execute(reservations.SELECT_SETTLED, payee).fetchone() is not None, recent)


def count_open(db: sqlite3.Connection) -> dict[tuple[str, Mode, str], int]:
    """How many are open, by rail, mode and payer."""
    return {(rail, mode, payer): count for rail, mode, payer, count in db.execute(COUNT_OPEN)}


def record(
    db: sqlite3.Connection, owner: Owner, payment_id: str, change: Change, at: datetime
) -> tuple[PaymentRecord | None, bool]:
    """Compare and set: write ``change`` where life allows it from the state that is there now."""
    mac, row = owner.mac, _select(db, payment_id)
    if row is None:
        return None, False
    stored = read_payment(mac, row)
    if stored.broken:
        _put_in_review(db, mac, payment_id, stored, at, row)
        return record(db, owner, payment_id, change, at)
    known = stored.value
    leased = change.fence == known.fence and known.owner == owner.me
    if not (adds_facts(known.state, change) or allowed(known.state, change.to, leased=leased)):
        return known, False
    if change.sends_again and is_frozen(db, mac, owner.freeze):
        return known, False
    changed = events.apply_change(known, change, owner.me, at)
    _write(
        db,
        mac,
        stored,
        changed,
        events.payment_event(known.kind, change.event),
        events.transition_body(known, change),
        row,
    )
    return changed, True


def _write(
    db: sqlite3.Connection,
    mac: RowMac,
    stored: StoredRow[PaymentRecord],
    changed: PaymentRecord,
    event: str,
    body: events.Body,
    last: sqlite3.Row,
) -> None:
    """Write a payment that has changed, with its event, its notification and what it takes of the limits."""
    now, values = to_millis(changed.updated_at), changed_values(changed)
    db.execute(UPDATE_PAYMENT, (*values, changed.id, changed.fence))
    reservations.follow_transition(db, str(stored.row.value_of("state")), changed)
    row = stored.row.changed(**dict(zip(CHANGED_COLUMNS, values, strict=True)))
    n = audit.append(db, mac, changed.id, now, event, body, row, last)
    if topic := events.topic_of(event, changed):
        audit.enqueue(db, mac, changed.id, n, topic, now, events.notification_body(changed))


def resolve_manually(
    db: sqlite3.Connection, mac: RowMac, payment_id: str, to: State, by: str, evidence: str, at: datetime
) -> PaymentRecord | None:
    """An operator's decision, with who and on what evidence."""
    row = _select(db, payment_id)
    if row is None:
        return None
    stored = read_payment(mac, row)
    if stored.broken:
        _put_in_review(db, mac, payment_id, stored, at, row)
        return resolve_manually(db, mac, payment_id, to, by, evidence, at)
    known = stored.value
    if to not in BY_AN_OPERATOR.get(known.state, ()):
        return None
    changed = events.apply_resolution(known, to, at)
    event = events.payment_event(known.kind, "resolved")
    _write(db, mac, stored, changed, event, events.resolution_body(known, to, by, evidence), row)
    return changed


def due_owners(db: sqlite3.Connection, at: int) -> list[str]:
    """Every process that owns a payment which is due."""
    rows = db.execute("SELECT DISTINCT owner FROM payments WHERE next_at <= ? AND owner IS NOT NULL", (at,))
    return [row["owner"] for row in rows]


def due_payments(
    db: sqlite3.Connection,
    at: int,
    free_owners: Collection[str],
    rails: Collection[tuple[str, Mode, str]] | None,
    most: int,
) -> list[str]:
    """What wants to be looked at and is owned by nobody or by one of ``free_owners``, the most urgent first."""
    owners = sorted(free_owners)
    conditions = f"next_at <= ? AND (owner IS NULL OR owner IN ({','.join('?' * len(owners))}))"
    values: list[str | int] = [at, *owners]
    if rails is not None:
        conditions += (
            f" AND (rail, mode, payer) IN (VALUES {','.join(['(?, ?, ?)'] * len(rails))})" if rails else " AND 0"
        )
        values += [each for pair in sorted(rails) for each in pair]
    rows = db.execute(
        f"SELECT id FROM payments WHERE {conditions} ORDER BY {URGENCY}, next_at, id LIMIT ?", (*values, most)
    )
    return [row["id"] for row in rows]


def lease(
    db: sqlite3.Connection,
    mac: RowMac,
    payment_id: str,
    me: str,
    free: Callable[[str | None, str], bool],
    at: datetime,
    *,
    due: bool = False,
) -> PaymentRecord | None:
    """Own this one under a new fence, if its owner lets it be taken and something is expected of it, if ``due`` by now.

    One whose row is not as riel wrote it is not leased: it comes into review.
    """
    row = _select(db, payment_id)
    if row is None or row["next_at"] is None or not free(row["owner"], payment_id):
        return None
    if due and row["next_at"] > to_millis(at):
        return None
    stored = _read_or_none(mac, row)
    if stored is None or stored.value.tampered:
        _put_in_review(db, mac, payment_id, stored, at, row)
        return None
    known = stored.value
    db.execute(
        "UPDATE payments SET owner = ?, fence = fence + 1, lookups = lookups + 1 WHERE id = ? AND fence = ?",
        (me, payment_id, known.fence),
    )
    return replace(known, owner=me, fence=known.fence + 1, lookups=known.lookups + 1)


def _read_or_none(mac: RowMac, row: sqlite3.Row) -> StoredRow[PaymentRecord] | None:
    """The payment of a row, or ``None`` where the row holds what riel never writes."""
    try:
        return read_payment(mac, row)
    except UNREADABLE:
        return None


def _put_in_review(
    db: sqlite3.Connection,
    mac: RowMac,
    payment_id: str,
    stored: StoredRow[PaymentRecord] | None,
    at: datetime,
    last: sqlite3.Row,
) -> None:
    """Put a payment whose row was altered into review; one that is not even readable is only taken off the schedule."""
    if stored is None:
        mac.report(PAYMENTS, payment_id)
        db.execute("UPDATE payments SET next_at = NULL WHERE id = ?", (payment_id,))
        return
    changed = replace(stored.value, updated_at=at)
    event = events.payment_event(changed.kind, events.TAMPERED)
    _write(db, mac, stored, changed, event, events.tampered_body(), last)


def release(db: sqlite3.Connection, me: str, payment_id: str, fence: int, next_at: int | None) -> None:
    """Give the lease back, if it is still ours: evidence that came meanwhile has ended it."""
    giving = "UPDATE payments SET owner = NULL, next_at = ? WHERE id = ? AND fence = ? AND owner = ?"
    db.execute(giving, (next_at, payment_id, fence, me))
