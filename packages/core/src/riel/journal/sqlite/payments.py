"""SQL of the payments and refunds: creation, transitions and leases."""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from riel.journal import Attempt, ConfirmFailure, events
from riel.journal.canonical_json import canonical
from riel.journal.columns import (
    CHANGED_COLUMNS,
    NEW_PAYMENT_COLUMNS,
    PAYMENT_COLUMNS,
    challenge_of,
    changed_values,
    new_payment_values,
    payment_of,
    to_millis,
)
from riel.journal.records import ChallengeState, Change, Intent, PaymentRecord, State
from riel.journal.sqlite import audit, challenges, reservations
from riel.journal.transitions import BY_AN_OPERATOR, allowed
from riel.rail import Mode

SELECT_PAYMENTS = (
    f"SELECT {PAYMENT_COLUMNS}, (SELECT coalesce(sum(r.amount), 0) FROM payments r WHERE r.refund_of = base.id AND "
    f"r.state = 'settled') AS refunded, {audit.CHAIN_HEAD} FROM payments base "
)
INSERT_PAYMENT = (
    f"INSERT INTO payments ({NEW_PAYMENT_COLUMNS}) VALUES ({','.join('?' * (NEW_PAYMENT_COLUMNS.count(',') + 1))})"
)
UPDATE_PAYMENT = (
    f"UPDATE payments SET {', '.join(f'{column} = ?' for column in CHANGED_COLUMNS)} WHERE id = ? AND fence = ?"
)
SELECT_REFUNDABLE = (
    "SELECT p.amount, p.kind, p.state, (SELECT coalesce(sum(r.amount), 0) FROM payments r WHERE r.refund_of = p.id AND "
    "r.state <> 'rejected') AS taken FROM payments p WHERE p.id = ?"
)
COUNT_OPEN = (
    "SELECT rail, mode, payer, count(*) AS count FROM payments WHERE next_at IS NOT NULL AND "
    "state IN ('sending', 'pending', 'unknown') GROUP BY rail, mode, payer"
)


def get(db: sqlite3.Connection, payment_id: str) -> PaymentRecord | None:
    """One payment or refund."""
    row = db.execute(SELECT_PAYMENTS + "WHERE base.id = ?", (payment_id,)).fetchone()
    return payment_of(row) if row else None


def by_reference(db: sqlite3.Connection, rail: str, mode: str, reference: str) -> PaymentRecord | None:
    """What the rail knows by that reference."""
    row = db.execute(
        SELECT_PAYMENTS + "WHERE rail = ? AND mode = ? AND reference = ?", (rail, mode, reference)
    ).fetchone()
    return payment_of(row) if row else None


