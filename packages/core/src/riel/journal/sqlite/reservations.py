"""SQL of what payments take of the limits: counted by period, and given back where no money moved."""

import json
import sqlite3
from collections.abc import Sequence

from riel.guards import Reservation
from riel.journal import LimitReached
from riel.journal.columns import may_arrive_late
from riel.journal.records import Challenge, PaymentRecord, State

SELECT_TOTAL = "SELECT coalesce(sum(amount), 0) FROM limit_usage WHERE scope = ? AND bucket >= ?"
SELECT_LATE = (
    "SELECT json_extract(r.value, '$[0]') AS scope, json_extract(r.value, '$[1]') AS bucket, "
    "sum(json_extract(r.value, '$[2]')) AS amount FROM payments p JOIN challenges c ON c.id = p.id "
    f"JOIN json_each(nullif(c.reservations, '')) r WHERE {may_arrive_late(':now')} GROUP BY 1, 2"
)
"""What rejected payments reserved that may still arrive; it is not in the totals."""
ADD_TO_TOTAL = (
    "INSERT INTO limit_usage (scope, bucket, amount) VALUES (?, ?, ?) "
    "ON CONFLICT (scope, bucket) DO UPDATE SET amount = amount + excluded.amount"
)
SELECT_SETTLED = (
    "SELECT 1 FROM payments WHERE rail = ? AND mode = ? AND account = ? AND kind = 'payment' AND state = 'settled' "
    "LIMIT 1"
)
SELECT_RESERVATIONS = "SELECT reservations FROM challenges WHERE id = ?"


Reserved = tuple[str, int, int]
"""What is taken: of which scope, in which bucket, how much."""


def limit_reached(
    db: sqlite3.Connection,
    challenge: Challenge,
    requested: Sequence[Reservation],
    at: int,
    held: Sequence[Reserved] = (),
) -> LimitReached | None:
    """The first limit that has no room, if there is one. ``held`` is given back if there is none."""
    late = _late(db, at) if requested else []
    for reservation in requested:
        if (
            reservation.lifted_by
            and db.execute(SELECT_SETTLED, (challenge.rail, challenge.mode, reservation.lifted_by)).fetchone()
        ):
            continue
        scope, since = reservation.scope, reservation.since
        total = _counted(db, scope, since) + _sum(late, scope, since) - _sum(held, scope, since)
        if total + reservation.amount > reservation.limit:
            return LimitReached(reservation, max(0, reservation.limit - total))
    return None


def reserved_total(db: sqlite3.Connection, scope: str, since: int, at: int) -> int:
    """What is taken of a limit at that time."""
    return _counted(db, scope, since) + _sum(_late(db, at), scope, since)


def _counted(db: sqlite3.Connection, scope: str, since: int) -> int:
    total: int = db.execute(SELECT_TOTAL, (scope, since)).fetchone()[0]
    return total


def _late(db: sqlite3.Connection, at: int) -> list[Reserved]:
    """What rejected payments reserved that may still arrive."""
    return [(scope, bucket, amount) for scope, bucket, amount in db.execute(SELECT_LATE, {"now": at})]


def _sum(reserved: Sequence[Reserved], scope: str, since: int) -> int:
    return sum(amount for of, bucket, amount in reserved if of == scope and bucket >= since)


def reserve(db: sqlite3.Connection, challenge_id: str, requested: Sequence[Reservation]) -> str:
    """Take every one of them, and return what the column ``reservations`` of the challenge holds then."""
    if not requested:
        return ""
    total = _taken(requested)
    db.executemany(ADD_TO_TOTAL, total)
    text = json.dumps(total)
    db.execute("UPDATE challenges SET reservations = ? WHERE id = ?", (text, challenge_id))
    return text


def move(db: sqlite3.Connection, challenge_id: str, requested: Sequence[Reservation]) -> str:
    """Take them in the place of what the challenge took, and return what its column ``reservations`` holds then."""
    release(db, challenge_id)
    return reserve(db, challenge_id, requested)


def moved(db: sqlite3.Connection, challenge_id: str, requested: Sequence[Reservation]) -> list[Reserved] | None:
    """What the challenge took, where ``requested`` is something else; ``None`` where nothing has to move."""
    if not requested:
        return None
    held = _reserved(db, challenge_id)
    return None if sorted(held) == sorted(_taken(requested)) else held


def _taken(requested: Sequence[Reservation]) -> list[Reserved]:
    return [(reservation.scope, reservation.bucket, reservation.amount) for reservation in requested]


def release(db: sqlite3.Connection, challenge_id: str) -> None:
    """What was taken is free again."""
    db.executemany(ADD_TO_TOTAL, [(scope, bucket, -takes) for scope, bucket, takes in _reserved(db, challenge_id)])


def follow_transition(db: sqlite3.Connection, before: str, now: PaymentRecord) -> None:
    """A rejected payment is not counted; one that arrived after all counts again, whatever the limit says.

    What it reserved stays taken until nothing can arrive any more: :data:`SELECT_LATE` adds that.

    :param before: the state that the row had, altered or not.
    """
    was_rejected, is_rejected = before == State.REJECTED, now.state is State.REJECTED
    if was_rejected == is_rejected:
        return
    if is_rejected:
        release(db, now.id)
    else:
        db.executemany(ADD_TO_TOTAL, _reserved(db, now.id))


def _reserved(db: sqlite3.Connection, challenge_id: str) -> list[Reserved]:
    (requested,) = db.execute(SELECT_RESERVATIONS, (challenge_id,)).fetchone()
    return [(scope, bucket, takes) for scope, bucket, takes in json.loads(requested or "[]")]
