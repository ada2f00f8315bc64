"""SQL of the challenges, and of the attempts to confirm them."""

import sqlite3
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
from riel.journal.freeze import FROZEN, FreezeCheck
from riel.journal.records import Challenge, ChallengeState
from riel.journal.row_mac import ATTEMPTS, JOURNAL_ROW, RowMac
from riel.journal.sqlite import reservations
from riel.journal.sqlite.audit import append
from riel.journal.sqlite.connect import check_schema
from riel.journal.sqlite.controls import is_frozen
from riel.journal.sqlite.selects import SELECT_CHALLENGES, current_row
from riel.journal.stored_rows import new_challenge_row, read_challenge

SELECT_ATTEMPTS = (
    "SELECT state, expires_at, max(failed, (SELECT count(*) FROM attempts t WHERE t.challenge_id = c.id)) AS attempts, "
    "(SELECT max(at) FROM attempts t WHERE t.challenge_id = c.id) AS last_attempt_at FROM challenges c WHERE id = ?"
)
OF_A_PRINCIPAL = "FROM attempts WHERE principal = ? AND at > ? AND outcome <> 'right' AND outcome <> 'void'"
COUNT_FAILED_ATTEMPTS = f"SELECT count(*) {OF_A_PRINCIPAL}"
SELECT_FAILED_ATTEMPTS = f"SELECT id, principal, challenge_id, at, outcome, mac {OF_A_PRINCIPAL} ORDER BY id"
INSERT_CHALLENGE = (
    f"INSERT INTO challenges ({NEW_CHALLENGE_COLUMNS}) "
    f"VALUES ({','.join('?' * (NEW_CHALLENGE_COLUMNS.count(',') + 1))})"
)
INSERT_ATTEMPT = "INSERT INTO attempts (principal, challenge_id, at, outcome, mac) VALUES (?, ?, ?, ?, ?)"
RESOLVE_ATTEMPT = "UPDATE attempts SET outcome = ?, mac = ? WHERE id = ?"
SELECT_PRIOR = (
    "SELECT p.reference, c.digest = ? AS identical, p.state IN ('sending', 'unknown', 'pending', 'review') AS "
    "unresolved FROM payments p JOIN challenges c ON c.id = p.id WHERE p.rail = ? AND p.mode = ? AND p.account = ? AND "
    "p.amount = ? AND p.created_at > ? AND p.principal = ? AND p.kind = ? AND p.currency = ? AND p.state <> 'rejected' "
    "AND (p.created_at > ? OR p.state IN ('sending', 'unknown', 'pending', 'review')) "
    "ORDER BY p.created_at DESC, p.rowid DESC"
)
SELECT_OTHER_OPEN = "SELECT id FROM challenges WHERE principal = ? AND state = 'open' AND digest <> ?"
SELECT_EXPIRED = "SELECT id FROM challenges WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT ?"
COUNT_OPEN = "SELECT count(*) FROM challenges WHERE principal = ? AND state = 'open' AND expires_at > ?"
COUNT_REFUSAL = (
    "INSERT INTO refusals (principal, since, count, previous) VALUES (:principal, :now, 1, 0) "
    "ON CONFLICT (principal) DO UPDATE SET previous = CASE WHEN since <= :over THEN count ELSE 0 END, "
    "count = CASE WHEN since <= :over THEN 1 ELSE count + 1 END, "
    "since = CASE WHEN since <= :over THEN :now ELSE since END RETURNING count, previous"
)
"""Count one refusal. A window that began at or before ``:over`` is over."""
MAX_EXPIRED = 1000
"""How many expired challenges one call ends, so that what they reserve of a limit is released."""
MAX_CHALLENGES = 20
COMPARISON_TIMEOUT = 60_000
"""How long a code may be compared, in milliseconds. The process of an older attempt without an outcome has died."""


def get(db: sqlite3.Connection, mac: RowMac, challenge_id: str) -> Challenge | None:
    """One challenge."""
    row = db.execute(SELECT_CHALLENGES + "id = ?", (challenge_id,)).fetchone()
    return read_challenge(mac, row).value if row else None


def newest(db: sqlite3.Connection, mac: RowMac, principal: str, digest: bytes) -> list[Challenge]:
    """The newest of one digest, the open one first."""
    rows = db.execute(
        SELECT_CHALLENGES + "principal = ? AND digest = ? AND state <> 'refused' "
        "ORDER BY state = 'open' DESC, created_at DESC, rowid DESC LIMIT ?",
        (principal, digest, MAX_CHALLENGES),
    )
    return [read_challenge(mac, row).value for row in rows]


