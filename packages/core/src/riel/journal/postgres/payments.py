"""SQL of the payments and refunds: creation and transitions, each of them one statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from riel.journal import PayeeHistory, events
from riel.journal.canonical_json import canonical
from riel.journal.columns import (
    CHANGED_COLUMNS,
    changed_values,
    to_millis,
)
from riel.journal.freeze import FREEZE_STATE, FreezeCheck
from riel.journal.postgres import reservations
from riel.journal.postgres.controls import is_frozen
from riel.journal.postgres.row_cache import (
    CachedRow,
    ChainHead,
    RowCache,
    cached_row,
)
from riel.journal.postgres.selects import SELECT_PAYMENTS
from riel.journal.postgres.sessions import LostRace, Session
from riel.journal.records import Challenge, Change, PaymentRecord, State
from riel.journal.row_mac import OUTBOX, PAYMENTS, RowMac
from riel.journal.stored_rows import StoredRow, read_payment
from riel.journal.transitions import BY_AN_OPERATOR, adds_facts, allowed
from riel.rail import Mode

CHANGED_ASSIGNMENTS = ", ".join(f"{column} = ${place}" for place, column in enumerate(CHANGED_COLUMNS, 4))
CHANGE_PAYMENT = (
    f"WITH changed AS (UPDATE payments SET {CHANGED_ASSIGNMENTS} "
    f"WHERE id = $1 AND fence = $2 AND state = $3 AND ($30::text IS NULL OR {FREEZE_STATE} = $30) RETURNING id), "
    "event AS (INSERT INTO events (payment_id, n, at, event, body, hash, mac, row_mac) "
    "SELECT id, $17::bigint, $18::bigint, $19::text, $20::text, $21::text, $22::text, $23::text FROM changed), "
    "message AS (INSERT INTO outbox (id, topic, body, created_at, next_at, mac) SELECT id || '.' || $17::bigint, "
    "$24::text, $25::text, $18::bigint, $18::bigint, $26::text FROM changed WHERE $24::text IS NOT NULL), "
    f"reserved AS ({reservations.add_to_totals('changed', '$27', '$28', '$29')}) SELECT id FROM changed"
)
BY_REFERENCE = (
    "WHERE base.id = coalesce((SELECT r.id FROM payments r WHERE r.rail = $1 AND r.mode = $2 AND r.reference = $3 AND "
    "(r.state <> 'rejected' OR r.code <> 'RAIL_UNREACHABLE')), "
    "(SELECT r.id FROM payments r WHERE r.rail = $1 AND r.mode = $2 AND r.reference = $3 "
    "AND r.state = 'rejected' AND r.code = 'RAIL_UNREACHABLE' ORDER BY r.created_at DESC LIMIT 1))"
)
"""The payment of a reference; one that never left only where there is no other."""
SELECT_RECENT = (
    "WHERE rail = $1 AND mode = $2 AND account = $3 AND kind = 'payment' AND created_at >= $4 "
    "ORDER BY created_at DESC, id DESC LIMIT $5"
)
SELECT_SETTLED = (
    "SELECT 1 FROM payments WHERE rail = $1 AND mode = $2 AND account = $3 AND kind = 'payment' AND state = 'settled' "
    "LIMIT 1"
)
COUNT_OPEN = (
    "SELECT rail, mode, payer, count(*) AS count FROM payments WHERE next_at IS NOT NULL AND "
    "state IN ('sending', 'pending', 'unknown') GROUP BY rail, mode, payer"
)
LEAVE_ALONE = "UPDATE payments SET next_at = NULL WHERE id = $1"

CACHED_STATES = frozenset({State.SENDING, State.PENDING, State.UNKNOWN})
"""What is remembered: of these nobody can have been paid back, so all that is known of them stands in their row."""


@dataclass(frozen=True, slots=True)
class Creator:
    """The owner of new payments, with what proves rows, what is known of the freeze, and the row caches."""

    mac: RowMac
    me: str
    freeze: FreezeCheck
    challenges: RowCache[Challenge]
    payments: RowCache[PaymentRecord]


async def get(session: Session, mac: RowMac, payment_id: str) -> CachedRow[PaymentRecord] | None:
    """One payment or refund."""
    row = await session.row(SELECT_PAYMENTS + "WHERE base.id = $1", payment_id)
    return cached_row(read_payment(mac, row), row) if row else None


async def by_reference(session: Session, mac: RowMac, rail: str, mode: str, reference: str) -> PaymentRecord | None:
    """What the rail knows by that reference."""
    row = await session.row(SELECT_PAYMENTS + BY_REFERENCE, rail, mode, reference)
    return read_payment(mac, row).value if row else None


async def refunds(session: Session, mac: RowMac, payment_id: str) -> list[PaymentRecord]:
    """The refunds of a payment."""
    of_payment = "WHERE base.refund_of = $1 ORDER BY base.created_at, base.id"
    return [read_payment(mac, row).value for row in await session.rows(SELECT_PAYMENTS + of_payment, payment_id)]


async def newest(
    session: Session,
    mac: RowMac,
    states: Collection[State],
    rail: str | None,
    since: datetime | None,
    until: datetime | None,
    most: int,
) -> list[PaymentRecord]:
    """The newest, newest first."""
    conditions, values = ["true"], list[Any]()
    wanted = (
        ("state = ANY(${})", sorted(states) or None),
        ("rail = ${}", rail),
        ("created_at >= ${}", since and to_millis(since)),
        ("created_at < ${}", until and to_millis(until)),
    )
    for condition, value in wanted:
        if value is not None:
            values.append(value)
            conditions.append(condition.format(len(values)))
    order = f"ORDER BY created_at DESC, id DESC LIMIT ${len(values) + 1}"
    rows = await session.rows(f"{SELECT_PAYMENTS} WHERE {' AND '.join(conditions)} {order}", *values, most)
    return [read_payment(mac, row).value for row in rows]


async def payee_history(
    session: Session, mac: RowMac, payee: tuple[str, Mode, str], since: datetime, most: int
) -> PayeeHistory:
    """The payments to one account of a rail."""
    rows = await session.rows(f"{SELECT_PAYMENTS} {SELECT_RECENT}", *payee, to_millis(since), most)
    settled = await session.row(SELECT_SETTLED, *payee)
    return PayeeHistory(settled is not None, [read_payment(mac, row).value for row in rows])


async def count_open(session: Session) -> dict[tuple[str, Mode, str], int]:
    """How many are open, by rail, mode and payer."""
    return {(row["rail"], row["mode"], row["payer"]): row["count"] for row in await session.rows(COUNT_OPEN)}


async def record(
    session: Session, creator: Creator, payment_id: str, change: Change, at: datetime
) -> tuple[PaymentRecord | None, bool]:
    """Compare and set: write ``change`` where life allows it from the state that is there now.

    :raises LostRace: another transaction changed the state meanwhile.
    """
    mac, seen, me = creator.mac, creator.payments, creator.me
    known = seen.take(payment_id)
    if known is None or not _is_allowed(
        known.value, change, me
    ):  # what was remembered may be old: only the row can refuse
        known = await get(session, mac, payment_id)
    if known is None:
        return None, False
    if known.stored.broken:
        await put_in_review(session, mac, known, at)
        return await record(session, creator, payment_id, change, at)
    if not _is_allowed(known.value, change, me):
        return known.value, False
    changed = events.apply_change(known.value, change, me, at)
    name, body = events.payment_event(changed.kind, change.event), events.transition_body(known.value, change)
    lifted = creator.freeze.lifted if change.sends_again else None
    try:
        written = await _change(session, mac, known, changed, name, body, lifted)
    except LostRace:
        if change.sends_again and await is_frozen(session, mac, creator.freeze):
            return known.value, False
        raise
    if changed.state in CACHED_STATES:
        seen.put(payment_id, written)
    return changed, True


def _is_allowed(known: PaymentRecord, change: Change, me: str) -> bool:
    leased = change.fence == known.fence and known.owner == me
    return adds_facts(known.state, change) or allowed(known.state, change.to, leased=leased)


async def resolve_manually(
    session: Session, mac: RowMac, payment_id: str, to: State, by: str, evidence: str, at: datetime
) -> PaymentRecord | None:
    """An operator's decision, with who and on what evidence."""
    known = await get(session, mac, payment_id)
    if known is not None and known.stored.broken:
        await put_in_review(session, mac, known, at)
        return await resolve_manually(session, mac, payment_id, to, by, evidence, at)
    if known is None or to not in BY_AN_OPERATOR.get(known.value.state, ()):
        return None
    changed = events.apply_resolution(known.value, to, at)
    body = events.resolution_body(known.value, to, by, evidence)
    await _change(session, mac, known, changed, events.payment_event(changed.kind, "resolved"), body)
    return changed


