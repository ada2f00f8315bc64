"""SQL of what payments take of the limits: counted by period, and given back where no money moved."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from riel.guards import Reservation
from riel.journal import LimitReached
from riel.journal.columns import may_arrive_late
from riel.journal.postgres.sessions import Session
from riel.journal.records import Challenge, PaymentRecord, State


class ReservedAmount(NamedTuple):
    """What is taken of one scope in one period; less than nothing where it is given back."""

    scope: str
    bucket: int
    amount: int


def add_to_totals(source: str, scopes: str, buckets: str, amount: str) -> str:
    """A part of a statement that counts what three arrays say, where ``given`` has a row.

    Sorted, so that no two transactions wait for each other's rows. Numbers come as text: of all arrays asyncpg knows
    only those of text without asking the database, which takes each new connection longer than a payment does.
    """
    return (
        "INSERT INTO limit_usage (scope, bucket, amount) SELECT h.scope, h.bucket, sum(h.takes)::bigint "
        f"FROM {source}, unnest({scopes}::text[], {buckets}::text[]::bigint[], {amount}::text[]::bigint[]) "
        "AS h(scope, bucket, takes) "
        "GROUP BY h.scope, h.bucket ORDER BY h.scope, h.bucket "
        "ON CONFLICT (scope, bucket) DO UPDATE SET amount = limit_usage.amount + excluded.amount"
    )


LOCK_SCOPES = "SELECT pg_advisory_xact_lock(scope) FROM unnest($1::text[]::bigint[]) AS scope"


def watched(now: str) -> str:
    """A part of a statement: what rejected payments reserved that may still arrive, as rows of ``watched``."""
    return (
        "WITH watched AS MATERIALIZED (SELECT r ->> 0 AS scope, (r ->> 1)::bigint AS bucket, (r ->> 2)::bigint AS "
        "amount FROM payments p JOIN challenges c ON c.id = p.id, jsonb_array_elements(nullif(c.reservations, '')"
        f"::jsonb) AS r WHERE {may_arrive_late(now)}) "
    )


def used(scope: str, since: str) -> str:
    """An expression: what is counted of a scope, and what :func:`watched` adds, which one statement sees together."""
    return (
        f"((SELECT coalesce(sum(l.amount), 0) FROM limit_usage l WHERE l.scope = {scope} AND l.bucket >= {since}) + "
        f"(SELECT coalesce(sum(w.amount), 0) FROM watched w WHERE w.scope = {scope} AND w.bucket >= {since}))::bigint"
    )


SELECT_TOTAL = f"{watched('$3::bigint')} SELECT {used('$1', '$2')} AS used"
SELECT_USAGE = (
    f"{watched('$6::bigint')} SELECT {used('h.scope', 'h.since')} AS used, "
    "h.account <> '' AND EXISTS (SELECT 1 FROM payments p WHERE p.rail = $4 AND p.mode = $5 AND "
    "p.account = h.account AND p.kind = 'payment' AND p.state = 'settled') AS paid "
    "FROM unnest($1::text[], $2::text[]::bigint[], $3::text[]) WITH ORDINALITY AS h(scope, since, account, place) "
    "ORDER BY h.place"
)


def arrays(reserved: Iterable[ReservedAmount]) -> tuple[list[str], list[str], list[str]]:
    """The three arrays that :func:`counted` takes."""
    reserved = list(reserved)
    return [one.scope for one in reserved], [str(one.bucket) for one in reserved], [str(one.amount) for one in reserved]


def parse_reservations(text: str) -> tuple[ReservedAmount, ...]:
    """The column ``reservations`` of a challenge."""
    return tuple(ReservedAmount(*each) for each in json.loads(text)) if text else ()


def format_reservations(reserved: Sequence[ReservedAmount]) -> str:
    """The same, as it is stored."""
    return json.dumps(reserved) if reserved else ""


def released(reserved: Iterable[ReservedAmount]) -> list[ReservedAmount]:
    """What was taken is free again."""
    return [one._replace(amount=-one.amount) for one in reserved]


def after_transition(before: str, now: PaymentRecord, reserved: Iterable[ReservedAmount]) -> list[ReservedAmount]:
    """A rejected payment is not counted; one that arrived after all counts again, whatever the limit says.

    What it reserved stays taken until nothing can arrive any more: :func:`watched` adds that.

    :param before: the state that the row had, altered or not.
    """
    was_rejected, is_rejected = before == State.REJECTED, now.state is State.REJECTED
    if was_rejected == is_rejected:
        return []
    return released(reserved) if is_rejected else list(reserved)


def taken(requested: Iterable[Reservation]) -> tuple[ReservedAmount, ...]:
    """What the reservations take."""
    return tuple(ReservedAmount(reservation.scope, reservation.bucket, reservation.amount) for reservation in requested)


def moves(held: Iterable[ReservedAmount], requested: Sequence[Reservation]) -> bool:
    """Whether ``requested`` is something else than a challenge took."""
    return bool(requested) and sorted(held) != sorted(taken(requested))


async def limit_reached(
    session: Session,
    challenge: Challenge,
    requested: Sequence[Reservation],
    at: int,
    held: Sequence[ReservedAmount] = (),
) -> LimitReached | None:
    """The first limit that has no room, if there is one. Nobody else can take of their scopes until we commit.

    :param held: what is given back if there is none.
    """
    await session.rows(
        LOCK_SCOPES, [str(lock) for lock in sorted({_lock(reservation.scope) for reservation in requested})]
    )
    arguments = (
        [reservation.scope for reservation in requested],
        [str(reservation.since) for reservation in requested],
        [reservation.lifted_by for reservation in requested],
    )
    rows = await session.rows(SELECT_USAGE, *arguments, challenge.rail, challenge.mode, at)
    for reservation, row in zip(requested, rows, strict=True):
        of_scope = [one for one in held if one.scope == reservation.scope and one.bucket >= reservation.since]
        used = row["used"] - sum(one.amount for one in of_scope)
        if not row["paid"] and used + reservation.amount > reservation.limit:
            return LimitReached(reservation, max(0, reservation.limit - used))
    return None


async def reserved_total(session: Session, scope: str, since: int, at: int) -> int:
    """What is taken of a limit at that time."""
    total: int = (await session.row(SELECT_TOTAL, scope, since, at))["used"]
    return total


def _lock(scope: str) -> int:
    """The number of the lock of a scope. Two that share one wait for each other, and nothing worse."""
    return int.from_bytes(hashlib.sha256(f"riel limit {scope}".encode()).digest()[:8], "big", signed=True)
