"""SQL of the payments and refunds: creation and transitions, each of them one statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from riel.journal import Attempt, ConfirmFailure, events
from riel.journal.canonical_json import canonical
from riel.journal.columns import (
    CHANGED_COLUMNS,
    NEW_PAYMENT_COLUMNS,
    PAYMENT_COLUMNS,
    changed_values,
    new_payment_values,
    payment_of,
    to_millis,
)
from riel.journal.postgres import challenges, reservations
from riel.journal.postgres.row_cache import (
    CHAIN_HEAD,
    JOIN_CHAIN_HEAD,
    CachedRow,
    ChainHead,
    EventRow,
    RowCache,
    cached_row,
)
from riel.journal.postgres.sessions import LostRace, Rollback, Session
from riel.journal.records import Challenge, ChallengeState, Change, Intent, PaymentRecord, State
from riel.journal.transitions import BY_AN_OPERATOR, allowed
from riel.rail import Mode

SELECT_PAYMENTS = (
    f"SELECT {PAYMENT_COLUMNS}, (SELECT coalesce(sum(r.amount), 0)::bigint FROM payments r "
    f"WHERE r.refund_of = base.id AND r.state = 'settled') AS refunded, {CHAIN_HEAD}, (SELECT c.reservations "
    "FROM challenges c WHERE c.id = base.id) "
    f"AS reservations FROM payments base {JOIN_CHAIN_HEAD} "
)
BIGINT_COLUMNS = {"amount", "fence", "sends"}


def _sql_type(column: str) -> str:
    if column in BIGINT_COLUMNS or column.endswith(("_at", "_until", "_after")):
        return "bigint"
    return "bytea" if column == "body" else "text"


TYPED_PLACES = ", ".join(
    f"${place}::{_sql_type(column)}" for place, column in enumerate(NEW_PAYMENT_COLUMNS.split(", "), 10)
)
CREATE_PAYMENT = (
    "WITH consumed AS (UPDATE challenges SET state = 'consumed', replay_key = $2 WHERE id = $1 AND state = 'open' AND "
    "expires_at > $3 RETURNING id), "
    f"payment AS (INSERT INTO payments ({NEW_PAYMENT_COLUMNS}) SELECT {TYPED_PLACES} FROM consumed RETURNING id), "
    "attempt AS (UPDATE attempts SET outcome = 'right' FROM payment WHERE attempts.id = $4), "
    "event AS (INSERT INTO events (payment_id, n, at, event, body, hash) "
    "SELECT id, $5::bigint, $6::bigint, $7::text, $8::text, $9::text FROM payment) SELECT id FROM payment"
)
"""A second transaction waits for the row of the challenge, and then finds it consumed."""
CHANGED_ASSIGNMENTS = ", ".join(f"{column} = ${place}" for place, column in enumerate(CHANGED_COLUMNS, 4))
CHANGE_PAYMENT = (
    f"WITH changed AS (UPDATE payments SET {CHANGED_ASSIGNMENTS} "
    "WHERE id = $1 AND fence = $2 AND state = $3 RETURNING id), "
    "event AS (INSERT INTO events (payment_id, n, at, event, body, hash) "
    "SELECT id, $17::bigint, $18::bigint, $19::text, $20::text, $21::text FROM changed), "
    "message AS (INSERT INTO outbox (id, topic, body, created_at, next_at) SELECT id || '.' || $17::bigint, $22::text, "
    "$23::text, $18::bigint, $18::bigint FROM changed WHERE $22::text IS NOT NULL), "
    f"reserved AS ({reservations.add_to_totals('changed', '$24', '$25', '$26')}) SELECT id FROM changed"
)
LOCK_ORIGINAL = "SELECT amount, kind, state FROM payments WHERE id = $1 FOR NO KEY UPDATE"
SELECT_REFUNDED = (
    "SELECT coalesce(sum(amount), 0)::bigint AS taken FROM payments WHERE refund_of = $1 AND state <> 'rejected'"
)
COUNT_OPEN = (
    "SELECT rail, mode, payer, count(*) AS count FROM payments WHERE next_at IS NOT NULL AND "
    "state IN ('sending', 'pending', 'unknown') GROUP BY rail, mode, payer"
)
MARK_ATTEMPT_RIGHT = "UPDATE attempts SET outcome = 'right' WHERE id = $1"

CACHED_STATES = frozenset({State.SENDING, State.PENDING, State.UNKNOWN})
"""What is remembered: of these nobody can have been paid back, so all that is known of them stands in their row."""


@dataclass(frozen=True, slots=True)
class Creator:
    """The owner of new payments, with the row caches of this process."""

    me: str
    challenges: RowCache[Challenge]
    payments: RowCache[PaymentRecord]


async def get(session: Session, payment_id: str) -> CachedRow[PaymentRecord] | None:
    """One payment or refund."""
    row = await session.row(SELECT_PAYMENTS + "WHERE base.id = $1", payment_id)
    return cached_row(payment_of(row), row) if row else None


async def by_reference(session: Session, rail: str, mode: str, reference: str) -> PaymentRecord | None:
    """What the rail knows by that reference."""
    row = await session.row(SELECT_PAYMENTS + "WHERE rail = $1 AND mode = $2 AND reference = $3", rail, mode, reference)
    return payment_of(row) if row else None


async def newest(
    session: Session,
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
    return [payment_of(row) for row in rows]


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
) -> PaymentRecord | ConfirmFailure:
    """Consume the challenge and create the payment, in one statement."""
    known = creator.challenges.take(challenge_id) or await challenges.get(session, challenge_id)
    if known is None:
        return "expired"
    challenge = known.value
    if challenge.state is not ChallengeState.OPEN:
        ended: ConfirmFailure = challenge.state.value  # type: ignore[assignment]  # the other four states are reasons
        return ended
    if to_millis(challenge.expires_at) <= to_millis(at):
        return "expired"
    record = events.new_payment(challenge, intent, creator.me, at)
    event = known.head.next_event(
        challenge_id,
        to_millis(at),
        events.payment_event(challenge.kind, "created"),
        events.payment_created_body(challenge, intent),
    )
    values = new_payment_values(record, canonical(intent.arguments))
    try:
        done = await session.write(
            CREATE_PAYMENT, challenge_id, replay_key, to_millis(at), attempt.id, *event.values, *values
        )
    except asyncpg.UniqueViolationError as taken:
        if taken.constraint_name == "replay_key_used_once":
            return "code_reused"
        if taken.constraint_name == "one_payment_per_reference":
            return "reference_taken"
        raise
    if done is None:
        raise LostRace
    creator.payments.put(challenge_id, CachedRow(record, ChainHead(event.n, event.hash), known.reserved))
    return record


async def create_refund(
    session: Session,
    creator: Creator,
    attempt: Attempt,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure:
    """The same for a refund: within one transaction that locks what it pays back, so that no two take the same rest."""
    original = await session.row(LOCK_ORIGINAL, intent.refund_of)
    known = await challenges.get(session, challenge_id)
    open_ = known and known.value.state is ChallengeState.OPEN and to_millis(known.value.expires_at) > to_millis(at)
    if known is not None and open_:
        taken = await session.row(SELECT_REFUNDED, intent.refund_of)
        why: ConfirmFailure | None = None
        if original is None or original["kind"] != "payment" or original["state"] != State.SETTLED:
            why = "not_settled"
        elif taken["taken"] + known.value.money.amount > original["amount"]:
            why = "exceeds_payment"
        if why is not None:
            return why
        creator.challenges.put(challenge_id, known)
    answer = await create(session, creator, attempt, challenge_id, replay_key, intent, at)
    if not isinstance(answer, PaymentRecord):
        raise Rollback(answer)
    return answer


async def record(
    session: Session, seen: RowCache[PaymentRecord], me: str, payment_id: str, change: Change, at: datetime
) -> tuple[PaymentRecord | None, bool]:
    """Compare and set: write ``change`` where life allows it from the state that is there now.

    :raises LostRace: another transaction changed the state meanwhile.
    """
    known = seen.take(payment_id)
    if known is None or not _is_allowed(
        known.value, change, me
    ):  # what was remembered may be old: only the row can refuse
        known = await get(session, payment_id)
    if known is None:
        return None, False
    if not _is_allowed(known.value, change, me):
        return known.value, False
    changed = events.apply_change(known.value, change, me, at)
    event = known.head.next_event(
        payment_id,
        to_millis(at),
        events.payment_event(changed.kind, change.event),
        events.transition_body(known.value, change),
    )
    await _change(session, known, changed, event)
    if changed.state in CACHED_STATES:
        seen.put(payment_id, CachedRow(changed, ChainHead(event.n, event.hash), known.reserved))
    return changed, True


def _is_allowed(known: PaymentRecord, change: Change, me: str) -> bool:
    return allowed(known.state, change.to, leased=change.fence == known.fence and known.owner == me)


async def resolve_manually(
    session: Session, payment_id: str, to: State, by: str, evidence: str, at: datetime
) -> PaymentRecord | None:
    """An operator's decision, with who and on what evidence."""
    known = await get(session, payment_id)
    if known is None or to not in BY_AN_OPERATOR.get(known.value.state, ()):
        return None
    changed = events.apply_resolution(known.value, to, at)
    body = events.resolution_body(known.value, to, by, evidence)
    event = known.head.next_event(payment_id, to_millis(at), events.payment_event(changed.kind, "resolved"), body)
    await _change(session, known, changed, event)
    return changed


async def _change(session: Session, known: CachedRow[PaymentRecord], changed: PaymentRecord, event: EventRow) -> None:
    before, topic = known.value, events.TOPICS.get((changed.kind, changed.state))
    notice = canonical(events.notification_body(changed)) if topic else None
    reserved: Sequence[list[Any]] = reservations.arrays(reservations.after_transition(before, changed, known.reserved))
    values = (*changed_values(changed), *event.values, topic, notice, *reserved)
    if await session.write(CHANGE_PAYMENT, before.id, before.fence, before.state, *values) is None:
        raise LostRace
