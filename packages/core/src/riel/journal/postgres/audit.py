"""SQL of the audit chain, the anchors and the verification of both."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from riel.journal.audit.anchors import CHAINS_PER_PAGE, AnchoredEnd, check_anchor, check_payment
from riel.journal.audit.chain import GENESIS, JOURNAL_CHAIN, Anchor, ChainBreak, ChainRow, anchor_link, first_break
from riel.journal.columns import ANCHOR_COLUMNS, EVENT_COLUMNS
from riel.journal.postgres.row_cache import CHAIN_HEAD, JOIN_CHAIN_HEAD, ChainHead, EventRow
from riel.journal.postgres.selects import current_row
from riel.journal.postgres.sessions import Session
from riel.journal.row_mac import ANCHORS, JOURNAL_ROW, ProvenRow, RowMac

INSERT_EVENT = (
    "INSERT INTO events (payment_id, n, at, event, body, hash, mac, row_mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
SELECT_NEWEST_SEQ = "SELECT coalesce(max(seq), 0) AS seq FROM events"
LOCK_EVENTS = "BEGIN; SET LOCAL lock_timeout = '3s'; LOCK TABLE events IN SHARE MODE"
"""Nobody is writing events. While it waits for that, others wait for it: not for long, an anchor can be made later."""
SELECT_LAST_ANCHOR = f"SELECT {ANCHOR_COLUMNS} FROM anchors ORDER BY n DESC LIMIT 1"
INSERT_ANCHOR = f"INSERT INTO anchors ({ANCHOR_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)"
SELECT_HASHES = "SELECT hash FROM events WHERE seq > $1 AND seq <= $2 ORDER BY seq"
SELECT_ANCHORED_EVENTS = (
    f"SELECT {EVENT_COLUMNS} FROM events WHERE seq > $1 AND seq <= (SELECT coalesce(max(upto), 0) FROM anchors) "
    "ORDER BY seq LIMIT $2"
)
SELECT_PAGE_END = f"SELECT id FROM challenges WHERE id > $1 ORDER BY id OFFSET {CHAINS_PER_PAGE - 1} LIMIT 1"
SELECT_EVENTS = (
    f"SELECT {EVENT_COLUMNS} FROM events WHERE payment_id > $1 AND ($2::text IS NULL OR payment_id <= $2) "
    "ORDER BY payment_id, n"
)
SELECT_STATES = (
    "SELECT c.id, coalesce(p.state, c.state) AS state FROM challenges c LEFT JOIN payments p ON p.id = c.id "
    "WHERE c.id > $1 AND ($2::text IS NULL OR c.id <= $2)"
)
SELECT_ANCHOR = f"SELECT {ANCHOR_COLUMNS} FROM anchors WHERE n >= $1 ORDER BY n LIMIT 1"
SELECT_CREATED = (
    "SELECT p.id, p.reference, p.amount, p.currency, p.payee, p.account, p.body AS payload, e.n, e.body AS said "
    "FROM payments p LEFT JOIN events e ON e.payment_id = p.id AND e.event = p.kind || '.created' "
    f"WHERE p.id > $1 ORDER BY p.id LIMIT {CHAINS_PER_PAGE}"
)


async def append(session: Session, mac: RowMac, payment_id: str, at: int, event: str, body: Mapping[str, Any]) -> None:
    """Add one event, which changes nothing of the row, to the chain of a payment or challenge."""
    current: tuple[ProvenRow, ChainHead] | None
    if payment_id == JOURNAL_CHAIN:
        last = await session.row(f"SELECT {CHAIN_HEAD} FROM (SELECT $1::text AS id) base {JOIN_CHAIN_HEAD}", payment_id)
        current = JOURNAL_ROW, ChainHead(last["last_n"], last["last_hash"])
    else:
        current = await current_row(session, mac, payment_id)
    if current is not None:
        row, head = current
        await insert_event(session, payment_id, head.next_event(mac, payment_id, at, event, dict(body), row))


async def insert_event(session: Session, payment_id: str, event: EventRow) -> None:
    """Write an event of a chain. Where another transaction wrote its number first, the database refuses it."""
    await session.row(INSERT_EVENT, payment_id, *event.values)


async def has_event(session: Session, payment_id: str, event: str) -> bool:
    """Whether the chain of a payment, whose challenge the transaction has locked, holds an event of that name."""
    return await session.row("SELECT 1 FROM events WHERE payment_id = $1 AND event = $2", payment_id, event) is not None


async def anchor(session: Session, mac: RowMac, at: int) -> Anchor | None:
    """Anchor the events since the last anchor, if there are any.

    Numbers are given before a commit, so one may still be missing below another that is there. Once nobody is
    writing events for a moment, what is there up to the newest number is complete, and stays so.
    """
    last = await session.row(SELECT_LAST_ANCHOR)
    n, since, previous = (last["n"] + 1, last["upto"], last["hash"]) if last else (1, 0, GENESIS)
    if await _newest_seq(session) == since:
        return None
    upto = await session.read_in_transaction(LOCK_EVENTS, _newest_seq)
    hashes = [row["hash"] for row in await session.rows(SELECT_HASHES, since, upto)]
    if not hashes:
        return None
    digest, count = anchor_link(previous, at, upto, hashes)
    new = Anchor(n, at, upto, count, digest, mac.of(ANCHORS, n, digest))
    await session.write(INSERT_ANCHOR, *astuple(new))
    return new


async def _newest_seq(session: Session) -> int:
    seq: int = (await session.row(SELECT_NEWEST_SEQ))["seq"]
    return seq


async def anchors(session: Session) -> list[Anchor]:
    """Every anchor, oldest first."""
    return [Anchor(*row) for row in await session.rows(f"SELECT {ANCHOR_COLUMNS} FROM anchors ORDER BY n")]


async def anchored_events(session: Session, after: int, most: int) -> list[ChainRow]:
    """The next events that the newest anchor seals, in the order of writing."""
    return [ChainRow(*row) for row in await session.rows(SELECT_ANCHORED_EVENTS, after, most)]


async def verify(session: Session) -> tuple[int, ChainBreak | None]:
    """How many events there are, and the first place that does not hold. Within one snapshot."""
    events, broken = await _verify_chains(session)
    if broken is None:
        broken = await _verify_anchors(session)
    if broken is None:
        broken = await _verify_payments(session)
    return events, broken


async def _verify_chains(session: Session) -> tuple[int, ChainBreak | None]:
    events, after = 0, ""
    while True:
        page = await session.row(SELECT_PAGE_END, after)
        upto = page["id"] if page else None
        rows = [ChainRow(*row) for row in await session.rows(SELECT_EVENTS, after, upto)]
        states = {row["id"]: row["state"] for row in await session.rows(SELECT_STATES, after, upto)}
        events += len(rows)
        if (broken := first_break(rows, states)) or upto is None:
            return events, broken
        after = upto


async def _verify_anchors(session: Session) -> ChainBreak | None:
    before = AnchoredEnd()
    while (row := await session.row(SELECT_ANCHOR, before.n + 1)) is not None:
        hashes = [each["hash"] for each in await session.rows(SELECT_HASHES, before.upto, row["upto"])]
        found = check_anchor(Anchor(*row), before, hashes)
        if isinstance(found, ChainBreak):
            return found
        before = found
    return None


async def _verify_payments(session: Session) -> ChainBreak | None:
    after: str | None = ""
    while after is not None:
        rows = await session.rows(SELECT_CREATED, after)
        for row in rows:
            if broken := check_payment(row):
                return broken
        after = rows[-1]["id"] if len(rows) == CHAINS_PER_PAGE else None
    return None
