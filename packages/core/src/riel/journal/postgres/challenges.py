"""SQL of the challenges, and of the attempts to confirm them."""

from collections.abc import Sequence
from dataclasses import replace

from riel.errors import Code
from riel.guards import Reservation
from riel.journal import (
    MAX_REFUSALS,
    REFUSAL_WINDOW,
    Attempt,
    AttemptLimits,
    ChallengeText,
    ConfirmFailure,
    Frozen,
    LimitReached,
    OpenedChallenge,
    TooManyOpen,
    events,
)
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.columns import (
    NEW_CHALLENGE_COLUMNS,
    new_challenge_values,
    prior_payment,
    prior_values,
    to_millis,
)
from riel.journal.freeze import FREEZE_STATE, FROZEN, FreezeCheck
from riel.journal.postgres import reservations
from riel.journal.postgres.audit import append, insert_event
from riel.journal.postgres.controls import is_frozen
from riel.journal.postgres.row_cache import CachedRow, ChainHead, RowCache, cached_row
from riel.journal.postgres.selects import SELECT_CHALLENGES
from riel.journal.postgres.sessions import LostRace, Rollback, Session
from riel.journal.records import Challenge, ChallengeState
from riel.journal.row_mac import ATTEMPTS, RowMac
from riel.journal.stored_rows import new_challenge_row, read_challenge

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
RESERVATIONS, SCOPES, BUCKETS, AMOUNTS, LIFTED, N, AT, EVENT, BODY, HASH, MAC, ROW_MAC = (
    f"${place}" for place in range(FIRST_FREE_PLACE, FIRST_FREE_PLACE + 12)
)
TYPES = {"digest": "bytea", "nonce": "bytea", "amount": "bigint", "created_at": "bigint", "expires_at": "bigint"}
TYPED_PLACES = ", ".join(
    f"${place}::{TYPES.get(column, 'text')}" for place, column in enumerate(NEW_CHALLENGE_COLUMNS.split(", "), 1)
)
INSERT_CHALLENGE = (
    f"WITH challenge AS (INSERT INTO challenges ({NEW_CHALLENGE_COLUMNS}, reservations) SELECT {TYPED_PLACES}, "
    f"{RESERVATIONS}::text WHERE {LIFTED}::text IS NULL OR {FREEZE_STATE} = {LIFTED} "
    "ON CONFLICT DO NOTHING RETURNING id), "
    f"reserved AS ({reservations.add_to_totals('challenge', SCOPES, BUCKETS, AMOUNTS)}), "
    "event AS (INSERT INTO events (payment_id, n, at, event, body, hash, mac, row_mac) "
    f"SELECT id, {N}::bigint, {AT}::bigint, {EVENT}::text, {BODY}::text, {HASH}::text, {MAC}::text, {ROW_MAC}::text "
    "FROM challenge) "
    "SELECT id FROM challenge"
)
END_CHALLENGE = (
    "WITH ended AS (UPDATE challenges SET state = $2 WHERE id = $1 AND state = 'open' RETURNING id), "
    "event AS (INSERT INTO events (payment_id, n, at, event, body, hash, mac, row_mac) SELECT id, $3::bigint, "
    "$4::bigint, $5::text, $6::text, $7::text, $8::text, $9::text FROM ended), "
    f"reserved AS ({reservations.add_to_totals('ended', '$10', '$11', '$12')}) SELECT id FROM ended"
)
COUNT_ATTEMPT = "SELECT * FROM count_attempt($1, $2, $3, $4, $5, $6, $7)"
COUNT_FAILED = "UPDATE challenges SET failed = failed + 1 WHERE id = $1 RETURNING failed"
RESOLVE_ATTEMPT = "UPDATE attempts SET outcome = $2, mac = $3 WHERE id = $1"
LOCK_ATTEMPTS = "SELECT pg_advisory_xact_lock(hashtextextended('riel attempts ' || $1, 0))"
SELECT_FAILED_ATTEMPTS = (
    "SELECT id, principal, challenge_id, at, outcome, mac FROM attempts WHERE principal = $1 AND at > $2 "
    "AND outcome <> 'right' AND outcome <> 'void' ORDER BY id"
)
LOCK_CHALLENGE = "SELECT id FROM challenges WHERE id = $1 FOR NO KEY UPDATE"
LOCK_PRINCIPAL = "SELECT pg_advisory_xact_lock(hashtextextended('riel alone ' || $1, 0))"
SELECT_OTHER_OPEN = "SELECT id FROM challenges WHERE principal = $1 AND state = 'open' AND digest <> $2 ORDER BY id"
SELECT_EXPIRED = "SELECT id FROM challenges WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2"
COUNT_OPEN = "SELECT count(*) AS count FROM challenges WHERE principal = $1 AND state = 'open' AND expires_at > $2"
COUNT_REFUSAL = (
    "INSERT INTO refusals AS r (principal, since, count, previous) VALUES ($1, $2, 1, 0) ON CONFLICT (principal) "
    "DO UPDATE SET previous = CASE WHEN r.since <= $3 THEN r.count ELSE 0 END, "
    "count = CASE WHEN r.since <= $3 THEN 1 ELSE r.count + 1 END, "
    "since = CASE WHEN r.since <= $3 THEN $2 ELSE r.since END RETURNING count, previous"
)
"""Count one refusal. A window that began at or before ``$3`` is over."""
MAX_EXPIRED = 1000
"""How many expired challenges one call ends, so that what they reserve of a limit is released."""
MAX_CHALLENGES = 20
COMPARISON_TIMEOUT = 60_000
"""How long a code may be compared, in milliseconds. The process of an older attempt without an outcome has died."""


