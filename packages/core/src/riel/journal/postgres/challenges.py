"""SQL of the challenges, and of the attempts to confirm them."""

from collections.abc import Sequence
from dataclasses import replace

from riel.guards import Reservation
from riel.journal import Attempt, AttemptLimits, ChallengeText, ConfirmFailure, LimitReached, OpenedChallenge, events
from riel.journal.columns import (
    CHALLENGE_COLUMNS,
    NEW_CHALLENGE_COLUMNS,
    challenge_of,
    new_challenge_values,
    prior_payment,
    prior_values,
    to_millis,
)
from riel.journal.postgres import reservations
from riel.journal.postgres.audit import append
from riel.journal.postgres.row_cache import CHAIN_HEAD, JOIN_CHAIN_HEAD, CachedRow, ChainHead, RowCache, cached_row
from riel.journal.postgres.sessions import LostRace, Rollback, Session
from riel.journal.records import Challenge, ChallengeState

SELECT_CHALLENGES = (
    f"SELECT {CHALLENGE_COLUMNS}, (SELECT count(*) FROM attempts t WHERE t.challenge_id = base.id) AS attempts, "
    f"{CHAIN_HEAD}, base.reservations FROM challenges base {JOIN_CHAIN_HEAD} WHERE "
)
SELECT_NEWEST = (
    SELECT_CHALLENGES + "principal = $1 AND digest = $2 AND state <> 'refused' "
    "ORDER BY state = 'open' DESC, created_at DESC, id DESC LIMIT $3"
)
SELECT_OPEN_AND_DECLINED = (
    SELECT_CHALLENGES
    + "principal = $1 AND digest = $2 AND (state = 'open' OR (state = 'declined' AND created_at > $3)) "
    "ORDER BY state = 'open' DESC, created_at DESC, id DESC LIMIT 2"
)
"""The open challenge, and the newest that the person declined."""
SELECT_PRIOR = (
    "SELECT p.reference, c.digest = $1 AS identical, p.state IN ('sending', 'unknown', 'pending', 'review') AS "
    "unresolved FROM payments p JOIN challenges c ON c.id = p.id WHERE p.rail = $2 AND p.mode = $3 AND "
    "p.account = $4 AND p.amount = $5 AND p.created_at > $6 AND p.principal = $7 AND p.kind = $8 AND p.currency = $9 "
    "AND p.state <> 'rejected' AND (p.created_at > $10 OR p.state IN ('sending', 'unknown', 'pending', 'review')) "
    "ORDER BY p.created_at DESC, p.id DESC"
)
FIRST_FREE_PLACE = NEW_CHALLENGE_COLUMNS.count(",") + 2
RESERVATIONS, SCOPES, BUCKETS, AMOUNTS, N, AT, EVENT, BODY, HASH = (
    f"${place}" for place in range(FIRST_FREE_PLACE, FIRST_FREE_PLACE + 9)
)
INSERT_CHALLENGE = (
    f"WITH challenge AS (INSERT INTO challenges ({NEW_CHALLENGE_COLUMNS}, reservations) VALUES "
    f"({', '.join(f'${place}' for place in range(1, FIRST_FREE_PLACE))}, {RESERVATIONS}) "
    "ON CONFLICT DO NOTHING RETURNING id), "
    f"reserved AS ({reservations.add_to_totals('challenge', SCOPES, BUCKETS, AMOUNTS)}), "
    "event AS (INSERT INTO events (payment_id, n, at, event, body, hash) "
    f"SELECT id, {N}::bigint, {AT}::bigint, {EVENT}::text, {BODY}::text, {HASH}::text FROM challenge) "
    "SELECT id FROM challenge"
)
END_CHALLENGE = (
    "WITH ended AS (UPDATE challenges SET state = $2 WHERE id = $1 AND state = 'open' RETURNING id), "
    "event AS (INSERT INTO events (payment_id, n, at, event, body, hash) SELECT id, $3::bigint, $4::bigint, $5::text, "
    "$6::text, $7::text FROM ended), "
    f"reserved AS ({reservations.add_to_totals('ended', '$8', '$9', '$10')}) SELECT id FROM ended"
)
COUNT_ATTEMPT = "SELECT * FROM count_attempt($1, $2, $3, $4, $5, $6)"
LOCK_CHALLENGE = "SELECT id FROM challenges WHERE id = $1 FOR NO KEY UPDATE"
LOCK_PRINCIPAL = "SELECT pg_advisory_xact_lock(hashtextextended('riel alone ' || $1, 0))"
SELECT_OTHER_OPEN = "SELECT id FROM challenges WHERE principal = $1 AND state = 'open' AND digest <> $2 ORDER BY id"
SELECT_EXPIRED = "SELECT id FROM challenges WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2"
MAX_EXPIRED = 1000
"""How many expired challenges one call ends, so that what they reserve of a limit is released."""
MAX_CHALLENGES = 20
COMPARISON_TIMEOUT = 60_000
"""How long a code may be compared, in milliseconds. The process of an older attempt without an outcome has died."""


