"""SQL of the creation of payments and refunds, in the transaction that consumes their challenge: one statement."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from riel.journal import Attempt, ConfirmFailure, LimitReached, events
from riel.journal.canonical_json import canonical
from riel.journal.columns import NEW_PAYMENT_COLUMNS, may_arrive_late, new_payment_values, to_millis
from riel.journal.freeze import FREEZE_STATE, FROZEN
from riel.journal.postgres import challenges, payments, reservations
from riel.journal.postgres.controls import is_frozen
from riel.journal.postgres.payments import Creator
from riel.journal.postgres.row_cache import CachedRow, ChainHead
from riel.journal.postgres.selects import SCHEMA_IS_KNOWN, check_schema
from riel.journal.postgres.sessions import LostRace, Rollback, Session
from riel.journal.records import Challenge, ChallengeState, Intent, PaymentRecord, State
from riel.journal.row_mac import ATTEMPTS
from riel.journal.stored_rows import StoredRow, new_payment_row

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
LOCK_ORIGINAL = "SELECT amount, kind, state FROM payments WHERE id = $1 FOR NO KEY UPDATE"
SELECT_REFUNDED = (
    "SELECT coalesce(sum(p.amount), 0)::bigint AS taken FROM payments p WHERE p.refund_of = $1 AND "
    f"(p.state <> 'rejected' OR {may_arrive_late('$2::bigint')})"
)
NO_ATTEMPT = -1
"""The id of no attempt."""


async def create(
    session: Session,
    creator: Creator,
    attempt: Attempt | None,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
    approvers: Sequence[str] = (),
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """Consume the challenge and create the payment, in one statement, which moves what the challenge took of limits.

    Whether that fits has been checked.

    :param attempt: the code that was right; ``None`` where people decided.
    :param approvers: who they are.
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
    if challenge.requirement and attempt is not None:
        return "undecided"
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
        events.payment_created_body(challenge, intent, events.consumed_challenge_mac(mac, consumed), approvers),
        row,
    )
    right = mac.of(ATTEMPTS, attempt.principal, challenge_id, attempt.at, "right") if attempt else ""
    moved = (text, *reservations.arrays(change), creator.freeze.lifted)
    values = (
        attempt.id if attempt else NO_ATTEMPT,
        right,
        *event.values,
        *moved,
        *new_payment_values(record, arguments),
    )
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
    attempt: Attempt | None,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
    approvers: Sequence[str] = (),
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """The same within one transaction that locks the limits, where the payment has to find room in them."""
    known = await challenges.get(session, creator.mac, challenge_id)
    if known is not None and (reached := await _limit_reached(session, known, intent, to_millis(at))) is not None:
        return reached
    if known is not None:
        creator.challenges.put(challenge_id, known)
    answer = await create(session, creator, attempt, challenge_id, replay_key, intent, at, approvers)
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
    attempt: Attempt | None,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
    approvers: Sequence[str] = (),
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """The same for a refund: within one transaction that locks what it pays back, so that no two take the same rest."""
    original = await session.row(LOCK_ORIGINAL, intent.refund_of)
    paid = await payments.get(session, creator.mac, intent.refund_of or "")
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
    answer = await create(session, creator, attempt, challenge_id, replay_key, intent, at, approvers)
    if not isinstance(answer, PaymentRecord):
        raise Rollback(answer)
    return answer
