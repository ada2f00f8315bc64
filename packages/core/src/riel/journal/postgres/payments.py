"""SQL of the payments and refunds: their birth, and their transitions, each of them one statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from riel.journal import Attempt, ConfirmFailure
from riel.journal import events as writing
from riel.journal.canonical_json import canonical
from riel.journal.columns import BORN, CHANGED, PAYMENT, changed_values, millis, newborn_values, payment_of
from riel.journal.postgres import challenges
from riel.journal.postgres import reservations as holds
from riel.journal.postgres.row_cache import HEAD, WITH_HEAD, Head, Known, Seen, Told, known_of
from riel.journal.postgres.sessions import Overtaken, Session, Undone
from riel.journal.records import Challenge, ChallengeState, Change, Intent, PaymentRecord, State
from riel.journal.transitions import BY_AN_OPERATOR, allowed

SELECT = (
    f"SELECT {PAYMENT}, (SELECT coalesce(sum(r.amount), 0)::bigint FROM payments r WHERE r.refund_of = owner.id AND "
    f"r.state = 'settled') AS refunded, {HEAD}, (SELECT c.reservations FROM challenges c WHERE c.id = owner.id) "
    f"AS reservations FROM payments owner {WITH_HEAD} "
)
NUMBERS = {"amount", "fence", "sends"}


def _type(column: str) -> str:
    if column in NUMBERS or column.endswith(("_at", "_until", "_after")):
        return "bigint"
    return "bytea" if column == "body" else "text"


TYPED = ", ".join(f"${place}::{_type(column)}" for place, column in enumerate(BORN.split(", "), 10))
BEAR = (
    "WITH consumed AS (UPDATE challenges SET state = 'consumed', replay_key = $2 WHERE id = $1 AND state = 'open' AND "
    "expires_at > $3 RETURNING id), "
    f"born AS (INSERT INTO payments ({BORN}) SELECT {TYPED} FROM consumed RETURNING id), "
    "counted AS (UPDATE attempts SET outcome = 'right' FROM born WHERE attempts.id = $4), "
    "told AS (INSERT INTO events (payment_id, n, at, event, body, hash) "
    "SELECT id, $5::bigint, $6::bigint, $7::text, $8::text, $9::text FROM born) SELECT id FROM born"
)
"""The heart: whoever comes second waits for the row of the challenge, and then finds it consumed."""
SET = ", ".join(f"{column} = ${place}" for place, column in enumerate(CHANGED, 4))
CHANGE = (
    f"WITH changed AS (UPDATE payments SET {SET} "
    "WHERE id = $1 AND fence = $2 AND state = $3 RETURNING id), "
    "told AS (INSERT INTO events (payment_id, n, at, event, body, hash) "
    "SELECT id, $17::bigint, $18::bigint, $19::text, $20::text, $21::text FROM changed), "
    "posted AS (INSERT INTO outbox (id, topic, body, created_at, next_at) SELECT id || '.' || $17::bigint, $22::text, "
    "$23::text, $18::bigint, $18::bigint FROM changed WHERE $22::text IS NOT NULL), "
    f"held AS ({holds.counted('changed', '$24', '$25', '$26')}) SELECT id FROM changed"
)
ORIGINAL = "SELECT amount, kind, state FROM payments WHERE id = $1 FOR NO KEY UPDATE"
TAKEN = "SELECT coalesce(sum(amount), 0)::bigint AS taken FROM payments WHERE refund_of = $1 AND state <> 'rejected'"
RIGHT = "UPDATE attempts SET outcome = 'right' WHERE id = $1"

IN_FLIGHT = frozenset({State.SENDING, State.PENDING, State.UNKNOWN})
"""What is remembered: of these nobody can have been paid back, so all that is known of them stands in their row."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who gives birth to a payment, and what this process remembers of questions and of payments."""

    me: str
    asked: Seen[Challenge]
    born: Seen[PaymentRecord]


async def get(session: Session, payment_id: str) -> Known[PaymentRecord] | None:
    """One payment or refund."""
    row = await session.row(SELECT + "WHERE owner.id = $1", payment_id)
    return known_of(payment_of(row), row) if row else None


async def by_reference(session: Session, rail: str, mode: str, reference: str) -> PaymentRecord | None:
    """What the rail knows by that reference."""
    row = await session.row(SELECT + "WHERE rail = $1 AND mode = $2 AND reference = $3", rail, mode, reference)
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
        ("created_at >= ${}", since and millis(since)),
        ("created_at < ${}", until and millis(until)),
    )
    for condition, value in wanted:
        if value is not None:
            values.append(value)
            conditions.append(condition.format(len(values)))
    order = f"ORDER BY created_at DESC, id DESC LIMIT ${len(values) + 1}"
    rows = await session.rows(f"{SELECT} WHERE {' AND '.join(conditions)} {order}", *values, most)
    return [payment_of(row) for row in rows]


