"""SQL of the questions to a person, and of the tries to answer them."""

from collections.abc import Sequence
from dataclasses import replace

from riel.guards import Reservation
from riel.journal import Attempt, AttemptLimits, ChallengeText, ConfirmFailure, LimitReached, OpenedChallenge
from riel.journal import events as writing
from riel.journal.columns import ASKED, CHALLENGE, challenge_of, challenge_values, millis
from riel.journal.postgres import reservations as holds
from riel.journal.postgres.audit import append
from riel.journal.postgres.row_cache import HEAD, WITH_HEAD, Head, Known, Seen, known_of
from riel.journal.postgres.sessions import Overtaken, Session, Undone
from riel.journal.records import Challenge, ChallengeState, DuplicateOf

SELECT = (
    f"SELECT {CHALLENGE}, (SELECT count(*) FROM attempts t WHERE t.challenge_id = owner.id) AS attempts, {HEAD}, "
    f"owner.reservations FROM challenges owner {WITH_HEAD} WHERE "
)
NEWEST = (
    SELECT + "principal = $1 AND digest = $2 AND state <> 'refused' "
    "ORDER BY state = 'open' DESC, created_at DESC, id DESC LIMIT $3"
)
STANDING = (
    SELECT + "principal = $1 AND digest = $2 AND (state = 'open' OR (state = 'declined' AND created_at > $3)) "
    "ORDER BY state = 'open' DESC, created_at DESC, id DESC LIMIT 2"
)
"""The question that is open, and the newest that the person said no to."""
TWINS = (
    "SELECT count(*) AS count, (array_agg(p.reference ORDER BY p.created_at DESC, p.id DESC))[1] AS reference "
    "FROM challenges c JOIN payments p ON p.id = c.id WHERE c.principal = $1 AND c.digest = $2 AND "
    "p.created_at > $3 AND p.state <> 'rejected'"
)
WIDTH = ASKED.count(",") + 1
ASK = (
    f"WITH asked AS (INSERT INTO challenges ({ASKED}, reservations) VALUES "
    f"({', '.join(f'${place}' for place in range(1, WIDTH + 2))}) ON CONFLICT DO NOTHING RETURNING id), "
    f"held AS ({holds.counted('asked', f'${WIDTH + 2}', f'${WIDTH + 3}', f'${WIDTH + 4}')}), "
    f"told AS (INSERT INTO events (payment_id, n, at, event, body, hash) SELECT id, ${WIDTH + 5}::bigint, "
    f"${WIDTH + 6}::bigint, ${WIDTH + 7}::text, ${WIDTH + 8}::text, ${WIDTH + 9}::text FROM asked) "
    "SELECT id FROM asked"
)
END = (
    "WITH ended AS (UPDATE challenges SET state = $2 WHERE id = $1 AND state = 'open' RETURNING id), "
    "told AS (INSERT INTO events (payment_id, n, at, event, body, hash) SELECT id, $3::bigint, $4::bigint, $5::text, "
    f"$6::text, $7::text FROM ended), held AS ({holds.counted('ended', '$8', '$9', '$10')}) SELECT id FROM ended"
)
TRY = "SELECT * FROM count_attempt($1, $2, $3, $4, $5, $6)"
LOCK = "SELECT id FROM challenges WHERE id = $1 FOR NO KEY UPDATE"
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('riel alone ' || $1, 0))"
OTHERS = "SELECT id FROM challenges WHERE principal = $1 AND state = 'open' AND digest <> $2 ORDER BY id"
OVER = "SELECT id FROM challenges WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2"
MOST_ENDED = 1000
"""How many questions whose time is over are ended at once: what they hold of a limit is free again."""
HOW_MANY = 20
UNDER_WAY = 60_000
"""How long a try may be compared, in milliseconds: one that is older and unresolved has lost its process."""


async def get(session: Session, challenge_id: str) -> Known[Challenge] | None:
    """One challenge."""
    row = await session.row(SELECT + "id = $1", challenge_id)
    return known_of(challenge_of(row), row) if row else None


async def newest(session: Session, seen: Seen[Challenge], principal: str, digest: bytes) -> list[Challenge]:
    """The newest of one digest, the open one first, which is remembered: it is what a code may be for."""
    found = [known_of(challenge_of(row), row) for row in await session.rows(NEWEST, principal, digest, HOW_MANY)]
    for known in found:
        if known.value.state is ChallengeState.OPEN:
            seen.keep(known.value.id, known)
    return [known.value for known in found]