async def get(session: Session, mac: RowMac, challenge_id: str) -> CachedRow[Challenge] | None:
    """One challenge."""
    row = await session.row(SELECT_CHALLENGES + "id = $1", challenge_id)
    return cached_row(read_challenge(mac, row), row) if row else None


async def newest(
    session: Session, mac: RowMac, seen: RowCache[Challenge], principal: str, digest: bytes
) -> list[Challenge]:
    """The newest of one digest, the open one first, which is remembered: it is what a code may be for."""
    found = [
        cached_row(read_challenge(mac, row), row)
        for row in await session.rows(SELECT_NEWEST, principal, digest, MAX_CHALLENGES)
    ]
    for known in found:
        if known.value.state is ChallengeState.OPEN:
            seen.put(known.value.id, known)
    return [known.value for known in found]


async def open_challenge(
    session: Session,
    mac: RowMac,
    freeze: FreezeCheck,
    challenge: Challenge,
    text: ChallengeText,
    duplicates_since: int,
    declined_since: int,
    close_others: bool,
    requested: Sequence[Reservation],
    max_open: int | None,
) -> OpenedChallenge | LimitReached | TooManyOpen | Frozen:
    """The open challenge of that digest, or ``wanted``; the only one of its principal, if it is to be ``alone``.

    Where there is neither, one statement asks: the index of open challenges lets one of many through.

    :raises LostRace: another transaction opened a challenge first.
    """
    at = to_millis(challenge.created_at)
    if close_others:
        if await is_frozen(session, mac, freeze):
            return FROZEN
        await session.row(LOCK_PRINCIPAL, challenge.principal)
        for row in await session.rows(SELECT_OTHER_OPEN, challenge.principal, challenge.digest):
            await end(session, mac, row["id"], ChallengeState.EXPIRED, at, reason="another payment was asked for")
    for row in await session.rows(SELECT_OPEN_AND_DECLINED, challenge.principal, challenge.digest, declined_since):
        known = read_challenge(mac, row).value
        if known.tampered:
            await refuse_tampered(session, mac, cached_row(read_challenge(mac, row), row), at)
            continue
        if known.state is ChallengeState.DECLINED:
            return OpenedChallenge(known, fresh=False)
        if to_millis(known.expires_at) > at and known.factor == challenge.factor:
            return FROZEN if await is_frozen(session, mac, freeze) else OpenedChallenge(known, fresh=False)
        await end(session, mac, known.id, ChallengeState.EXPIRED, at)
    if requested and (refusal := await reservations.limit_reached(session, challenge, requested, at)):
        return refusal
    if max_open is not None:
        count = (await session.row(COUNT_OPEN, challenge.principal, at))["count"]
        if count >= max_open:
            return TooManyOpen(count)
    prior = prior_payment(await session.rows(SELECT_PRIOR, *prior_values(challenge, duplicates_since)))
    fresh = replace(challenge, text=text(prior), duplicate_of=prior.reference if prior else None)
    reserved = [reservations.ReservedAmount(hold.scope, hold.bucket, hold.amount) for hold in requested]
    proven = new_challenge_row(fresh, reservations.format_reservations(reserved))
    body = events.challenge_opened_body(fresh)
    event = ChainHead().next_event(mac, fresh.id, at, events.CHALLENGE_OPENED, body, proven)
    if not await _insert(session, fresh, reserved, freeze.lifted, *event.values):
        if await is_frozen(session, mac, freeze):
            return FROZEN
        raise LostRace
    return OpenedChallenge(fresh, fresh=True)


