"""SQL of the payments and refunds: creation and transitions, each of them one statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from riel.journal import Attempt, ConfirmFailure, LimitReached, events
from riel.journal.canonical_json import canonical
from riel.journal.columns import (
    CHANGED_COLUMNS,
    NEW_PAYMENT_COLUMNS,
    changed_values,
    may_arrive_late,
    new_payment_values,
    to_millis,
)
from riel.journal.freeze import FREEZE_STATE, FROZEN, FreezeCheck
from riel.journal.postgres import challenges, reservations
from riel.journal.postgres.controls import is_frozen
from riel.journal.postgres.row_cache import (
    CachedRow,
    ChainHead,
    RowCache,
    cached_row,
)
from riel.journal.postgres.selects import SCHEMA_IS_KNOWN, SELECT_PAYMENTS, check_schema
from riel.journal.postgres.sessions import LostRace, Rollback, Session
from riel.journal.records import Challenge, ChallengeState, Change, Intent, PaymentRecord, State
from riel.journal.row_mac import ATTEMPTS, OUTBOX, PAYMENTS, RowMac
from riel.journal.stored_rows import StoredRow, new_payment_row, read_payment
from riel.journal.transitions import BY_AN_OPERATOR, adds_facts, allowed
from riel.rail import Mode

BIGINT_COLUMNS = {"amount", "fence", "sends"}


def _sql_type(column: str) -> str:
    if column in BIGINT_COLUMNS or column.endswith(("_at", "_until", "_after")):
        return "bigint"
    return "bytea" if column == "body" else "text"


TYPED_PLACES = ", ".join(
    f"${place}::{_sql_type(column)}" for place, column in enumerate(NEW_PAYMENT_COLUMNS.split(", "), 18)
)
CREATE_PAYMENT = (
    "WITH consumed AS (UPDATE challenges SET state = 'consumed', replay_key = $2, reservations = $13 "
    f"WHERE id = $1 AND state = 'open' AND expires_at > $3 AND {SCHEMA_IS_KNOWN} "
    f"AND {FREEZE_STATE} = $17 RETURNING id), "
    f"payment AS (INSERT INTO payments ({NEW_PAYMENT_COLUMNS}) SELECT {TYPED_PLACES} FROM consumed RETURNING id), "
    "attempt AS (UPDATE attempts SET outcome = 'right', mac = $5 FROM payment WHERE attempts.id = $4), "
    "event AS (INSERT INTO events (payment_id, n, at, event, body, hash, mac, row_mac) "
    "SELECT id, $6::bigint, $7::bigint, $8::text, $9::text, $10::text, $11::text, $12::text FROM payment), "
    f"reserved AS ({reservations.add_to_totals('payment', '$14', '$15', '$16')}) SELECT id FROM payment"
)
"""A second transaction waits for the row of the challenge, and then finds it consumed."""
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
LOCK_ORIGINAL = "SELECT amount, kind, state FROM payments WHERE id = $1 FOR NO KEY UPDATE"
SELECT_REFUNDED = (
    "SELECT coalesce(sum(p.amount), 0)::bigint AS taken FROM payments p WHERE p.refund_of = $1 AND "
    f"(p.state <> 'rejected' OR {may_arrive_late('$2::bigint')})"
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


async def count_open(session: Session) -> dict[tuple[str, Mode, str], int]:
    """How many are open, by rail, mode and payer."""
    return {(row["rail"], row["mode"], row["payer"]): row["count"] for row in await session.rows(COUNT_OPEN)}


async def create(
    session: Session,
    creator: Creator,
    attempt: Attempt,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """Consume the challenge and create the payment, in one statement, which moves what the challenge took of limits.

    Whether that fits has been checked.
    """
    mac, now = creator.mac, to_millis(at)
    known = creator.challenges.take(challenge_id) or await challenges.get(session, mac, challenge_id)
    if known is None:
        return "expired"
    challenge = known.value
    if challenge.tampered:
        await challenges.refuse_tampered(session, mac, known, now)
        return "tampered"
    if challenge.state is not ChallengeState.OPEN:
        ended: ConfirmFailure = challenge.state.value  # type: ignore[assignment]  # the other four states are reasons
        return ended
    if to_millis(challenge.expires_at) <= now:
        return "expired"
    record, arguments = events.new_payment(challenge, intent, creator.me, at), canonical(intent.arguments)
    held = known.reserved
    now_held = reservations.taken(intent.reservations) if reservations.moves(held, intent.reservations) else held
    change = [] if now_held == held else [*reservations.released(held), *now_held]
    text = reservations.format_reservations(now_held)
    consumed = known.stored.row.changed(state=ChallengeState.CONSUMED, replay_key=replay_key, reservations=text)
    row = new_payment_row(record, arguments)
    event = known.head.next_event(
        mac,
        challenge_id,
        now,
        events.payment_event(challenge.kind, "created"),
        events.payment_created_body(challenge, intent, events.consumed_challenge_mac(mac, consumed)),
        row,
    )
    right = mac.of(ATTEMPTS, attempt.principal, challenge_id, attempt.at, "right")
    moved = (text, *reservations.arrays(change), creator.freeze.lifted)
    values = (attempt.id, right, *event.values, *moved, *new_payment_values(record, arguments))
    try:
        done = await session.write(CREATE_PAYMENT, challenge_id, replay_key, now, *values)
    except asyncpg.UniqueViolationError as taken:
        if taken.constraint_name == "replay_key_used_once":
            return "code_reused"
        if taken.constraint_name == "one_payment_per_reference":
            return "reference_taken"
        raise
    if done is None:
        await check_schema(session)
        if await is_frozen(session, mac, creator.freeze):
            return FROZEN
        raise LostRace
    creator.payments.put(challenge_id, CachedRow(StoredRow(record, row), ChainHead(event.n, event.hash), now_held))
    return record


async def create_limited(
    session: Session,
    creator: Creator,
    attempt: Attempt,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """The same within one transaction that locks the limits, where the payment has to find room in them."""
    known = await challenges.get(session, creator.mac, challenge_id)
    if known is not None and (reached := await _limit_reached(session, known, intent, to_millis(at))) is not None:
        return reached
    if known is not None:
        creator.challenges.put(challenge_id, known)
    answer = await create(session, creator, attempt, challenge_id, replay_key, intent, at)
    if not isinstance(answer, PaymentRecord):
        raise Rollback(answer)
    return answer


async def _limit_reached(session: Session, known: CachedRow[Challenge], intent: Intent, at: int) -> LimitReached | None:
    """The limit that has no room for what the challenge took, in the periods of now."""
    is_open = known.value.state is ChallengeState.OPEN
    if not is_open or not reservations.moves(known.reserved, intent.reservations):
        return None
    return await reservations.limit_reached(session, known.value, intent.reservations, at, known.reserved)


async def create_refund(
    session: Session,
    creator: Creator,
    attempt: Attempt,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """The same for a refund: within one transaction that locks what it pays back, so that no two take the same rest."""
    original = await session.row(LOCK_ORIGINAL, intent.refund_of)
    paid = await get(session, creator.mac, intent.refund_of or "")
    known = await challenges.get(session, creator.mac, challenge_id)
    open_ = known and known.value.state is ChallengeState.OPEN and to_millis(known.value.expires_at) > to_millis(at)
    if known is not None and open_:
        taken = await session.row(SELECT_REFUNDED, intent.refund_of, to_millis(at))
        why: ConfirmFailure | None = None
        if paid is not None and paid.value.tampered:
            why = "tampered"
        elif original is None or original["kind"] != "payment" or original["state"] != State.SETTLED:
            why = "not_settled"
        elif taken["taken"] + known.value.money.amount > original["amount"]:
            why = "exceeds_payment"
        if why is not None:
            return why
        if (reached := await _limit_reached(session, known, intent, to_millis(at))) is not None:
            return reached
        creator.challenges.put(challenge_id, known)
    answer = await create(session, creator, attempt, challenge_id, replay_key, intent, at)
    if not isinstance(answer, PaymentRecord):
        raise Rollback(answer)
    return answer


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