async def get(session: Session, challenge_id: str) -> CachedRow[Challenge] | None:
    """One challenge."""
    row = await session.row(SELECT_CHALLENGES + "id = $1", challenge_id)
    return cached_row(challenge_of(row), row) if row else None


async def newest(session: Session, seen: RowCache[Challenge], principal: str, digest: bytes) -> list[Challenge]:
    """The newest of one digest, the open one first, which is remembered: it is what a code may be for."""
    found = [
        cached_row(challenge_of(row), row)
        for row in await session.rows(SELECT_NEWEST, principal, digest, MAX_CHALLENGES)
    ]
    for known in found:
        if known.value.state is ChallengeState.OPEN:
            seen.put(known.value.id, known)
    return [known.value for known in found]


async def open_challenge(
    session: Session,
    challenge: Challenge,
    text: ChallengeText,
    duplicates_since: int,
    declined_since: int,
    close_others: bool,
    requested: Sequence[Reservation],
) -> OpenedChallenge | LimitReached:
    """The open challenge of that digest, or ``wanted``; the only one of its principal, if it is to be ``alone``.

    Where there is neither, one statement asks: the index of open challenges lets one of many through.

    :raises LostRace: another transaction opened a challenge first.
    """
    at = to_millis(challenge.created_at)
    if close_others:
        await session.row(LOCK_PRINCIPAL, challenge.principal)
        for row in await session.rows(SELECT_OTHER_OPEN, challenge.principal, challenge.digest):
            await end(session, row["id"], ChallengeState.EXPIRED, at, reason="another payment was asked for")
    for row in await session.rows(SELECT_OPEN_AND_DECLINED, challenge.principal, challenge.digest, declined_since):
        known = challenge_of(row)
        if known.state is ChallengeState.DECLINED:
            return OpenedChallenge(known, fresh=False)
        if to_millis(known.expires_at) > at and known.factor == challenge.factor:
            return OpenedChallenge(known, fresh=False)
        await end(session, known.id, ChallengeState.EXPIRED, at)
    if requested and (refusal := await reservations.limit_reached(session, challenge, requested)):
        return refusal
    prior = prior_payment(await session.rows(SELECT_PRIOR, *prior_values(challenge, duplicates_since)))
    fresh = replace(challenge, text=text(prior), duplicate_of=prior.reference if prior else None)
    reserved = [reservations.ReservedAmount(hold.scope, hold.bucket, hold.amount) for hold in requested]
    event = ChainHead().next_event(fresh.id, at, events.CHALLENGE_OPENED, events.challenge_opened_body(fresh))
    await _insert(session, fresh, reserved, *event.values)
    return OpenedChallenge(fresh, fresh=True)


async def record_refusal(session: Session, challenge: Challenge, code: str, why: str) -> None:
    """Store a challenge that was refused before any person was asked."""
    refused = replace(challenge, state=ChallengeState.REFUSED)
    body = events.challenge_refused_body(refused, code, why)
    event = ChainHead().next_event(challenge.id, to_millis(challenge.created_at), events.CHALLENGE_REFUSED, body)
    await _insert(session, refused, (), *event.values)