async def record_refusal(session: Session, mac: RowMac, challenge: Challenge, code: str, why: str) -> None:
    """Store a challenge that was refused before any person was asked, or count it where there were many."""
    at = to_millis(challenge.created_at)
    over = to_millis(challenge.created_at - REFUSAL_WINDOW)
    counted = await session.write(COUNT_REFUSAL, challenge.principal, at, over)
    if counted["count"] > MAX_REFUSALS:
        return
    refused = replace(challenge, state=ChallengeState.REFUSED)
    unrecorded = max(0, counted["previous"] - MAX_REFUSALS)
    body = events.challenge_refused_body(refused, code, why, unrecorded=unrecorded)
    row = new_challenge_row(refused, "")
    event = ChainHead().next_event(mac, challenge.id, at, events.CHALLENGE_REFUSED, body, row)
    if not await _insert(session, refused, (), None, *event.values):
        raise LostRace


async def _insert(
    session: Session,
    challenge: Challenge,
    reserved: Sequence[reservations.ReservedAmount],
    lifted: str | None,
    *event: int | str,
) -> bool:
    """Insert the challenge with its event. Return ``False`` where it is there already, or payments are frozen.

    :param lifted: the state of the freeze in which this is allowed; ``None`` where it always is.
    """
    values = (
        *new_challenge_values(challenge),
        reservations.format_reservations(reserved),
        *reservations.arrays(reserved),
        lifted,
        *event,
    )
    return await session.write(INSERT_CHALLENGE, *values) is not None


async def expired(session: Session, at: int) -> list[str]:
    """Questions whose time is over, and that nobody has ended."""
    return [row["id"] for row in await session.rows(SELECT_EXPIRED, at, MAX_EXPIRED)]


async def mark_delivered(session: Session, challenge_id: str, at: int) -> None:
    """Store the time at which the challenge was shown to the person."""
    await session.write("UPDATE challenges SET delivered_at = $2 WHERE id = $1", challenge_id, at)


async def end(
    session: Session,
    mac: RowMac,
    challenge_id: str,
    state: ChallengeState,
    at: int,
    known: CachedRow[Challenge] | None = None,
    **body: str,
) -> bool:
    """Close an open challenge without a payment; whether it was open.

    :raises LostRace: another transaction changed the row meanwhile.
    """
    known = known or await get(session, mac, challenge_id)
    if known is None or not (known.value.state is ChallengeState.OPEN or known.stored.broken):
        return False
    row = known.stored.row.changed(state=state)
    event = known.head.next_event(mac, challenge_id, at, events.challenge_event(state), {"to": state, **body}, row)
    back = reservations.arrays(reservations.released(known.reserved))
    if await session.write(END_CHALLENGE, challenge_id, state.value, *event.values, *back) is None:
        raise LostRace
    return True


async def end_all(session: Session, mac: RowMac, reason: str, at: int) -> int:
    """Close every open challenge, within one transaction; how many there were."""
    rows = await session.rows("SELECT id FROM challenges WHERE state = 'open' ORDER BY id FOR NO KEY UPDATE")
    for row in rows:
        await end(session, mac, row["id"], ChallengeState.EXPIRED, at, reason=reason)
    return len(rows)


async def refuse_tampered(session: Session, mac: RowMac, known: CachedRow[Challenge], at: int) -> None:
    """Close an open challenge whose row is not as riel wrote it."""
    if known.stored.row.value_of("state") == ChallengeState.OPEN:
        code = Code.RECORD_TAMPERED.value
        await end(session, mac, known.value.id, ChallengeState.REFUSED, at, known, code=code)