async def intend(
    session: Session,
    bearer: Bearer,
    counted: Attempt,
    challenge_id: str,
    once: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure:
    """Consume the challenge and give birth to the payment, in one statement."""
    known = bearer.asked.take(challenge_id) or await challenges.get(session, challenge_id)
    if known is None:
        return "expired"
    question = known.value
    if question.state is not ChallengeState.OPEN:
        ended: ConfirmFailure = question.state.value  # type: ignore[assignment]  # the other four states are reasons
        return ended
    if millis(question.expires_at) <= millis(at):
        return "expired"
    record = writing.newborn(question, intent, bearer.me, at)
    told = known.head.followed_by(
        challenge_id, millis(at), writing.payment_event(question.kind, "created"), writing.confirmed(question, intent)
    )
    values = newborn_values(record, canonical(intent.arguments))
    try:
        done = await session.write(BEAR, challenge_id, once, millis(at), counted.id, *told.values, *values)
    except asyncpg.UniqueViolationError as taken:
        if taken.constraint_name == "replay_key_used_once":
            return "code_reused"
        if taken.constraint_name == "one_payment_per_reference":
            return "reference_taken"
        raise
    if done is None:
        raise Overtaken
    bearer.born.keep(challenge_id, Known(record, Head(told.n, told.hash), known.held))
    return record


async def pay_back(
    session: Session,
    bearer: Bearer,
    counted: Attempt,
    challenge_id: str,
    once: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure:
    """The same for a refund: within one transaction that locks what it pays back, so that no two take the same rest."""
    original = await session.row(ORIGINAL, intent.refund_of)
    known = await challenges.get(session, challenge_id)
    open_ = known and known.value.state is ChallengeState.OPEN and millis(known.value.expires_at) > millis(at)
    if known is not None and open_:
        taken = await session.row(TAKEN, intent.refund_of)
        why: ConfirmFailure | None = None
        if original is None or original["kind"] != "payment" or original["state"] != State.SETTLED:
            why = "not_settled"
        elif taken["taken"] + known.value.money.amount > original["amount"]:
            why = "exceeds_payment"
        if why is not None:
            await session.row(RIGHT, counted.id)
            return why
        bearer.asked.keep(challenge_id, known)
    answer = await intend(session, bearer, counted, challenge_id, once, intent, at)
    if not isinstance(answer, PaymentRecord):
        raise Undone(answer)
    return answer


async def record(
    session: Session, seen: Seen[PaymentRecord], me: str, payment_id: str, change: Change, at: datetime
) -> tuple[PaymentRecord | None, bool]:
    """Compare and set: write ``change`` where life allows it from the state that is there now.

    :raises Overtaken: it is not there any more.
    """
    known = seen.take(payment_id)
    if known is None or not _may(known.value, change, me):  # what was remembered may be old: only the row can refuse
        known = await get(session, payment_id)
    if known is None:
        return None, False
    if not _may(known.value, change, me):
        return known.value, False
    changed = writing.after(known.value, change, me, at)
    told = known.head.followed_by(
        payment_id, millis(at), writing.payment_event(changed.kind, change.event), writing.told(known.value, change)
    )
    await _change(session, known, changed, told)
    if changed.state in IN_FLIGHT:
        seen.keep(payment_id, Known(changed, Head(told.n, told.hash), known.held))
    return changed, True


def _may(known: PaymentRecord, change: Change, me: str) -> bool:
    return allowed(known.state, change.to, leased=change.fence == known.fence and known.owner == me)


async def decide(
    session: Session, payment_id: str, to: State, by: str, evidence: str, at: datetime
) -> PaymentRecord | None:
    """An operator's decision, with who and on what evidence."""
    known = await get(session, payment_id)
    if known is None or to not in BY_AN_OPERATOR.get(known.value.state, ()):
        return None
    changed = writing.decided(known.value, to, at)
    body = writing.decision(known.value, to, by, evidence)
    told = known.head.followed_by(payment_id, millis(at), writing.payment_event(changed.kind, "resolved"), body)
    await _change(session, known, changed, told)
    return changed


async def _change(session: Session, known: Known[PaymentRecord], changed: PaymentRecord, told: Told) -> None:
    before, topic = known.value, writing.TOPICS.get((changed.kind, changed.state))
    notice = canonical(writing.notice(changed)) if topic else None
    held: Sequence[list[Any]] = holds.arrays(holds.following(before, changed, known.held))
    values = (*changed_values(changed), *told.values, topic, notice, *held)
    if await session.write(CHANGE, before.id, before.fence, before.state, *values) is None:
        raise Overtaken
