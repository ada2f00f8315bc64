"""The journal in one SQLite file, which any number of processes on one machine may share."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from riel.crash_points import crash_point
from riel.errors import JournalUnavailable, Misconfigured
from riel.guards import Reservation
from riel.journal import (
    Attempt,
    AttemptLimits,
    ChainBreak,
    ChallengeText,
    ConfirmFailure,
    Frozen,
    LimitReached,
    OpenedChallenge,
    PayeeHistory,
    TooManyOpen,
)
from riel.journal.audit.anchors import AnchoredEnd
from riel.journal.audit.chain import JOURNAL_CHAIN, Anchor, ChainRow
from riel.journal.columns import EVENT_COLUMNS, event_of, maybe_from_millis, maybe_to_millis, to_millis
from riel.journal.events import KEY_REPLACED
from riel.journal.records import (
    Backlog,
    Challenge,
    ChallengeState,
    Change,
    Event,
    Intent,
    Message,
    PaymentRecord,
    State,
    Topic,
)
from riel.journal.row_mac import JOURNAL_ROW, RowMac
from riel.journal.sqlite import audit, challenges, creation, payments, verify_journal
from riel.journal.sqlite import reservations as limit_usage
from riel.journal.sqlite.connect import NOT_WRITABLE, connect, connect_reader
from riel.journal.sqlite.database import TransactionQueue
from riel.journal.sqlite.decisions import SqliteDecisions
from riel.journal.sqlite.owners import LockFileOwners, OwnerRegistry
from riel.journal.sqlite.selects import current_row
from riel.journal.sqlite.writer import Writer
from riel.rail import Mode
from riel.secrets import ServerKeys

T = TypeVar("T")
P = TypeVar("P")


class SqliteJournal(SqliteDecisions):
    """Keeps the protocol :class:`riel.journal.Journal`."""

    clock_difference = timedelta(0)
    """One machine has one clock."""

    def __init__(
        self, writer: TransactionQueue, owners: OwnerRegistry, reader: sqlite3.Connection, mac: RowMac
    ) -> None:
        super().__init__(writer, owners, reader, mac)
        self._keep: Callable[[str, Anchor], None] | None = None

    @classmethod
    def open(cls, url: str, mac: RowMac, *, make: bool = True) -> "SqliteJournal":
        """Open the file of a ``sqlite:///`` URL or a path, making it where there is none.

        :param mac: proves the rows.
        :param make: whether that may be done.
        :raises Misconfigured: it cannot be used.
        """
        path = Path(url.removeprefix("sqlite:///")).expanduser().resolve()  # its locks stand beside it, by any name
        if not make and not path.is_file():
            raise Misconfigured(f"RIEL_JOURNAL: there is no journal at {path}; riel serve makes one")
        writer = Writer(partial(connect, path, make=make))
        writer.start()
        owners = LockFileOwners(path.with_name(path.name + ".owners"))
        try:
            owners.register()
        except OSError as failure:
            if not make and failure.errno in NOT_WRITABLE:  # who only reads owns nothing
                return cls(writer, owners, connect_reader(path), mac)
            raise Misconfigured(
                f"RIEL_JOURNAL: {path} needs a folder {path.name}.owners beside it: {failure}."
            ) from failure
        return cls(writer, owners, connect_reader(path), mac)

    async def open_challenge(
        self,
        challenge: Challenge,
        text: ChallengeText,
        *,
        duplicate_window: timedelta,
        decline_ttl: timedelta,
        close_others: bool = False,
        reservations: Sequence[Reservation] = (),
        max_open: int | None = None,
    ) -> OpenedChallenge | LimitReached | TooManyOpen | Frozen:
        duplicates_since = to_millis(challenge.created_at - duplicate_window)
        declined_since = to_millis(challenge.created_at - decline_ttl)
        opened = await self._writer.write(
            lambda db: challenges.open_challenge(
                db,
                self._mac,
                self._freeze,
                challenge,
                text,
                duplicates_since,
                declined_since,
                close_others,
                reservations,
                max_open,
            )
        )
        return await self._note_freeze(opened)

    async def reserved_total(self, scope: str, since: int, at: datetime) -> int:
        return await self._read_directly(lambda db: limit_usage.reserved_total(db, scope, since, to_millis(at)))

    async def record_refusal(self, challenge: Challenge, code: str, why: str) -> None:
        await self._writer.write(lambda db: challenges.record_refusal(db, self._mac, challenge, code, why))

    async def mark_delivered(self, challenge_id: str, at: datetime) -> None:
        await self._writer.write(lambda db: challenges.mark_delivered(db, challenge_id, to_millis(at)))

    async def challenges(self, principal: str, digest: bytes) -> Sequence[Challenge]:
        return await self._read_directly(lambda db: challenges.newest(db, self._mac, principal, digest))

    async def challenge(self, challenge_id: str) -> Challenge | None:
        return await self._read_directly(lambda db: challenges.get(db, self._mac, challenge_id))

    async def count_attempt(
        self, challenge_id: str | None, principal: str, at: datetime, limits: AttemptLimits
    ) -> Attempt | ConfirmFailure:
        return await self._writer.write(
            lambda db: challenges.count_attempt(db, self._mac, challenge_id, principal, to_millis(at), limits)
        )

    async def record_wrong_code(
        self, attempt: Attempt, challenge_id: str, at: datetime, limits: AttemptLimits
    ) -> ChallengeState:
        return await self._writer.write(
            lambda db: challenges.record_wrong_code(db, self._mac, attempt, challenge_id, to_millis(at), limits)
        )

    async def unlock_principal(self, principal: str, by: str, at: datetime, limits: AttemptLimits) -> int:
        return await self._writer.write(
            lambda db: challenges.unlock_principal(db, self._mac, principal, by, to_millis(at), limits)
        )

    async def decline(self, challenge_id: str, by: str, at: datetime) -> Challenge | None:
        return await self._writer.write(lambda db: challenges.decline(db, self._mac, challenge_id, by, to_millis(at)))

    async def create_payment(
        self, attempt: Attempt, challenge_id: str, replay_key: str | None, intent: Intent, at: datetime
    ) -> PaymentRecord | ConfirmFailure | LimitReached:
        owner = self._owner()
        created = await self._writer.write(
            lambda db: creation.create(db, owner, attempt, challenge_id, replay_key, intent, at)
        )
        return await self._note_freeze(created)

    async def record(self, payment_id: str, change: Change, at: datetime) -> tuple[PaymentRecord, bool]:
        owner = self._owner()
        known, done = await self._writer.write(lambda db: payments.record(db, owner, payment_id, change, at))
        if known is None:
            raise JournalUnavailable(f"the journal has no payment {payment_id}")
        return known, done

    async def resolve_manually(
        self, payment_id: str, to: State, by: str, evidence: str, at: datetime
    ) -> PaymentRecord | None:
        return await self._writer.write(
            lambda db: payments.resolve_manually(db, self._mac, payment_id, to, by, evidence, at)
        )

    async def claim(
        self, at: datetime, busy: Collection[str], *, most: int, rails: Collection[tuple[str, Mode, str]] | None = None
    ) -> Sequence[PaymentRecord]:
        dead = self._dead_owners(await self._writer.read(lambda db: payments.due_owners(db, to_millis(at))))
        waiting = await self._writer.read(
            lambda db: payments.due_payments(db, to_millis(at), {*dead, self._owners.me}, rails, most + len(busy))
        )
        free = partial(self._is_free, busy=busy, dead=dead)
        ids = [one for one in waiting if one not in busy][:most]
        if not ids:
            return []
        crash_point("claim")
        taken = await self._writer.write(
            lambda db: [payments.lease(db, self._mac, one, self._owners.me, free, at, due=True) for one in ids]
        )
        return [one for one in taken if one is not None]

    async def claim_one(self, payment_id: str, at: datetime, busy: Collection[str]) -> PaymentRecord | None:
        known = await self.payment(payment_id)
        if known is None:
            return None
        dead = self._dead_owners({known.owner} if known.owner else set())
        free = partial(self._is_free, busy=busy, dead=dead)
        if not free(known.owner, known.id):
            return None
        return await self._writer.write(lambda db: payments.lease(db, self._mac, payment_id, self._owners.me, free, at))

    def _dead_owners(self, owners: Collection[str]) -> frozenset[str]:
        return frozenset(owner for owner in owners if self._owners.is_dead(owner))

    def _is_free(self, owner: str | None, payment_id: str, *, busy: Collection[str], dead: frozenset[str]) -> bool:
        """Whether nobody works on it: no owner, a dead one, or ourselves and we have forgotten."""
        return owner is None or owner in dead or (owner == self._owners.me and payment_id not in busy)

    async def release(self, payment_id: str, fence: int, next_at: datetime | None) -> None:
        await self._writer.write(
            lambda db: payments.release(db, self._owners.me, payment_id, fence, maybe_to_millis(next_at))
        )

    async def is_owner_alive(self, owner: str) -> bool:
        return not self._owners.is_dead(owner)

    async def payment(self, payment_id: str) -> PaymentRecord | None:
        return await self._read_directly(lambda db: payments.get(db, self._mac, payment_id))

    async def refunds(self, payment_id: str) -> Sequence[PaymentRecord]:
        return await self._writer.read(lambda db: payments.refunds(db, self._mac, payment_id))

    async def by_reference(self, rail: str, mode: Mode, reference: str) -> PaymentRecord | None:
        return await self._read_directly(lambda db: payments.by_reference(db, self._mac, rail, mode, reference))

    async def payments(
        self,
        *,
        states: Collection[State] = (),
        rail: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int = 50,
    ) -> Sequence[PaymentRecord]:
        return await self._writer.read(lambda db: payments.newest(db, self._mac, states, rail, since, until, most))

    async def payee_history(
        self, rail: str, mode: Mode, account: str, *, since: datetime, most: int = 20
    ) -> PayeeHistory:
        payee = (rail, mode, account)
        return await self._writer.read(lambda db: payments.payee_history(db, self._mac, payee, since, most))

    async def open_payments(self) -> Mapping[tuple[str, Mode, str], int]:
        return await self._writer.read(payments.count_open)

    async def events(self, payment_id: str) -> Sequence[Event]:
        rows = f"SELECT {EVENT_COLUMNS} FROM events WHERE payment_id = ? ORDER BY n"
        return await self._writer.read(lambda db: [event_of(row) for row in db.execute(rows, (payment_id,))])

    async def append_event(
        self, payment_id: str, event: str, body: Mapping[str, Any], at: datetime, *, once: bool = False
    ) -> None:
        def noted(db: sqlite3.Connection) -> None:
            if not (once and audit.has_event(db, payment_id, event)):
                row = current_row(db, self._mac, payment_id)
                audit.append(db, self._mac, payment_id, to_millis(at), event, body, row)

        await self._writer.write(noted)

    async def anchor(self, at: datetime) -> Anchor | None:
        anchor = await self._writer.write(lambda db: audit.anchor(db, self._mac, to_millis(at)))
        if anchor is not None and self._keep is not None:
            self._keep(await self.first_event() or "", anchor)
        return anchor

    def when_anchored(self, keep: Callable[[str, Anchor], None]) -> None:
        self._keep = keep

    async def verify(self, progress: Callable[[int], None] | None = None) -> tuple[int, ChainBreak | None]:
        try:
            return await self._verify_all(progress)
        except verify_journal.UNREADABLE:
            return 0, verify_journal.damaged()

    async def _verify_all(self, progress: Callable[[int], None] | None) -> tuple[int, ChainBreak | None]:
        events, broken = await self._verify_pages(partial(verify_journal.chains, self._mac), progress)
        sealed: ChainBreak | AnchoredEnd | None = AnchoredEnd()
        while broken is None and isinstance(sealed, AnchoredEnd):
            sealed = await self._writer.read(partial(_page_at, partial(verify_journal.anchor, self._mac), sealed))
            broken = sealed if isinstance(sealed, ChainBreak) else None
        if broken is None:
            broken = await self._writer.read(verify_journal.numbers)
        for page in (verify_journal.payments, partial(verify_journal.rows, self._mac)):
            if broken is None:
                _, broken = await self._verify_pages(page)
        if broken is None:
            broken = await self._writer.read(partial(verify_journal.whole, self._mac))
        return events, broken

    async def _verify_pages(
        self,
        page: Callable[[sqlite3.Connection, str], verify_journal.Page],
        progress: Callable[[int], None] | None = None,
    ) -> tuple[int, ChainBreak | None]:
        events = 0
        after: str | None = ""
        broken: ChainBreak | None = None
        while after is not None and broken is None:
            shown = await self._writer.read(partial(_page_at, page, after))
            events, after, broken = events + shown.events, shown.after, shown.broken
            if progress is not None:
                progress(events)
        return events, broken

    async def anchors(self) -> Sequence[Anchor]:
        return await self._writer.read(audit.anchors)

    async def anchored_events(self, after: int, *, most: int) -> Sequence[ChainRow]:
        return await self._writer.read(lambda db: audit.anchored_events(db, after, most))

    async def first_event(self) -> str | None:
        row = await self._writer.read(lambda db: db.execute("SELECT hash FROM events ORDER BY seq LIMIT 1").fetchone())
        return row and str(row["hash"])

    async def last_event_at(self) -> datetime | None:
        def last(db: sqlite3.Connection) -> int | None:
            at: int | None = db.execute("SELECT max(at) FROM events").fetchone()[0]
            return at

        return maybe_from_millis(await self._writer.read(last))

    async def end_open_challenges(self, reason: str, at: datetime) -> int:
        return await self._writer.write(lambda db: challenges.end_all(db, self._mac, reason, to_millis(at)))

    async def has_other_owners(self) -> bool:
        return self._owners.has_others()

    @property
    def has_key(self) -> bool:
        return self._mac.has_key

    def use_keys(self, keys: ServerKeys, lost: Collection[str] = ()) -> None:
        self._mac = RowMac(keys, lost)
        self._freeze.forget()

    async def key_id(self) -> str | None:
        return await self._writer.read(_key_id)

    async def bind_key(self, key_id: str) -> str:
        def bound(db: sqlite3.Connection) -> str:
            db.execute("INSERT INTO server_keys (id) VALUES (?) ON CONFLICT DO NOTHING", (key_id,))
            return _key_id(db) or key_id

        return await self._writer.write(bound)

    async def replace_key(self, key_id: str, by: str, at: datetime, *, lost: bool = False) -> int:
        def replaced(db: sqlite3.Connection) -> int:
            before = _key_id(db)
            ended = challenges.end_all(db, self._mac, "the server's key was replaced", to_millis(at))
            db.execute("DELETE FROM server_keys")
            db.execute("INSERT INTO server_keys (id) VALUES (?)", (key_id,))
            body = {"by": by, "from": before, "to": key_id, "lost": lost, "challengesClosed": ended}
            audit.append(db, self._mac, JOURNAL_CHAIN, to_millis(at), KEY_REPLACED, body, JOURNAL_ROW)
            return ended

        return await self._writer.write(replaced)

    async def enqueue(self, message_id: str, topic: Topic, body: Mapping[str, Any], at: datetime) -> bool:
        return await self._writer.write(
            lambda db: audit.enqueue_once(db, self._mac, message_id, topic, to_millis(at), body)
        )

    async def lease_messages(self, at: datetime, *, lease: timedelta, most: int) -> Sequence[Message]:
        if not await self._writer.read(lambda db: audit.any_due(db, to_millis(at))):
            return []  # who looks every second must not take the lock each time
        return await self._writer.write(lambda db: audit.lease_messages(db, to_millis(at), to_millis(at + lease), most))

    async def message_sent(self, message_id: str, at: datetime) -> None:
        await self._writer.write(lambda db: audit.mark_sent(db, message_id, to_millis(at)))

    async def message_failed(self, message_id: str, why: str, at: datetime, next_at: datetime) -> None:
        await self._writer.write(lambda db: audit.mark_failed(db, message_id, why, to_millis(at), to_millis(next_at)))

    async def backlog(self) -> Backlog:
        return await self._writer.read(audit.backlog)

    async def close(self) -> None:
        self._reader.close()
        await self._writer.close()
        self._owners.unregister()


def _key_id(db: sqlite3.Connection) -> str | None:
    row = db.execute("SELECT id FROM server_keys").fetchone()
    return None if row is None else str(row["id"])


def _page_at(page: Callable[[sqlite3.Connection, P], T], place: P, db: sqlite3.Connection) -> T:
    """``page`` as a unit of work that begins at ``place``."""
    return page(db, place)