async def resolve_attempt(session: Session, mac: RowMac, attempt: Attempt, challenge_id: str, outcome: str) -> None:
    """Store whether the code of an attempt was right."""
    proof = mac.of(ATTEMPTS, attempt.principal, challenge_id, attempt.at, outcome)
    await session.write(RESOLVE_ATTEMPT, attempt.id, outcome, proof)


async def count_attempt(
    session: Session, mac: RowMac, challenge_id: str | None, principal: str, at: int, limits: AttemptLimits
) -> Attempt | ConfirmFailure:
    """Count an attempt before its code is compared. An attempt without an outcome counts as wrong."""
    since = at - int(limits.window.total_seconds() * 1000)
    proof = mac.of(ATTEMPTS, principal, challenge_id, at, "open" if challenge_id else "wrong")
    row = await session.write(
        COUNT_ATTEMPT, challenge_id, principal, at, since, limits.per_challenge, limits.per_window, proof
    )
    attempt, wrong, state, ends, attempts, last_try = row
    if attempt is not None:
        return Attempt(attempt, limits.per_challenge - attempts - 1 if challenge_id else 0, principal, at)
    if wrong >= limits.per_window:
        return "rate_limited"
    if challenge_id is None or state is None:
        return "expired"
    if state != "open":
        ended: ConfirmFailure = state
        return ended
    if ends <= at:
        await end(session, mac, challenge_id, ChallengeState.EXPIRED, at)
        return "expired"
    if last_try < at - COMPARISON_TIMEOUT:
        await end(session, mac, challenge_id, ChallengeState.LOCKED, at)
    return "locked"


async def record_wrong_code(
    session: Session, mac: RowMac, attempt: Attempt, challenge_id: str, at: int, limits: AttemptLimits
) -> ChallengeState:
    """Record a wrong code. The last attempt locks the challenge. Runs within one transaction."""
    await session.row(LOCK_CHALLENGE, challenge_id)
    await resolve_attempt(session, mac, attempt, challenge_id, "wrong")
    known = await get(session, mac, challenge_id)
    if known is None:
        raise Rollback(ChallengeState.EXPIRED)
    body = {"attempt": known.value.attempts}
    if known.value.state is ChallengeState.CONSUMED:  # meanwhile, by another attempt
        await append(session, mac, challenge_id, at, events.ATTEMPT_FAILED, body)
    else:
        row = known.stored.row.changed(failed=(await session.row(COUNT_FAILED, challenge_id))["failed"])
        event = known.head.next_event(mac, challenge_id, at, events.ATTEMPT_FAILED, body, row)
        await insert_event(session, challenge_id, event)
    if known.value.state is ChallengeState.OPEN and known.value.attempts >= limits.per_challenge:
        await end(session, mac, challenge_id, ChallengeState.LOCKED, at)
        return ChallengeState.LOCKED
    return known.value.state


async def unlock_principal(
    session: Session, mac: RowMac, principal: str, by: str, at: int, limits: AttemptLimits
) -> int:
    """Count the wrong codes of a principal no longer. An attempt that riel did not write stays as it is."""
    await session.row(LOCK_ATTEMPTS, principal)
    count = 0
    since = at - int(limits.window.total_seconds() * 1000)
    for attempt_id, *values, proof in await session.rows(SELECT_FAILED_ATTEMPTS, principal, since):
        if mac.proves(proof, ATTEMPTS, *values):
            void = (*values[:-1], "void")
            await session.write(RESOLVE_ATTEMPT, attempt_id, "void", mac.of(ATTEMPTS, *void))
            count += 1
    if count:
        body = events.principal_unlocked_body(principal, by, count)
        await append(session, mac, JOURNAL_CHAIN, at, events.PRINCIPAL_UNLOCKED, body)
    return count


async def decline(session: Session, mac: RowMac, challenge_id: str, by: str, at: int) -> Challenge | None:
    """The person said no."""
    known = await get(session, mac, challenge_id)
    if known is None or known.value.state is not ChallengeState.OPEN:
        return None
    if not await end(session, mac, challenge_id, ChallengeState.DECLINED, at, known, by=by):
        return None
    return replace(known.value, state=ChallengeState.DECLINED)