async def _insert(
    session: Session, challenge: Challenge, reserved: Sequence[reservations.ReservedAmount], *event: int | str
) -> None:
    values = (
        *new_challenge_values(challenge),
        reservations.format_reservations(reserved),
        *reservations.arrays(reserved),
        *event,
    )
    if await session.write(INSERT_CHALLENGE, *values) is None:
        raise LostRace


async def expired(session: Session, at: int) -> list[str]:
    """Questions whose time is over, and that nobody has ended."""
    return [row["id"] for row in await session.rows(SELECT_EXPIRED, at, MAX_EXPIRED)]


async def mark_delivered(session: Session, challenge_id: str, at: int) -> None:
    """Store the time at which the challenge was shown to the person."""
    await session.write("UPDATE challenges SET delivered_at = $2 WHERE id = $1", challenge_id, at)


async def end(
    session: Session,
    challenge_id: str,
    state: ChallengeState,
    at: int,
    known: CachedRow[Challenge] | None = None,
    **body: str,
) -> bool:
    """Close an open challenge without a payment; whether it was open.

    :raises LostRace: another transaction changed the row meanwhile.
    """
    known = known or await get(session, challenge_id)
    if known is None or known.value.state is not ChallengeState.OPEN:
        return False
    event = known.head.next_event(challenge_id, at, events.challenge_event(state), {"to": state.value, **body})
    back = reservations.arrays(reservations.released(known.reserved))
    if await session.write(END_CHALLENGE, challenge_id, state.value, *event.values, *back) is None:
        raise LostRace
    return True


async def end_all(session: Session, reason: str, at: int) -> int:
    """Close every open challenge, within one transaction; how many there were."""
    rows = await session.rows("SELECT id FROM challenges WHERE state = 'open' ORDER BY id FOR NO KEY UPDATE")
    for row in rows:
        await end(session, row["id"], ChallengeState.EXPIRED, at, reason=reason)
    return len(rows)


async def count_attempt(
    session: Session, challenge_id: str | None, principal: str, at: int, limits: AttemptLimits
) -> Attempt | ConfirmFailure:
    """Count an attempt before its code is compared. An attempt without an outcome counts as wrong."""
    since = at - int(limits.window.total_seconds() * 1000)
    row = await session.write(
        COUNT_ATTEMPT, challenge_id, principal, at, since, limits.per_challenge, limits.per_window
    )
    attempt, wrong, state, ends, attempts, last_try = row
    if attempt is not None:
        return Attempt(attempt, limits.per_challenge - attempts - 1 if challenge_id else 0)
    if wrong >= limits.per_window:
        return "rate_limited"
    if challenge_id is None or state is None:
        return "expired"
    if state != "open":
        ended: ConfirmFailure = state
        return ended
    if ends <= at:
        await end(session, challenge_id, ChallengeState.EXPIRED, at)
        return "expired"
    if last_try < at - COMPARISON_TIMEOUT:
        await end(session, challenge_id, ChallengeState.LOCKED, at)
    return "locked"


async def record_wrong_code(
    session: Session, attempt: Attempt, challenge_id: str, at: int, limits: AttemptLimits
) -> ChallengeState:
    """Record a wrong code. The last attempt locks the challenge. Runs within one transaction."""
    await session.row(LOCK_CHALLENGE, challenge_id)
    await session.row("UPDATE attempts SET outcome = 'wrong' WHERE id = $1", attempt.id)
    known = await get(session, challenge_id)
    if known is None:
        raise Rollback(ChallengeState.EXPIRED)
    await append(session, challenge_id, at, events.ATTEMPT_FAILED, {"attempt": known.value.attempts})
    if known.value.state is ChallengeState.OPEN and known.value.attempts >= limits.per_challenge:
        await end(session, challenge_id, ChallengeState.LOCKED, at)
        return ChallengeState.LOCKED
    return known.value.state


async def decline(session: Session, challenge_id: str, by: str, at: int) -> Challenge | None:
    """The person said no."""
    known = await get(session, challenge_id)
    if known is None or not await end(session, challenge_id, ChallengeState.DECLINED, at, known, by=by):
        return None
    return replace(known.value, state=ChallengeState.DECLINED)
