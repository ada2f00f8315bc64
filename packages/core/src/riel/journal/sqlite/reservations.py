"""SQL of what payments take of the limits: counted by period, and given back where no money moved."""

import json
import sqlite3
from collections.abc import Sequence

from riel.guards import Reservation
from riel.journal import LimitReached
from riel.journal.records import Challenge, PaymentRecord, State

USED = "SELECT coalesce(sum(amount), 0) FROM limit_usage WHERE scope = ? AND bucket >= ?"
COUNT = (
    "INSERT INTO limit_usage (scope, bucket, amount) VALUES (?, ?, ?) "
    "ON CONFLICT (scope, bucket) DO UPDATE SET amount = amount + excluded.amount"
)
PAID = (
    "SELECT 1 FROM payments WHERE rail = ? AND mode = ? AND account = ? AND kind = 'payment' AND state = 'settled' "
    "LIMIT 1"
)
TAKEN = "SELECT reservations FROM challenges WHERE id = ?"


def refusal(db: sqlite3.Connection, wanted: Challenge, holds: Sequence[Reservation]) -> LimitReached | None:
    """The first limit that has no room, if there is one."""
    for hold in holds:
        if hold.lifted_by and db.execute(PAID, (wanted.rail, wanted.mode, hold.lifted_by)).fetchone():
            continue
        taken = used(db, hold.scope, hold.since)
        if taken + hold.amount > hold.limit:
            return LimitReached(hold, max(0, hold.limit - taken))
    return None


def used(db: sqlite3.Connection, scope: str, since: int) -> int:
    """What was taken of a limit and not given back."""
    taken: int = db.execute(USED, (scope, since)).fetchone()[0]
    return taken


def take(db: sqlite3.Connection, challenge_id: str, holds: Sequence[Reservation]) -> None:
    """Take every one of them."""
    if not holds:
        return
    taken = [(hold.scope, hold.bucket, hold.amount) for hold in holds]
    db.executemany(COUNT, taken)
    db.execute("UPDATE challenges SET reservations = ? WHERE id = ?", (json.dumps(taken), challenge_id))


def give_back(db: sqlite3.Connection, challenge_id: str) -> None:
    """What was taken is free again."""
    db.executemany(COUNT, [(scope, bucket, -takes) for scope, bucket, takes in _taken(db, challenge_id)])


def follow(db: sqlite3.Connection, before: PaymentRecord, now: PaymentRecord) -> None:
    """A rejected payment has moved no money; one that arrived after all counts again, whatever the limit says."""
    was, is_ = before.state is State.REJECTED, now.state is State.REJECTED
    if was == is_:
        return
    if is_:
        give_back(db, now.id)
    else:
        db.executemany(COUNT, _taken(db, now.id))


def _taken(db: sqlite3.Connection, challenge_id: str) -> list[tuple[str, int, int]]:
    (holds,) = db.execute(TAKEN, (challenge_id,)).fetchone()
    return [(scope, bucket, takes) for scope, bucket, takes in json.loads(holds or "[]")]
