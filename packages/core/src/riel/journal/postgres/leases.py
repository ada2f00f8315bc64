"""SQL of who is at work on what: claimed by a new fence, never from a process that lives."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from riel.crash_points import crash_point
from riel.journal.columns import PAYMENT_COLUMNS, URGENCY, to_millis
from riel.journal.postgres import payments
from riel.journal.postgres.row_cache import CHAIN_HEAD, JOIN_CHAIN_HEAD, cached_row
from riel.journal.postgres.selects import SELECT_PAYMENTS
from riel.journal.postgres.sessions import LostRace, Session
from riel.journal.records import PaymentRecord
from riel.journal.row_mac import RowMac
from riel.journal.stored_rows import UNREADABLE, read_payment
from riel.rail import Mode

IS_FREE = (
    "(p.owner IS NULL OR p.owner = $1 OR "
    "NOT EXISTS (SELECT 1 FROM owners o WHERE o.id = p.owner AND o.lease_until > clock_timestamp()))"
)
"""Nobody works on it: no owner, ourselves who forgot it, or one whose lease is over by the clock of the database."""
SELECT_DUE = f"SELECT p.id, p.fence FROM payments p WHERE p.next_at <= $2 AND p.id <> ALL($3::text[]) AND {IS_FREE} "
AND_OF_RAILS = "AND (p.rail, p.mode, p.payer) IN (SELECT * FROM unnest($5::text[], $6::text[], $7::text[])) "
MOST_URGENT_FIRST = f"ORDER BY {URGENCY}, p.next_at, p.id LIMIT $4"
LEASE_PAYMENTS = (
    "WITH free AS (SELECT p.id FROM payments p JOIN unnest($2::text[], $3::text[]::bigint[]) AS w(id, fence) "
    "ON p.id = w.id AND p.fence = w.fence WHERE p.next_at <= $4 ORDER BY p.id FOR UPDATE OF p SKIP LOCKED), "
    "taken AS (UPDATE payments p SET owner = $1, fence = p.fence + 1, lookups = p.lookups + 1 FROM free "
    f"WHERE p.id = free.id RETURNING p.*) SELECT {PAYMENT_COLUMNS}, "
    "(SELECT coalesce(sum(r.amount), 0)::bigint FROM payments r WHERE r.refund_of = base.id AND r.state = "
    f"'settled') AS refunded, {CHAIN_HEAD}, (SELECT c.reservations FROM challenges c WHERE c.id = base.id) "
    f"AS reservations FROM taken base {JOIN_CHAIN_HEAD}"
)
"""Leases by the fencing number that was read: a process that leased the payment meanwhile keeps it."""
SELECT_FREE = f"SELECT {IS_FREE} AS free FROM payments p WHERE p.id = $2 AND p.next_at IS NOT NULL"
END_OF_TIME = 2**62
RELEASE_PAYMENT = "UPDATE payments SET owner = NULL, next_at = $4 WHERE id = $1 AND fence = $2 AND owner = $3"


async def claim(
    session: Session,
    mac: RowMac,
    me: str,
    at: datetime,
    busy: Collection[str],
    most: int,
    rails: Collection[tuple[str, Mode, str]] | None,
) -> list[PaymentRecord]:
    """Take over what is due and has no living owner, the most urgent first."""
    sql, values = SELECT_DUE, [me, to_millis(at), list(busy), most]
    if rails is not None:
        sql += AND_OF_RAILS
        values += [[each[place] for each in rails] for place in range(3)]
    waiting = [row for row in await session.rows(sql + MOST_URGENT_FIRST, *values) if row["id"] not in busy]
    if not waiting:
        return []
    crash_point("claim")
    places = {row["id"]: place for place, row in enumerate(waiting)}
    fences = [str(row["fence"]) for row in waiting]
    rows = await session.write_many(LEASE_PAYMENTS, me, list(places), fences, to_millis(at))
    leased = [await _proven(session, mac, row, at) for row in rows]
    return sorted((record for record in leased if record is not None), key=lambda record: places[record.id])


async def _proven(session: Session, mac: RowMac, row: Any, at: datetime) -> PaymentRecord | None:
    """The payment that was leased. One whose row is not as riel wrote it comes into review instead."""
    try:
        known = cached_row(read_payment(mac, row), row)
    except UNREADABLE:
        await payments.leave_alone(session, mac, row["id"])
        return None
    if known.value.tampered:
        await payments.put_in_review(session, mac, known, at)
        return None
    return known.value


async def claim_one(
    session: Session, mac: RowMac, me: str, payment_id: str, at: datetime, busy: Collection[str]
) -> PaymentRecord | None:
    """Take over this one, due or not, if nobody is at work on it and something is expected of it.

    :raises LostRace: another transaction changed the row meanwhile.
    """
    row = await session.row(SELECT_PAYMENTS + "WHERE base.id = $1", payment_id)
    free = await session.row(SELECT_FREE, me, payment_id) if row else None
    if row is None or free is None or not free["free"]:
        return None
    if row["owner"] == me and payment_id in busy:
        return None
    taken = await session.write_many(LEASE_PAYMENTS, me, [payment_id], [str(row["fence"])], END_OF_TIME)
    if not taken:
        raise LostRace
    return await _proven(session, mac, taken[0], at)


async def release(session: Session, me: str, payment_id: str, fence: int, next_at: int | None) -> None:
    """Give the lease back, if it is still ours: evidence that came meanwhile has ended it."""
    await session.write(RELEASE_PAYMENT, payment_id, fence, me, next_at)
