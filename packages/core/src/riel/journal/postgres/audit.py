"""SQL of the audit chain, the anchors and the verification of both."""

from collections.abc import Mapping
from typing import Any

from riel.journal.audit.chain import GENESIS, Anchor, ChainBreak, ChainRow, anchor_link, first_break
from riel.journal.audit.pages import CHAINS, Sealed, altered, sealed_by
from riel.journal.columns import EVENT
from riel.journal.postgres.row_cache import HEAD, WITH_HEAD, Head
from riel.journal.postgres.sessions import Session

APPEND = "INSERT INTO events (payment_id, n, at, event, body, hash) VALUES ($1, $2, $3, $4, $5, $6)"
NEWEST = "SELECT coalesce(max(seq), 0) AS seq FROM events"
QUIET = "BEGIN; SET LOCAL lock_timeout = '3s'; LOCK TABLE events IN SHARE MODE"
"""Nobody is writing events. While it waits for that, others wait for it: not for long, an anchor can be made later."""
LAST_ANCHOR = "SELECT n, at, upto, count, hash FROM anchors ORDER BY n DESC LIMIT 1"
SEAL = "INSERT INTO anchors (n, at, upto, count, hash) VALUES ($1, $2, $3, $4, $5)"
HASHES = "SELECT hash FROM events WHERE seq > $1 AND seq <= $2 ORDER BY seq"
SEALED = (
    f"SELECT {EVENT} FROM events WHERE seq > $1 AND seq <= (SELECT coalesce(max(upto), 0) FROM anchors) "
    "ORDER BY seq LIMIT $2"
)
PAGE = f"SELECT id FROM challenges WHERE id > $1 ORDER BY id OFFSET {CHAINS - 1} LIMIT 1"
EVENTS = (
    f"SELECT {EVENT} FROM events WHERE payment_id > $1 AND ($2::text IS NULL OR payment_id <= $2) "
    "ORDER BY payment_id, n"
)
STATES = (
    "SELECT c.id, coalesce(p.state, c.state) AS state FROM challenges c LEFT JOIN payments p ON p.id = c.id "
    "WHERE c.id > $1 AND ($2::text IS NULL OR c.id <= $2)"
)
ANCHOR = "SELECT n, at, upto, count, hash FROM anchors WHERE n >= $1 ORDER BY n LIMIT 1"
CONFIRMED = (
    "SELECT p.id, p.reference, p.amount, p.currency, p.payee, p.account, p.body AS payload, e.n, e.body AS said "
    "FROM payments p LEFT JOIN events e ON e.payment_id = p.id AND e.event = p.kind || '.created' "
    f"WHERE p.id > $1 ORDER BY p.id LIMIT {CHAINS}"
)


async def append(session: Session, payment_id: str, at: int, event: str, body: Mapping[str, Any]) -> None:
    """Add one event to the chain of one payment, whose challenge the transaction has locked."""
    row = await session.row(f"SELECT {HEAD} FROM (SELECT $1::text AS id) owner {WITH_HEAD}", payment_id)
    told = Head(row["last_n"], row["last_hash"]).followed_by(payment_id, at, event, dict(body))
    await session.row(APPEND, payment_id, *told.values)


async def has(session: Session, payment_id: str, event: str) -> bool:
    """Whether the chain of a payment, whose challenge the transaction has locked, holds an event of that name."""
    return await session.row("SELECT 1 FROM events WHERE payment_id = $1 AND event = $2", payment_id, event) is not None


async def anchor(session: Session, at: int) -> bool:
    """Seal the events since the last anchor.

    Numbers are given before a commit, so one may still be missing below another that is there. Once nobody is
    writing events for a moment, what is there up to the newest number is complete, and stays so.
    """
    last = await session.row(LAST_ANCHOR)
    n, since, previous = (last["n"] + 1, last["upto"], last["hash"]) if last else (1, 0, GENESIS)
    if await _newest(session) == since:
        return False
    upto = await session.apart(QUIET, _newest)
    hashes = [row["hash"] for row in await session.rows(HASHES, since, upto)]
    if not hashes:
        return False
    digest, count = anchor_link(previous, at, upto, hashes)
    await session.write(SEAL, n, at, upto, count, digest)
    return True


async def _newest(session: Session) -> int:
    seq: int = (await session.row(NEWEST))["seq"]
    return seq


async def anchors(session: Session) -> list[Anchor]:
    """Every anchor, oldest first."""
    return [Anchor(*row) for row in await session.rows("SELECT n, at, upto, count, hash FROM anchors ORDER BY n")]


async def sealed(session: Session, after: int, most: int) -> list[ChainRow]:
    """The next events that the newest anchor seals, in the order of writing."""
    return [ChainRow(*row) for row in await session.rows(SEALED, after, most)]


async def verify(session: Session) -> tuple[int, ChainBreak | None]:
    """How many events there are, and the first place that does not hold. Within one snapshot."""
    events, broken = await _chains(session)
    if broken is None:
        broken = await _anchors(session)
    if broken is None:
        broken = await _payments(session)
    return events, broken


async def _chains(session: Session) -> tuple[int, ChainBreak | None]:
    events, after = 0, ""
    while True:
        page = await session.row(PAGE, after)
        upto = page["id"] if page else None
        rows = [ChainRow(*row) for row in await session.rows(EVENTS, after, upto)]
        states = {row["id"]: row["state"] for row in await session.rows(STATES, after, upto)}
        events += len(rows)
        if (broken := first_break(rows, states)) or upto is None:
            return events, broken
        after = upto


async def _anchors(session: Session) -> ChainBreak | None:
    before = Sealed()
    while (row := await session.row(ANCHOR, before.n + 1)) is not None:
        hashes = [each["hash"] for each in await session.rows(HASHES, before.upto, row["upto"])]
        found = sealed_by(Anchor(*row), before, hashes)
        if isinstance(found, ChainBreak):
            return found
        before = found
    return None


async def _payments(session: Session) -> ChainBreak | None:
    after: str | None = ""
    while after is not None:
        rows = await session.rows(CONFIRMED, after)
        for row in rows:
            if broken := altered(row):
                return broken
        after = rows[-1]["id"] if len(rows) == CHAINS else None
    return None