async def open_one(
    session: Session,
    wanted: Challenge,
    words: ChallengeText,
    again_since: int,
    no_since: int,
    alone: bool,
    wants: Sequence[Reservation],
) -> OpenedChallenge | LimitReached:
    """The open challenge of that digest, or ``wanted``; the only one of its principal, if it is to be ``alone``.

    Where there is neither, one statement asks: the index of open challenges lets one of many through.

    :raises Overtaken: somebody else asked first.
    """
    at = millis(wanted.created_at)
    if alone:
        await session.row(ALONE, wanted.principal)
        for row in await session.rows(OTHERS, wanted.principal, wanted.digest):
            await end(session, row["id"], ChallengeState.EXPIRED, at, reason="another payment was asked for")
    for row in await session.rows(STANDING, wanted.principal, wanted.digest, no_since):
        known = challenge_of(row)
        if known.state is ChallengeState.DECLINED:
            return OpenedChallenge(known, fresh=False)
        if millis(known.expires_at) > at and known.factor == wanted.factor:
            return OpenedChallenge(known, fresh=False)
        await end(session, known.id, ChallengeState.EXPIRED, at)
    if wants and (full := await holds.refusal(session, wanted, wants)):
        return full
    twins = await session.row(TWINS, wanted.principal, wanted.digest, again_since)
    earlier = DuplicateOf(twins["reference"], twins["count"]) if twins["count"] else None
    fresh = replace(wanted, text=words(earlier), duplicate_of=earlier.reference if earlier else None)
    held = [holds.Held(hold.scope, hold.bucket, hold.amount) for hold in wants]
    told = Head().followed_by(fresh.id, at, writing.CHALLENGE_OPENED, writing.asked(fresh))
    await _ask(session, fresh, held, *told.values)
    return OpenedChallenge(fresh, fresh=True)


async def refuse(session: Session, challenge: Challenge, code: str, why: str) -> None:
    """Nobody was asked."""
    never_asked = replace(challenge, state=ChallengeState.REFUSED)
    body = writing.refused(never_asked, code, why)
    told = Head().followed_by(challenge.id, millis(challenge.created_at), writing.CHALLENGE_REFUSED, body)
    await _ask(session, never_asked, (), *told.values)


async def _ask(session: Session, challenge: Challenge, held: Sequence[holds.Held], *told: int | str) -> None:
    values = (*challenge_values(challenge), holds.text_of(held), *holds.arrays(held), *told)
    if await session.write(ASK, *values) is None:
        raise Overtaken


async def over(session: Session, at: int) -> list[str]:
    """Questions whose time is over, and that nobody has ended."""
    return [row["id"] for row in await session.rows(OVER, at, MOST_ENDED)]


async def asked(session: Session, challenge_id: str, at: int) -> None:
    """The person was asked."""
    await session.write("UPDATE challenges SET delivered_at = $2 WHERE id = $1", challenge_id, at)


async def end(
    session: Session,
    challenge_id: str,
    state: ChallengeState,
    at: int,
    known: Known[Challenge] | None = None,
    **body: str,
) -> bool:
    """Close an open challenge without a payment; whether it was open.

    :raises Overtaken: somebody else wrote to it meanwhile.
    """
    known = known or await get(session, challenge_id)
    if known is None or known.value.state is not ChallengeState.OPEN:
        return False
    told = known.head.followed_by(challenge_id, at, writing.challenge_event(state), {"to": state.value, **body})
    back = holds.arrays(holds.given_back(known.held))
    if await session.write(END, challenge_id, state.value, *told.values, *back) is None:
        raise Overtaken
    return True


async def count_try(
    session: Session, challenge_id: str | None, principal: str, at: int, tally: AttemptLimits
) -> Attempt | ConfirmFailure:
    """Count a try before it is compared; one that nobody resolved counts as wrong."""
    since = at - int(tally.window.total_seconds() * 1000)
    row = await session.write(TRY, challenge_id, principal, at, since, tally.per_challenge, tally.per_window)
    counted, wrong, state, ends, attempts, last_try = row
    if counted is not None:
        return Attempt(counted, tally.per_challenge - attempts - 1 if challenge_id else 0)
    if wrong >= tally.per_window:
        return "rate_limited"
    if challenge_id is None or state is None:
        return "expired"
    if state != "open":
        ended: ConfirmFailure = state
        return ended
    if ends <= at:
        await end(session, challenge_id, ChallengeState.EXPIRED, at)
        return "expired"
    if last_try < at - UNDER_WAY:
        await end(session, challenge_id, ChallengeState.LOCKED, at)
    return "locked"


async def wrong(session: Session, counted: Attempt, challenge_id: str, at: int, tally: AttemptLimits) -> ChallengeState:
    """The compared code was wrong; the last try locks the challenge. Within one transaction."""
    await session.row(LOCK, challenge_id)
    await session.row("UPDATE attempts SET outcome = 'wrong' WHERE id = $1", counted.id)
    known = await get(session, challenge_id)
    if known is None:
        raise Undone(ChallengeState.EXPIRED)
    await append(session, challenge_id, at, writing.ATTEMPT_FAILED, {"attempt": known.value.attempts})
    if known.value.state is ChallengeState.OPEN and known.value.attempts >= tally.per_challenge:
        await end(session, challenge_id, ChallengeState.LOCKED, at)
        return ChallengeState.LOCKED
    return known.value.state


async def decline(session: Session, challenge_id: str, by: str, at: int) -> Challenge | None:
    """The person said no."""
    known = await get(session, challenge_id)
    if known is None or not await end(session, challenge_id, ChallengeState.DECLINED, at, known, by=by):
        return None
    return replace(known.value, state=ChallengeState.DECLINED)
