"""SQL of what payments take of the limits: counted by period, and given back where no money moved."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from riel.guards import Reservation
from riel.journal import LimitReached
from riel.journal.postgres.sessions import Session
from riel.journal.records import Challenge, PaymentRecord, State


class Held(NamedTuple):
    """What is taken of one scope in one period; less than nothing where it is given back."""

    scope: str
    bucket: int
    takes: int


def counted(given: str, scopes: str, buckets: str, takes: str) -> str:
    """A part of a statement that counts what three arrays say, where ``given`` has a row.

    Sorted, so that no two transactions wait for each other's rows. Numbers come as text: of all arrays asyncpg knows
    only those of text without asking the database, which takes each new connection longer than a payment does.
    """
    return (
        "INSERT INTO limit_usage (scope, bucket, amount) SELECT h.scope, h.bucket, sum(h.takes)::bigint "
        f"FROM {given}, unnest({scopes}::text[], {buckets}::text[]::bigint[], {takes}::text[]::bigint[]) "
        "AS h(scope, bucket, takes) "
        "GROUP BY h.scope, h.bucket ORDER BY h.scope, h.bucket "
        "ON CONFLICT (scope, bucket) DO UPDATE SET amount = limit_usage.amount + excluded.amount"
    )


LOCK = "SELECT pg_advisory_xact_lock(scope) FROM unnest($1::text[]::bigint[]) AS scope"
USED = "SELECT coalesce(sum(amount), 0)::bigint AS used FROM limit_usage WHERE scope = $1 AND bucket >= $2"
ROOM = (
    "SELECT (SELECT coalesce(sum(l.amount), 0) FROM limit_usage l WHERE l.scope = h.scope AND l.bucket >= h.since) "
    "::bigint AS used, h.account <> '' AND EXISTS (SELECT 1 FROM payments p WHERE p.rail = $4 AND p.mode = $5 AND "
    "p.account = h.account AND p.kind = 'payment' AND p.state = 'settled') AS paid "
    "FROM unnest($1::text[], $2::text[]::bigint[], $3::text[]) WITH ORDINALITY AS h(scope, since, account, place) "
    "ORDER BY h.place"
)


def arrays(held: Iterable[Held]) -> tuple[list[str], list[str], list[str]]:
    """The three arrays that :func:`counted` takes."""
    held = list(held)
    return [one.scope for one in held], [str(one.bucket) for one in held], [str(one.takes) for one in held]


def held_of(text: str) -> tuple[Held, ...]:
    """The column ``reservations`` of a challenge."""
    return tuple(Held(*each) for each in json.loads(text)) if text else ()


def text_of(held: Sequence[Held]) -> str:
    """The same, as it is stored."""
    return json.dumps(held) if held else ""


def given_back(held: Iterable[Held]) -> list[Held]:
    """What was taken is free again."""
    return [one._replace(takes=-one.takes) for one in held]


def following(before: PaymentRecord, now: PaymentRecord, held: Iterable[Held]) -> list[Held]:
    """A rejected payment has moved no money; one that arrived after all counts again, whatever the limit says."""
    was, is_ = before.state is State.REJECTED, now.state is State.REJECTED
    if was == is_:
        return []
    return given_back(held) if is_ else list(held)


async def refusal(session: Session, wanted: Challenge, holds: Sequence[Reservation]) -> LimitReached | None:
    """The first limit that has no room, if there is one. Nobody else can take of their scopes until we commit."""
    await session.rows(LOCK, [str(lock) for lock in sorted({_lock(hold.scope) for hold in holds})])
    asked = ([hold.scope for hold in holds], [str(hold.since) for hold in holds], [hold.lifted_by for hold in holds])
    rows = await session.rows(ROOM, *asked, wanted.rail, wanted.mode)
    for hold, row in zip(holds, rows, strict=True):
        if not row["paid"] and row["used"] + hold.amount > hold.limit:
            return LimitReached(hold, max(0, hold.limit - row["used"]))
    return None


async def used(session: Session, scope: str, since: int) -> int:
    """What was taken of a limit and not given back."""
    taken: int = (await session.row(USED, scope, since))["used"]
    return taken


def _lock(scope: str) -> int:
    """The number of the lock of a scope. Two that share one wait for each other, and nothing worse."""
    return int.from_bytes(hashlib.sha256(f"riel limit {scope}".encode()).digest()[:8], "big", signed=True)
