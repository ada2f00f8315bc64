"""SQL of the audit chain, the anchors and the verification of both."""

from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

from riel.journal.audit.anchors import CHAINS_PER_PAGE, AnchoredEnd, check_anchor, check_payment
from riel.journal.audit.chain import GENESIS, JOURNAL_CHAIN, Anchor, ChainBreak, ChainRow, anchor_link, first_break
from riel.journal.audit.rows import (
    check_attempts,
    check_controls,
    check_decision_proofs,
    check_decisions,
    check_messages,
    check_rows,
    check_totals,
    count_failed,
    expected_messages,
    missing_message,
)
from riel.journal.columns import ANCHOR_COLUMNS, DECISION_COLUMNS, EVENT_COLUMNS
from riel.journal.postgres.connect import migrations
from riel.journal.postgres.row_cache import CHAIN_HEAD, JOIN_CHAIN_HEAD, ChainHead, EventRow
from riel.journal.postgres.selects import SELECT_CHALLENGES, SELECT_PAYMENTS, current_row
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

SELECT_CHALLENGES_AFTER = SELECT_CHALLENGES + f"base.id > $1 ORDER BY base.id LIMIT {CHAINS_PER_PAGE}"
SELECT_HAPPENED = "SELECT payment_id, n, event, body FROM events WHERE payment_id > $1 AND payment_id <= $2"
SELECT_ATTEMPTS = (
    "SELECT principal, challenge_id, at, outcome, mac FROM attempts WHERE challenge_id > $1 AND challenge_id <= $2"
)
SELECT_DECISIONS = f"SELECT {DECISION_COLUMNS} FROM decisions WHERE challenge_id > $1 AND challenge_id <= $2"
SELECT_UNUSED_PROOFS = (
    "SELECT d.challenge_id FROM decisions d WHERE d.replay_key IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM used_proofs u WHERE u.replay_key = d.replay_key) ORDER BY d.challenge_id"
)
SELECT_FREE_ATTEMPTS = "SELECT principal, challenge_id, at, outcome, mac FROM attempts WHERE challenge_id IS NULL"
SELECT_MESSAGE_IDS = "SELECT id FROM outbox WHERE id = ANY($1::text[])"
SELECT_MESSAGES = "SELECT id, topic, body, created_at, mac FROM outbox"
SELECT_RESERVED = (
    "SELECT c.reservations, c.state AS challenge, p.state AS payment FROM challenges c "
    "LEFT JOIN payments p ON p.id = c.id WHERE c.reservations <> ''"
)
SELECT_TOTALS = "SELECT scope, bucket, amount FROM limit_usage"
SELECT_CONTROLS = "SELECT name, version, document, at FROM controls"
SELECT_JOURNAL_EVENTS = "SELECT n, event, body, hash, row_mac FROM events WHERE payment_id = 'journal' ORDER BY n"
SELECT_USED_PROOFS = "SELECT replay_key, at, mac FROM used_proofs"
TRIGGERS = ("anchors_are_not_changed", "events_are_not_changed")
SELECT_TRIGGERS = (
    "SELECT t.tgname::text AS name, t.tgenabled::text AS enabled FROM pg_trigger t "
    "JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal"
)
SELECT_FUNCTIONS = (
    "SELECT p.proname::text AS name, p.prosrc AS source FROM pg_proc p "
    "WHERE p.pronamespace = current_schema()::regnamespace "
    "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
)


async def append(
    session: Session,
    mac: RowMac,
    payment_id: str,
    at: int,
    event: str,
    body: Mapping[str, Any],
    row: ProvenRow = JOURNAL_ROW,
) -> None:
    """Add one event to the chain of a payment or challenge, whose row it leaves as it is, or to that of the journal.

    :param row: what an event of the journal proves.
    """
    current: tuple[ProvenRow, ChainHead] | None
    if payment_id == JOURNAL_CHAIN:
        last = await session.row(f"SELECT {CHAIN_HEAD} FROM (SELECT $1::text AS id) base {JOIN_CHAIN_HEAD}", payment_id)
        current = row, ChainHead(last["last_n"], last["last_hash"])
    else:
        current = await current_row(session, mac, payment_id)
    if current is not None:
        proven, head = current
        await insert_event(session, payment_id, head.next_event(mac, payment_id, at, event, dict(body), proven))


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