def newest(
    db: sqlite3.Connection,
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
    return [payment_of(row) for row in rows]


def count_open(db: sqlite3.Connection) -> dict[tuple[str, Mode, str], int]:
    """How many are open, by rail, mode and payer."""
    return {(rail, mode, payer): count for rail, mode, payer, count in db.execute(COUNT_OPEN)}


def create(
    db: sqlite3.Connection,
    me: str,
    attempt: Attempt,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure:
    """Consume the challenge and create the payment, in the caller's transaction; mark the attempt as right."""
    created = _create(db, me, challenge_id, replay_key, intent, at)
    if created != "code_reused":
        db.execute("UPDATE attempts SET outcome = 'right' WHERE id = ?", (attempt.id,))
    return created


def _create(
    db: sqlite3.Connection, me: str, challenge_id: str, replay_key: str | None, intent: Intent, at: datetime
) -> PaymentRecord | ConfirmFailure:
    now = to_millis(at)
    row = db.execute(challenges.SELECT_CHALLENGES + "id = ?", (challenge_id,)).fetchone()
    if row is None:
        return "expired"
    challenge = challenge_of(row)
    if challenge.state is not ChallengeState.OPEN:
        ended: ConfirmFailure = challenge.state.value  # type: ignore[assignment]  # the other four states are reasons
        return ended
    if to_millis(challenge.expires_at) <= now:
        return "expired"
    if intent.refund_of is not None and (refusal := _refund_refusal(db, intent.refund_of, challenge.money.amount)):
        return refusal
    try:
        db.execute("UPDATE challenges SET state = 'consumed', replay_key = ? WHERE id = ?", (replay_key, challenge_id))
    except sqlite3.IntegrityError:
        return "code_reused"
    record = events.new_payment(challenge, intent, me, at)
    try:
        db.execute(INSERT_PAYMENT, new_payment_values(record, canonical(intent.arguments)))
    except sqlite3.IntegrityError as failure:
        if "payments.reference" not in str(failure):
            raise
        db.execute("UPDATE challenges SET state = 'open', replay_key = NULL WHERE id = ?", (challenge_id,))
        return "reference_taken"
    audit.append(
        db,
        challenge_id,
        now,
        events.payment_event(challenge.kind, "created"),
        events.payment_created_body(challenge, intent),
        row,
    )
    return record


def _refund_refusal(db: sqlite3.Connection, payment_id: str, amount: int) -> ConfirmFailure | None:
    """Whether a refund of ``amount`` may not be: its payment has not settled, or less than that is left of it."""
    row = db.execute(SELECT_REFUNDABLE, (payment_id,)).fetchone()
    if row is None or row["kind"] != "payment" or row["state"] != State.SETTLED:
        return "not_settled"
    return "exceeds_payment" if row["taken"] + amount > row["amount"] else None


def record(
    db: sqlite3.Connection, me: str, payment_id: str, change: Change, at: datetime
) -> tuple[PaymentRecord | None, bool]:
    """Compare and set: write ``change`` where life allows it from the state that is there now."""
    row = db.execute(SELECT_PAYMENTS + "WHERE base.id = ?", (payment_id,)).fetchone()
    if row is None:
        return None, False
    known = payment_of(row)
    leased = change.fence == known.fence and known.owner == me
    if not allowed(known.state, change.to, leased=leased):
        return known, False
    now = to_millis(at)
    changed = events.apply_change(known, change, me, at)
    _update(db, changed)
    reservations.follow_transition(db, known, changed)
    n = audit.append(
        db,
        payment_id,
        now,
        events.payment_event(known.kind, change.event),
        events.transition_body(known, change),
        row,
    )
    if topic := events.TOPICS.get((changed.kind, changed.state)):
        audit.enqueue(db, payment_id, n, topic, now, events.notification_body(changed))
    return changed, True


def _update(db: sqlite3.Connection, record: PaymentRecord) -> None:
    db.execute(UPDATE_PAYMENT, (*changed_values(record), record.id, record.fence))


def resolve_manually(
    db: sqlite3.Connection, payment_id: str, to: State, by: str, evidence: str, at: datetime
) -> PaymentRecord | None:
    """An operator's decision, with who and on what evidence."""
    known = get(db, payment_id)
    if known is None or to not in BY_AN_OPERATOR.get(known.state, ()):
        return None
    now = to_millis(at)
    changed = events.apply_resolution(known, to, at)
    _update(db, changed)
    reservations.follow_transition(db, known, changed)
    n = audit.append(
        db,
        payment_id,
        now,
        events.payment_event(known.kind, "resolved"),
        events.resolution_body(known, to, by, evidence),
    )
    audit.enqueue(db, payment_id, n, events.TOPICS[changed.kind, to], now, events.notification_body(changed))
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
    """What wants to be looked at and is owned by nobody or by one of ``free_owners``, the longest waiting first."""
    owners = sorted(free_owners)
    conditions = f"next_at <= ? AND (owner IS NULL OR owner IN ({','.join('?' * len(owners))}))"
    values: list[str | int] = [at, *owners]
    if rails is not None:
        conditions += (
            f" AND (rail, mode, payer) IN (VALUES {','.join(['(?, ?, ?)'] * len(rails))})" if rails else " AND 0"
        )
        values += [each for pair in sorted(rails) for each in pair]
    rows = db.execute(f"SELECT id FROM payments WHERE {conditions} ORDER BY next_at, id LIMIT ?", (*values, most))
    return [row["id"] for row in rows]


def lease(
    db: sqlite3.Connection,
    payment_id: str,
    me: str,
    free: Callable[[str | None, str], bool],
    due: datetime | None = None,
) -> PaymentRecord | None:
    """Own this one under a new fence, if its owner lets it be taken and something is expected (by ``due``) of it."""
    known = get(db, payment_id)
    if known is None or known.next_at is None or not free(known.owner, known.id):
        return None
    if due is not None and known.next_at > due:
        return None
    db.execute(
        "UPDATE payments SET owner = ?, fence = fence + 1, lookups = lookups + 1 WHERE id = ? AND fence = ?",
        (me, payment_id, known.fence),
    )
    return replace(known, owner=me, fence=known.fence + 1, lookups=known.lookups + 1)


def release(db: sqlite3.Connection, me: str, payment_id: str, fence: int, next_at: int | None) -> None:
    """Give the lease back, if it is still ours: evidence that came meanwhile has ended it."""
    giving = "UPDATE payments SET owner = NULL, next_at = ? WHERE id = ? AND fence = ? AND owner = ?"
    db.execute(giving, (next_at, payment_id, fence, me))