def open_challenge(
    db: sqlite3.Connection,
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
    """The open challenge of that digest, or ``wanted``; the only one of its principal, if it is to be ``alone``."""
    check_schema(db)
    if is_frozen(db, mac, freeze):
        return FROZEN
    at = to_millis(challenge.created_at)
    if close_others:
        for (challenge_id,) in db.execute(SELECT_OTHER_OPEN, (challenge.principal, challenge.digest)).fetchall():
            end(db, mac, challenge_id, ChallengeState.EXPIRED, at, reason="another payment was asked for")
    for known in newest(db, mac, challenge.principal, challenge.digest):
        if known.tampered:
            refuse_tampered(db, mac, known.id, at)
        elif known.state is ChallengeState.OPEN:
            if to_millis(known.expires_at) > at and known.factor == challenge.factor:
                return OpenedChallenge(known, fresh=False)
            end(db, mac, known.id, ChallengeState.EXPIRED, at)
        elif known.state is ChallengeState.DECLINED and to_millis(known.created_at) > declined_since:
            return OpenedChallenge(known, fresh=False)
    if requested:
        for (challenge_id,) in db.execute(SELECT_EXPIRED, (at, MAX_EXPIRED)).fetchall():
            end(db, mac, challenge_id, ChallengeState.EXPIRED, at)
        if refusal := reservations.limit_reached(db, challenge, requested, at):
            return refusal
    if max_open is not None:
        (count,) = db.execute(COUNT_OPEN, (challenge.principal, at)).fetchone()
        if count >= max_open:
            return TooManyOpen(count)
    prior = prior_payment(db.execute(SELECT_PRIOR, prior_values(challenge, duplicates_since)).fetchall())
    fresh = replace(challenge, text=text(prior), duplicate_of=prior.reference if prior else None)
    db.execute(INSERT_CHALLENGE, new_challenge_values(fresh))
    reserved = reservations.reserve(db, fresh.id, requested)
    row = new_challenge_row(fresh, reserved)
    append(db, mac, fresh.id, at, events.CHALLENGE_OPENED, events.challenge_opened_body(fresh), row)
    return OpenedChallenge(fresh, fresh=True)


def record_refusal(db: sqlite3.Connection, mac: RowMac, challenge: Challenge, code: str, why: str) -> None:
    """Store a challenge that was refused before any person was asked, or count it where there were many."""
    at = to_millis(challenge.created_at)
    over = to_millis(challenge.created_at - REFUSAL_WINDOW)
    values = {"principal": challenge.principal, "now": at, "over": over}
    (counted,) = db.execute(COUNT_REFUSAL, values).fetchall()
    count, previous = counted
    if count > MAX_REFUSALS:
        return
    refused = replace(challenge, state=ChallengeState.REFUSED)
    db.execute(INSERT_CHALLENGE, new_challenge_values(refused))
    append(
        db,
        mac,
        challenge.id,
        to_millis(challenge.created_at),
        events.CHALLENGE_REFUSED,
        events.challenge_refused_body(refused, code, why, unrecorded=max(0, previous - MAX_REFUSALS)),
        new_challenge_row(refused, ""),
    )


def mark_delivered(db: sqlite3.Connection, challenge_id: str, at: int) -> None:
    """Store the time at which the challenge was shown to the person."""
    db.execute("UPDATE challenges SET delivered_at = ? WHERE id = ?", (at, challenge_id))


def end(db: sqlite3.Connection, mac: RowMac, challenge_id: str, state: ChallengeState, at: int, **body: str) -> None:
    """Close an open challenge without a payment. The MAC of an altered row stays one that proves nothing."""
    last = db.execute(SELECT_CHALLENGES + "id = ?", (challenge_id,)).fetchone()
    row = read_challenge(mac, last).row.changed(state=state)
    db.execute("UPDATE challenges SET state = ? WHERE id = ? AND state = 'open'", (state, challenge_id))
    reservations.release(db, challenge_id)
    append(db, mac, challenge_id, at, events.challenge_event(state), {"to": state.value, **body}, row, last)


def refuse_tampered(db: sqlite3.Connection, mac: RowMac, challenge_id: str, at: int) -> None:
    """Close an open challenge whose row is not as riel wrote it."""
    state = db.execute("SELECT state FROM challenges WHERE id = ?", (challenge_id,)).fetchone()[0]
    if state == ChallengeState.OPEN:
        end(db, mac, challenge_id, ChallengeState.REFUSED, at, code=Code.RECORD_TAMPERED.value)


def end_all(db: sqlite3.Connection, mac: RowMac, reason: str, at: int) -> int:
    """Close every open challenge; how many there were."""
    open_ones = db.execute("SELECT id FROM challenges WHERE state = 'open' ORDER BY id").fetchall()
    for (challenge_id,) in open_ones:
        end(db, mac, challenge_id, ChallengeState.EXPIRED, at, reason=reason)
    return len(open_ones)


def count_attempt(
    db: sqlite3.Connection, mac: RowMac, challenge_id: str | None, principal: str, at: int, limits: AttemptLimits
) -> Attempt | ConfirmFailure:
    """Count an attempt before its code is compared. An attempt without an outcome counts as wrong."""
    since = at - int(limits.window.total_seconds() * 1000)
    if db.execute(COUNT_FAILED_ATTEMPTS, (principal, since)).fetchone()[0] >= limits.per_window:
        return "rate_limited"
    left = 0
    if challenge_id is not None:
        row = db.execute(SELECT_ATTEMPTS, (challenge_id,)).fetchone()
        if row is None:
            return "expired"
        if row["state"] != "open":
            state: ConfirmFailure = row["state"]
            return state
        if row["expires_at"] <= at:
            end(db, mac, challenge_id, ChallengeState.EXPIRED, at)
            return "expired"
        if row["attempts"] >= limits.per_challenge:
            if row["last_attempt_at"] < at - COMPARISON_TIMEOUT:
                end(db, mac, challenge_id, ChallengeState.LOCKED, at)
            return "locked"
        left = limits.per_challenge - row["attempts"] - 1
    outcome = "open" if challenge_id else "wrong"
    values = (principal, challenge_id, at, outcome)
    cursor = db.execute(INSERT_ATTEMPT, (*values, mac.of(ATTEMPTS, *values)))
    return Attempt(cursor.lastrowid or 0, left, principal, at)


def resolve_attempt(db: sqlite3.Connection, mac: RowMac, attempt: Attempt, challenge_id: str, outcome: str) -> None:
    """Store whether the code of an attempt was right."""
    proof = mac.of(ATTEMPTS, attempt.principal, challenge_id, attempt.at, outcome)
    db.execute(RESOLVE_ATTEMPT, (outcome, proof, attempt.id))


def record_wrong_code(
    db: sqlite3.Connection, mac: RowMac, attempt: Attempt, challenge_id: str, at: int, limits: AttemptLimits
) -> ChallengeState:
    """Record a wrong code. The last attempt locks the challenge."""
    resolve_attempt(db, mac, attempt, challenge_id, "wrong")
    last = db.execute(SELECT_CHALLENGES + "id = ?", (challenge_id,)).fetchone()
    known = read_challenge(mac, last)
    if known.value.state is ChallengeState.CONSUMED:  # meanwhile, by another attempt
        row = current_row(db, mac, challenge_id)
    else:
        row = known.row.changed(failed=last["failed"] + 1)
        db.execute("UPDATE challenges SET failed = failed + 1 WHERE id = ?", (challenge_id,))
    append(db, mac, challenge_id, at, events.ATTEMPT_FAILED, {"attempt": known.value.attempts}, row, last)
    if known.value.state is ChallengeState.OPEN and known.value.attempts >= limits.per_challenge:
        end(db, mac, challenge_id, ChallengeState.LOCKED, at)
        return ChallengeState.LOCKED
    return known.value.state


def unlock_principal(
    db: sqlite3.Connection, mac: RowMac, principal: str, by: str, at: int, limits: AttemptLimits
) -> int:
    """Count the wrong codes of a principal no longer. An attempt that riel did not write stays as it is."""
    since = at - int(limits.window.total_seconds() * 1000)
    count = 0
    for attempt_id, *values, proof in db.execute(SELECT_FAILED_ATTEMPTS, (principal, since)).fetchall():
        if mac.proves(proof, ATTEMPTS, *values):
            void = (*values[:-1], "void")
            db.execute(RESOLVE_ATTEMPT, ("void", mac.of(ATTEMPTS, *void), attempt_id))
            count += 1
    if count:
        body = events.principal_unlocked_body(principal, by, count)
        append(db, mac, JOURNAL_CHAIN, at, events.PRINCIPAL_UNLOCKED, body, JOURNAL_ROW)
    return count


def decline(db: sqlite3.Connection, mac: RowMac, challenge_id: str, by: str, at: int) -> Challenge | None:
    """The person said no."""
    known = get(db, mac, challenge_id)
    if known is None or known.state is not ChallengeState.OPEN:
        return None
    end(db, mac, challenge_id, ChallengeState.DECLINED, at, by=by)
    return replace(known, state=ChallengeState.DECLINED)