async def verify(
    mac: RowMac, progress: Callable[[int], None] | None, session: Session
) -> tuple[int, ChainBreak | None]:
    """How many events there are, and the first place that does not hold. Within one snapshot."""
    events, broken = await _verify_chains(session, mac, progress)
    broken = broken or await _verify_anchors(session, mac)
    broken = broken or await _verify_payments(session)
    broken = broken or await _verify_rows(session, mac)
    return events, broken or await _verify_whole(session, mac)


async def _verify_chains(
    session: Session, mac: RowMac, progress: Callable[[int], None] | None
) -> tuple[int, ChainBreak | None]:
    events, after = 0, ""
    while True:
        page = await session.row(SELECT_PAGE_END, after)
        upto = page["id"] if page else None
        rows = [ChainRow(*row) for row in await session.rows(SELECT_EVENTS, after, upto)]
        states = {row["id"]: row["state"] for row in await session.rows(SELECT_STATES, after, upto)}
        events += len(rows)
        if progress is not None:
            progress(events)
        if (broken := first_break(rows, states, mac)) or upto is None:
            return events, broken
        after = upto


async def _verify_anchors(session: Session, mac: RowMac) -> ChainBreak | None:
    before = AnchoredEnd()
    while (row := await session.row(SELECT_ANCHOR, before.n + 1)) is not None:
        hashes = [each["hash"] for each in await session.rows(SELECT_HASHES, before.upto, row["upto"])]
        found = check_anchor(mac, Anchor(*row), before, hashes)
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


async def _verify_rows(session: Session, mac: RowMac) -> ChainBreak | None:
    after: str | None = ""
    while after is not None:
        challenges = await session.rows(SELECT_CHALLENGES_AFTER, after)
        if not challenges:
            return None
        span = (after, challenges[-1]["id"])
        paid = await session.rows(SELECT_PAYMENTS + "WHERE base.id > $1 AND base.id <= $2", *span)
        happened = await session.rows(SELECT_HAPPENED, *span)
        created = {payment_id: body for payment_id, n, event, body in happened if event.endswith(".created")}
        attempts = await session.rows(SELECT_ATTEMPTS, *span)
        decisions = [tuple(row) for row in await session.rows(SELECT_DECISIONS, *span)]
        expected = expected_messages(happened)
        known = [row["id"] for row in await session.rows(SELECT_MESSAGE_IDS, expected)]
        broken = (
            check_rows(mac, challenges, paid, created)
            or check_attempts(mac, attempts, count_failed((row[0], row[2]) for row in happened))
            or check_decisions(mac, decisions, happened)
            or missing_message(expected, known)
        )
        if broken is not None:
            return broken
        after = span[1] if len(challenges) == CHAINS_PER_PAGE else None
    return None


async def _verify_whole(session: Session, mac: RowMac) -> ChainBreak | None:
    """What no page shows: attempts without a challenge, messages, totals of limits, controls, triggers, functions."""
    return (
        check_attempts(mac, await session.rows(SELECT_FREE_ATTEMPTS), {})
        or check_messages(mac, await session.rows(SELECT_MESSAGES))
        or check_totals(await session.rows(SELECT_RESERVED), await session.rows(SELECT_TOTALS))
        or check_controls(
            mac,
            await session.rows(SELECT_CONTROLS),
            await session.rows(SELECT_JOURNAL_EVENTS),
            await session.rows(SELECT_USED_PROOFS),
        )
        or check_decision_proofs(await session.rows(SELECT_UNUSED_PROOFS))
        or await _verify_triggers(session)
    )


async def _verify_triggers(session: Session) -> ChainBreak | None:
    script = "\n".join(migrations())
    triggers = {(row["name"], row["enabled"]) for row in await session.rows(SELECT_TRIGGERS)}
    for name, _ in sorted(triggers ^ {(name, "O") for name in TRIGGERS}):
        return ChainBreak("", 0, f"the trigger {name} is not as riel made it: it was added, removed or altered")
    for row in await session.rows(SELECT_FUNCTIONS):
        if row["source"] not in script:
            return ChainBreak("", 0, f"the function {row['name']} is not as riel made it: it was added or altered")
    return None
