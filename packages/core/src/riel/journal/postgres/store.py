"""The journal in one PostgreSQL database, which any number of processes on any number of machines may share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from riel.clock import utc_now
from riel.confirm.decisions import Decision
from riel.errors import JournalUnavailable
from riel.guards import Reservation
from riel.journal import (
    Attempt,
    AttemptLimits,
    ChainBreak,
    ChallengeText,
    ConfirmFailure,
    DecisionResult,
    Frozen,
    LimitReached,
    OpenedChallenge,
    PayeeHistory,
    TooManyOpen,
    Weigh,
)
from riel.journal.audit.chain import JOURNAL_CHAIN, Anchor, ChainRow
from riel.journal.columns import EVENT_COLUMNS, event_of, maybe_from_millis, maybe_to_millis, to_millis
from riel.journal.events import KEY_REPLACED
from riel.journal.postgres import audit, challenges, creation, leases, outbox, payments
from riel.journal.postgres.connect import Database
from riel.journal.postgres.decisions import PostgresDecisions, decide
from riel.journal.postgres.owners import LeasedOwners, is_alive
from riel.journal.postgres.reservations import reserved_total
from riel.journal.postgres.row_cache import RowCache
from riel.journal.postgres.sessions import ANSWER_TIMEOUT, BEGIN_SNAPSHOT, Session, Sessions
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
from riel.journal.row_mac import RowMac
from riel.rail import Mode
from riel.secrets import ServerKeys

LEASE = timedelta(seconds=10)
CONNECTIONS = 10


class PostgresJournal(PostgresDecisions):
    """Keeps the protocol :class:`riel.journal.Journal`."""

    def __init__(self, sessions: Sessions, owners: LeasedOwners, mac: RowMac) -> None:
        super().__init__(sessions, mac)
        self._keep: Callable[[str, Anchor], None] | None = None
        self._owners = owners
        self._challenge_cache: RowCache[Challenge] = RowCache()
        self._payment_cache: RowCache[PaymentRecord] = RowCache()

    @classmethod
    async def open(
        cls,
        url: str,
        mac: RowMac,
        *,
        make: bool = True,
        lease: timedelta = LEASE,
        connections: int = CONNECTIONS,
        answers_within: timedelta = ANSWER_TIMEOUT,
        now: Callable[[], datetime] = utc_now,
    ) -> "PostgresJournal":
        """Open the database of a ``postgresql://`` URL, making its tables where there are none.

        :param mac: proves the rows.
        :param make: whether that may be done.
        :param lease: how long this process is believed to live after it was last heard of.
        :param answers_within: how long a caller waits for the database.
        :param connections: how many are kept at most, besides the one of the heartbeat.
        :raises Misconfigured: it cannot be used.
        """
        database = Database(url)

        async def opened() -> "PostgresJournal":
            commits = await database.prepare(make=make)
            owners = LeasedOwners(database.connect_heartbeat, lease, now)
            try:
                await owners.register()
                return cls(Sessions(await database.open_pool(connections, commits), answers_within), owners, mac)
            except BaseException:
                await owners.unregister()
                raise

        return await database.refuse_unusable(opened)

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

        async def ask(session: Session) -> OpenedChallenge | LimitReached | TooManyOpen | Frozen:
            return await challenges.open_challenge(
                session,
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

        if not reservations and not close_others:
            return await self._note_freeze(await self._sessions.write(ask))
        if reservations:
            await self._end_those_whose_time_is_over(to_millis(challenge.created_at))
        return await self._note_freeze(await self._sessions.transact(ask))

    async def _end_those_whose_time_is_over(self, at: int) -> None:
        """Each by itself, so that nobody holds one limit's row while waiting for another's."""
        for one in await self._sessions.read(lambda session: challenges.expired(session, at)):
            await self._sessions.write(
                lambda session, one=one: challenges.end(session, self._mac, one, ChallengeState.EXPIRED, at)  # type: ignore[misc]
            )

    async def reserved_total(self, scope: str, since: int, at: datetime) -> int:
        return await self._sessions.read(lambda session: reserved_total(session, scope, since, to_millis(at)))

    async def record_refusal(self, challenge: Challenge, code: str, why: str) -> None:
        await self._sessions.write(lambda session: challenges.record_refusal(session, self._mac, challenge, code, why))

    async def mark_delivered(self, challenge_id: str, at: datetime) -> None:
        await self._sessions.write(lambda session: challenges.mark_delivered(session, challenge_id, to_millis(at)))

    async def challenges(self, principal: str, digest: bytes) -> Sequence[Challenge]:
        return await self._sessions.read(
            lambda session: challenges.newest(session, self._mac, self._challenge_cache, principal, digest)
        )

    async def challenge(self, challenge_id: str) -> Challenge | None:
        known = await self._sessions.read(lambda session: challenges.get(session, self._mac, challenge_id))
        return known.value if known else None

    async def count_attempt(
        self, challenge_id: str | None, principal: str, at: datetime, limits: AttemptLimits
    ) -> Attempt | ConfirmFailure:
        return await self._sessions.write(
            lambda session: challenges.count_attempt(session, self._mac, challenge_id, principal, to_millis(at), limits)
        )

    async def record_wrong_code(
        self, attempt: Attempt, challenge_id: str, at: datetime, limits: AttemptLimits
    ) -> ChallengeState:
        return await self._sessions.transact(
            lambda session: challenges.record_wrong_code(
                session, self._mac, attempt, challenge_id, to_millis(at), limits
            )
        )

    async def unlock_principal(self, principal: str, by: str, at: datetime, limits: AttemptLimits) -> int:
        return await self._sessions.transact(
            lambda session: challenges.unlock_principal(session, self._mac, principal, by, to_millis(at), limits)
        )

    async def decline(self, challenge_id: str, by: str, at: datetime) -> Challenge | None:
        return await self._sessions.write(
            lambda session: challenges.decline(session, self._mac, challenge_id, by, to_millis(at))
        )

    async def create_payment(
        self, attempt: Attempt, challenge_id: str, replay_key: str | None, intent: Intent, at: datetime
    ) -> PaymentRecord | ConfirmFailure | LimitReached:
        creator = self._creator()
        if intent.refund_of is None and not intent.reservations:
            created = await self._sessions.write(
                lambda session: creation.create(session, creator, attempt, challenge_id, replay_key, intent, at)
            )
        else:
            create = creation.create_limited if intent.refund_of is None else creation.create_refund
            created = await self._sessions.transact(
                lambda session: create(session, creator, attempt, challenge_id, replay_key, intent, at)
            )
        if not isinstance(created, PaymentRecord) and created != "code_reused":
            await self._sessions.write(
                lambda session: challenges.resolve_attempt(session, self._mac, attempt, challenge_id, "right")
            )
        return await self._note_freeze(created)

    def _creator(self) -> payments.Creator:
        return payments.Creator(self._mac, self._owners.me, self._freeze, self._challenge_cache, self._payment_cache)

    async def decide(
        self, decision: Decision, weigh: Weigh, intent: Intent | None, at: datetime
    ) -> PaymentRecord | DecisionResult | LimitReached:
        decided = await self._sessions.transact(
            lambda session: decide(session, self._creator(), self._versions, decision, weigh, intent, at)
        )
        await self._note_versions()
        return decided

    async def record(self, payment_id: str, change: Change, at: datetime) -> tuple[PaymentRecord, bool]:
        known, done = await self._sessions.write(
            lambda session: payments.record(session, self._creator(), payment_id, change, at)
        )
        if known is None:
            raise JournalUnavailable(f"the journal has no payment {payment_id}")
        return known, done

    async def resolve_manually(
        self, payment_id: str, to: State, by: str, evidence: str, at: datetime
    ) -> PaymentRecord | None:
        return await self._sessions.write(
            lambda session: payments.resolve_manually(session, self._mac, payment_id, to, by, evidence, at)
        )

    async def claim(
        self, at: datetime, busy: Collection[str], *, most: int, rails: Collection[tuple[str, Mode, str]] | None = None
    ) -> Sequence[PaymentRecord]:
        return await self._sessions.write(
            lambda session: leases.claim(session, self._mac, self._owners.me, at, busy, most, rails)
        )

    async def claim_one(self, payment_id: str, at: datetime, busy: Collection[str]) -> PaymentRecord | None:
        return await self._sessions.write(
            lambda session: leases.claim_one(session, self._mac, self._owners.me, payment_id, at, busy)
        )

    async def release(self, payment_id: str, fence: int, next_at: datetime | None) -> None:
        await self._sessions.write(
            lambda session: leases.release(session, self._owners.me, payment_id, fence, maybe_to_millis(next_at))
        )

    async def is_owner_alive(self, owner: str) -> bool:
        return await self._sessions.read(lambda session: is_alive(session, owner))

    async def payment(self, payment_id: str) -> PaymentRecord | None:
        known = await self._sessions.read(lambda session: payments.get(session, self._mac, payment_id))
        return known.value if known else None

    async def refunds(self, payment_id: str) -> Sequence[PaymentRecord]:
        return await self._sessions.read(lambda session: payments.refunds(session, self._mac, payment_id))

    async def by_reference(self, rail: str, mode: Mode, reference: str) -> PaymentRecord | None:
        return await self._sessions.read(
            lambda session: payments.by_reference(session, self._mac, rail, mode, reference)
        )

    async def payments(
        self,
        *,
        states: Collection[State] = (),
        rail: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int = 50,
    ) -> Sequence[PaymentRecord]:
        return await self._sessions.read(
            lambda session: payments.newest(session, self._mac, states, rail, since, until, most)
        )

    async def payee_history(
        self, rail: str, mode: Mode, account: str, *, since: datetime, most: int = 20
    ) -> PayeeHistory:
        payee = (rail, mode, account)
        return await self._sessions.read(lambda session: payments.payee_history(session, self._mac, payee, since, most))

    async def open_payments(self) -> Mapping[tuple[str, Mode, str], int]:
        return await self._sessions.read(payments.count_open)

    async def events(self, payment_id: str) -> Sequence[Event]:
        sql = f"SELECT {EVENT_COLUMNS} FROM events WHERE payment_id = $1 ORDER BY n"
        rows = await self._sessions.read(lambda session: session.rows(sql, payment_id))
        return [event_of(row) for row in rows]

    async def append_event(
        self, payment_id: str, event: str, body: Mapping[str, Any], at: datetime, *, once: bool = False
    ) -> None:
        async def added(session: Session) -> None:
            await session.row(challenges.LOCK_CHALLENGE, payment_id)
            if once and await audit.has_event(session, payment_id, event):
                return
            await audit.append(session, self._mac, payment_id, to_millis(at), event, body)

        await self._sessions.transact(added)

    async def anchor(self, at: datetime) -> Anchor | None:
        anchor = await self._sessions.write(lambda session: audit.anchor(session, self._mac, to_millis(at)))
        if anchor is not None and self._keep is not None:
            self._keep(await self.first_event() or "", anchor)
        return anchor

    def when_anchored(self, keep: Callable[[str, Anchor], None]) -> None:
        self._keep = keep

    async def verify(self, progress: Callable[[int], None] | None = None) -> tuple[int, ChainBreak | None]:
        return await self._sessions.read(
            lambda session: session.read_in_transaction(BEGIN_SNAPSHOT, partial(audit.verify, self._mac, progress)),
            however_long=True,
        )

    async def anchors(self) -> Sequence[Anchor]:
        return await self._sessions.read(audit.anchors)

    async def anchored_events(self, after: int, *, most: int) -> Sequence[ChainRow]:
        return await self._sessions.read(lambda session: audit.anchored_events(session, after, most))

    async def first_event(self) -> str | None:
        sql = "SELECT hash FROM events ORDER BY seq LIMIT 1"
        row = await self._sessions.read(lambda session: session.row(sql))
        return row and str(row["hash"])

    async def last_event_at(self) -> datetime | None:
        row = await self._sessions.read(lambda session: session.row("SELECT max(at) AS at FROM events"))
        return maybe_from_millis(row["at"])

    async def end_open_challenges(self, reason: str, at: datetime) -> int:
        return await self._sessions.transact(
            lambda session: challenges.end_all(session, self._mac, reason, to_millis(at))
        )

    @property
    def clock_difference(self) -> timedelta:
        return self._owners.clock_difference

    async def has_other_owners(self) -> bool:
        return await self._owners.has_others()

    @property
    def has_key(self) -> bool:
        return self._mac.has_key

    def use_keys(self, keys: ServerKeys, lost: Collection[str] = ()) -> None:
        self._mac = RowMac(keys, lost)
        self._freeze.forget()

    async def key_id(self) -> str | None:
        return await self._sessions.read(_key_id)

    async def bind_key(self, key_id: str) -> str:
        async def bound(session: Session) -> str:
            await session.write("INSERT INTO server_keys (id) VALUES ($1) ON CONFLICT DO NOTHING", key_id)
            return await _key_id(session) or key_id

        return await self._sessions.write(bound)

    async def replace_key(self, key_id: str, by: str, at: datetime, *, lost: bool = False) -> int:
        async def replaced(session: Session) -> int:
            before = await _key_id(session)
            ended = await challenges.end_all(session, self._mac, "the server's key was replaced", to_millis(at))
            await session.row("DELETE FROM server_keys")
            await session.row("INSERT INTO server_keys (id) VALUES ($1)", key_id)
            body = {"by": by, "from": before, "to": key_id, "lost": lost, "challengesClosed": ended}
            await audit.append(session, self._mac, JOURNAL_CHAIN, to_millis(at), KEY_REPLACED, body)
            return ended

        return await self._sessions.transact(replaced)

    async def enqueue(self, message_id: str, topic: Topic, body: Mapping[str, Any], at: datetime) -> bool:
        return await self._sessions.write(
            lambda session: outbox.enqueue_once(session, self._mac, message_id, topic, to_millis(at), body)
        )

    async def lease_messages(self, at: datetime, *, lease: timedelta, most: int) -> Sequence[Message]:
        if not await self._sessions.read(lambda session: outbox.any_due(session, to_millis(at))):
            return []
        return await self._sessions.write(
            lambda session: outbox.lease_messages(session, to_millis(at), to_millis(at + lease), most)
        )

    async def message_sent(self, message_id: str, at: datetime) -> None:
        await self._sessions.write(lambda session: outbox.mark_sent(session, message_id, to_millis(at)))

    async def message_failed(self, message_id: str, why: str, at: datetime, next_at: datetime) -> None:
        await self._sessions.write(
            lambda session: outbox.mark_failed(session, message_id, why, to_millis(at), to_millis(next_at))
        )

    async def backlog(self) -> Backlog:
        return await self._sessions.read(outbox.backlog)

    async def close(self) -> None:
        await self._sessions.close()
        await self._owners.unregister()


async def _key_id(session: Session) -> str | None:
    row = await session.row("SELECT id FROM server_keys")
    return None if row is None else str(row["id"])
