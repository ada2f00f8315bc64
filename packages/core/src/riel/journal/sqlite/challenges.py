"""SQL of the questions to a person, and of the tries to answer them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from riel.guards import Reservation
from riel.journal import Attempt, AttemptLimits, ChallengeText, ConfirmFailure, LimitReached, OpenedChallenge
from riel.journal import events as writing
from riel.journal.columns import ASKED, CHALLENGE, challenge_of, challenge_values, millis
from riel.journal.records import Challenge, ChallengeState, DuplicateOf
from riel.journal.sqlite import reservations as holds
from riel.journal.sqlite.audit import HEAD, append

SELECT = (
    f"SELECT {CHALLENGE}, (SELECT count(*) FROM attempts t WHERE t.challenge_id = owner.id) AS attempts, {HEAD} "
    "FROM challenges owner WHERE "
)
COUNT = (
    "SELECT state, expires_at, (SELECT count(*) FROM attempts t WHERE t.challenge_id = c.id) AS attempts, "
    "(SELECT max(at) FROM attempts t WHERE t.challenge_id = c.id) AS last_attempt_at FROM challenges c WHERE id = ?"
)
WRONG = "SELECT count(*) FROM attempts WHERE principal = ? AND at > ? AND outcome <> 'right'"
INSERT = f"INSERT INTO challenges ({ASKED}) VALUES ({','.join('?' * (ASKED.count(',') + 1))})"
TRY = "INSERT INTO attempts (principal, challenge_id, at, outcome) VALUES (?, ?, ?, ?)"
TWINS = (
    "SELECT p.reference FROM challenges c JOIN payments p ON p.id = c.id WHERE c.principal = ? AND c.digest = ? AND "
    "p.created_at > ? AND p.state <> 'rejected' ORDER BY p.created_at DESC, p.rowid DESC"
)
OTHERS = "SELECT id FROM challenges WHERE principal = ? AND state = 'open' AND digest <> ?"
OVER = "SELECT id FROM challenges WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT ?"
MOST_ENDED = 1000
"""How many questions whose time is over are ended at once: what they hold of a limit is free again."""
HOW_MANY = 20
UNDER_WAY = 60_000
"""How long a try may be compared, in milliseconds: one that is older and unresolved has lost its process."""


def get(db: sqlite3.Connection, challenge_id: str) -> Challenge | None:
    """One challenge."""
    row = db.execute(SELECT + "id = ?", (challenge_id,)).fetchone()
    return challenge_of(row) if row else None


def newest(db: sqlite3.Connection, principal: str, digest: bytes) -> list[Challenge]:
    """The newest of one digest, the open one first."""
    rows = db.execute(
        SELECT + "principal = ? AND digest = ? AND state <> 'refused' "
        "ORDER BY state = 'open' DESC, created_at DESC, rowid DESC LIMIT ?",
        (principal, digest, HOW_MANY),
    )
    return [challenge_of(row) for row in rows]


def open_one(
    db: sqlite3.Connection,
    wanted: Challenge,
    words: ChallengeText,
    again_since: int,
    no_since: int,
    alone: bool,
    wants: Sequence[Reservation],
) -> OpenedChallenge | LimitReached:
    """The open challenge of that digest, or ``wanted``; the only one of its principal, if it is to be ``alone``."""
    at = millis(wanted.created_at)
    if alone:
        for (challenge_id,) in db.execute(OTHERS, (wanted.principal, wanted.digest)).fetchall():
            end(db, challenge_id, ChallengeState.EXPIRED, at, reason="another payment was asked for")
    for known in newest(db, wanted.principal, wanted.digest):
        if known.state is ChallengeState.OPEN:
            if millis(known.expires_at) > at and known.factor == wanted.factor:
                return OpenedChallenge(known, fresh=False)
            end(db, known.id, ChallengeState.EXPIRED, at)
        elif known.state is ChallengeState.DECLINED and millis(known.created_at) > no_since:
            return OpenedChallenge(known, fresh=False)
    if wants:
        for (challenge_id,) in db.execute(OVER, (at, MOST_ENDED)).fetchall():
            end(db, challenge_id, ChallengeState.EXPIRED, at)
        if full := holds.refusal(db, wanted, wants):
            return full
    twins = db.execute(TWINS, (wanted.principal, wanted.digest, again_since)).fetchall()
    earlier = DuplicateOf(twins[0]["reference"], len(twins)) if twins else None
    fresh = replace(wanted, text=words(earlier), duplicate_of=earlier.reference if earlier else None)
    db.execute(INSERT, challenge_values(fresh))
    holds.take(db, fresh.id, wants)
    append(db, fresh.id, at, writing.CHALLENGE_OPENED, writing.asked(fresh))
    return OpenedChallenge(fresh, fresh=True)


def refuse(db: sqlite3.Connection, challenge: Challenge, code: str, why: str) -> None:
    """Nobody was asked."""
    never_asked = replace(challenge, state=ChallengeState.REFUSED)
    db.execute(INSERT, challenge_values(never_asked))
    append(
        db,
        challenge.id,
        millis(challenge.created_at),
        writing.CHALLENGE_REFUSED,
        writing.refused(never_asked, code, why),
    )


def asked(db: sqlite3.Connection, challenge_id: str, at: int) -> None:
    """The person was asked."""
    db.execute("UPDATE challenges SET delivered_at = ? WHERE id = ?", (at, challenge_id))


def end(db: sqlite3.Connection, challenge_id: str, state: ChallengeState, at: int, **body: str) -> None:
    """Close an open challenge without a payment."""
    db.execute("UPDATE challenges SET state = ? WHERE id = ? AND state = 'open'", (state, challenge_id))
    holds.give_back(db, challenge_id)
    append(db, challenge_id, at, writing.challenge_event(state), {"to": state.value, **body})


def count_try(
    db: sqlite3.Connection, challenge_id: str | None, principal: str, at: int, tally: AttemptLimits
) -> Attempt | ConfirmFailure:
    """Count a try before it is compared; one that nobody resolved counts as wrong."""
    since = at - int(tally.window.total_seconds() * 1000)
    if db.execute(WRONG, (principal, since)).fetchone()[0] >= tally.per_window:
        return "rate_limited"
    left = 0
    if challenge_id is not None:
        row = db.execute(COUNT, (challenge_id,)).fetchone()
        if row is None:
            return "expired"
        if row["state"] != "open":
            state: ConfirmFailure = row["state"]
            return state
        if row["expires_at"] <= at:
            end(db, challenge_id, ChallengeState.EXPIRED, at)
            return "expired"
        if row["attempts"] >= tally.per_challenge:
            if row["last_attempt_at"] < at - UNDER_WAY:
                end(db, challenge_id, ChallengeState.LOCKED, at)
            return "locked"
        left = tally.per_challenge - row["attempts"] - 1
    outcome = "open" if challenge_id else "wrong"
    cursor = db.execute(TRY, (principal, challenge_id, at, outcome))
    return Attempt(cursor.lastrowid or 0, left)


def wrong(db: sqlite3.Connection, counted: Attempt, challenge_id: str, at: int, tally: AttemptLimits) -> ChallengeState:
    """The compared code was wrong; the last try locks the challenge."""
    db.execute("UPDATE attempts SET outcome = 'wrong' WHERE id = ?", (counted.id,))
    row = db.execute(COUNT, (challenge_id,)).fetchone()
    append(db, challenge_id, at, writing.ATTEMPT_FAILED, {"attempt": row["attempts"]})
    if row["state"] == "open" and row["attempts"] >= tally.per_challenge:
        end(db, challenge_id, ChallengeState.LOCKED, at)
        return ChallengeState.LOCKED
    return ChallengeState(row["state"])


def decline(db: sqlite3.Connection, challenge_id: str, by: str, at: int) -> Challenge | None:
    """The person said no."""
    known = get(db, challenge_id)
    if known is None or known.state is not ChallengeState.OPEN:
        return None
    end(db, challenge_id, ChallengeState.DECLINED, at, by=by)
    return replace(known, state=ChallengeState.DECLINED)