async def put_in_review(session: Session, mac: RowMac, known: CachedRow[PaymentRecord], at: datetime) -> None:
    """Put a payment whose row is not as riel wrote it into review."""
    changed = replace(known.value, updated_at=at)
    event = events.payment_event(changed.kind, events.TAMPERED)
    await _change(session, mac, known, changed, event, events.tampered_body())


async def leave_alone(session: Session, mac: RowMac, payment_id: str) -> None:
    """Take a payment off the schedule whose row holds what riel never writes."""
    mac.report(PAYMENTS, payment_id)
    await session.write(LEAVE_ALONE, payment_id)


async def _change(
    session: Session,
    mac: RowMac,
    known: CachedRow[PaymentRecord],
    changed: PaymentRecord,
    name: str,
    body: events.Body,
    lifted: str | None = None,
) -> CachedRow[PaymentRecord]:
    """Write a payment that has changed, with its event, its notification and what it takes of the limits.

    :param lifted: the state of the freeze in which this is allowed; ``None`` where it always is.
    """
    before, at, values = known.value, to_millis(changed.updated_at), changed_values(changed)
    row = known.stored.row.changed(**dict(zip(CHANGED_COLUMNS, values, strict=True)))
    event = known.head.next_event(mac, before.id, at, name, body, row)
    notification: tuple[str | None, ...] = (None, None, None)
    if topic := events.topic_of(name, changed):
        text = canonical(events.notification_body(changed))
        notification = (topic, text, mac.of(OUTBOX, f"{before.id}.{event.n}", topic, text, at))
    state = str(known.stored.row.value_of("state"))
    reserved: Sequence[list[Any]] = reservations.arrays(reservations.after_transition(state, changed, known.reserved))
    condition = (before.id, before.fence, state)
    if (
        await session.write(CHANGE_PAYMENT, *condition, *values, *event.values, *notification, *reserved, lifted)
        is None
    ):
        raise LostRace
    return CachedRow(StoredRow(changed, row), ChainHead(event.n, event.hash), known.reserved)
