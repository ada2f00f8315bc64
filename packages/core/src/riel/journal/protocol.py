"""The protocol of a journal store.

Every store passes one suite, ``riel.testing.journal_contract``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from riel.confirm import PriorPayment
from riel.guards import Reservation
from riel.journal.audit.chain import Anchor, ChainBreak, ChainRow
from riel.journal.controls import ControlRecord
from riel.journal.decisions import DecisionRecord
from riel.journal.failures import ConfirmFailure, LimitReached
from riel.journal.freeze import Frozen
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
from riel.rail import Mode
from riel.secrets import ServerKeys

MAX_REFUSALS = 20
"""How many refusals of one principal are recorded one by one within :data:`REFUSAL_WINDOW`."""

REFUSAL_WINDOW = timedelta(hours=1)

ChallengeText = Callable[[PriorPayment | None], str]
"""Makes the text of a challenge, given the identical payment that was created shortly before, if there was one."""


@dataclass(frozen=True, slots=True)
class OpenedChallenge:
    """The challenge that waits for a code, or the one that was declined. ``fresh``: this call stored it."""

    challenge: Challenge
    fresh: bool


@dataclass(frozen=True, slots=True)
class TooManyOpen:
    """So many challenges of the principal wait for a person already, and nothing was opened."""

    count: int


@dataclass(frozen=True, slots=True)
class PayeeHistory:
    """The payments to one account of a rail: whether one ever settled, and the recent ones, the newest first."""

    has_settled: bool
    recent: Sequence[PaymentRecord]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A code that was counted at ``at`` (milliseconds) and not yet compared.

    ``left`` more may follow it for the same challenge.
    """

    id: int
    left: int
    principal: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many codes may be wrong: for one challenge, and for one principal within ``window`` over all challenges."""

    per_challenge: int = 5
    per_window: int = 10
    window: timedelta = timedelta(hours=1)


class Journal(ControlRecord, DecisionRecord, Protocol):
    """The durable record of challenges, payments, events, messages, controls
    and decisions.

    Every method that writes is one transaction, and what it returned is durable. Times are aware and come from the
    caller. Every method raises :class:`~riel.errors.JournalUnavailable` where the store fails: after a write, only a
    later read tells whether it was kept. Cancelling a caller never undoes a write.
    """

    @property
    def clock_difference(self) -> timedelta:
        """How far this machine's clock and the store's were apart, at least, when they were last compared."""

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
        """Open ``challenge`` with its text, or return the challenge that stands for the same principal and digest.

        In this order:

        * Where payments are frozen, nothing is opened, and no open challenge is returned: ``frozen``.
        * An open challenge of that principal and digest with the same factor is returned, ``fresh=False``. One whose
          time is over, or of another factor, is ended as ``expired``.
        * A challenge that the person declined within ``decline_ttl`` is returned, ``fresh=False``.
        * Where a reservation finds no room, nothing is opened: :class:`LimitReached`.
        * Where ``max_open`` challenges of the principal wait for a person, nothing is opened: :class:`TooManyOpen`.
        * Otherwise ``challenge`` is stored with ``text(prior)`` and every reservation, ``fresh=True``.

        Of many that open the same at once, one is fresh and the others get it. The reservations are released when the
        challenge, or the payment that it becomes, ends without having moved money.

        :param text: makes the text; its argument is the last order of the principal of the same kind and amount to the
            same account, whatever its other arguments, that was not rejected: created within ``duplicate_window``, or
            unresolved and created within :data:`riel.journal.columns.UNRESOLVED_WINDOW`. ``None`` if there is none.
        :param close_others: ends every other open challenge of the principal as ``expired``: a code that is not bound
            to a payment may fit only the challenge that is shown.
        :raises JournalUnavailable: the store failed; whether it was written, only a later read tells.
        """

    async def reserved_total(self, scope: str, since: int, at: datetime) -> int:
        """Add up what is reserved in a scope at that time, from the bucket ``since`` on, in minor units or payments.

        What a rejected payment reserved is taken for as long as the payment may still arrive:
        :meth:`~riel.journal.records.PaymentRecord.late_arrival_until`.
        """

    async def record_refusal(self, challenge: Challenge, code: str, why: str) -> None:
        """Record that a guard or a limit refused ``challenge`` with ``code`` before any person was asked.

        Of one principal, :data:`MAX_REFUSALS` are recorded within :data:`REFUSAL_WINDOW`. The others are counted, and
        the next event that is recorded says how many they were.
        """

    async def mark_delivered(self, challenge_id: str, at: datetime) -> None:
        """Store the time at which the challenge was shown to the person."""

    async def challenges(self, principal: str, digest: bytes) -> Sequence[Challenge]:
        """Return up to 20 challenges of that principal and digest, the open one first, then the newest first."""

    async def challenge(self, challenge_id: str) -> Challenge | None:
        """Return the challenge of that id."""

    async def count_attempt(
        self, challenge_id: str | None, principal: str, at: datetime, limits: AttemptLimits
    ) -> Attempt | ConfirmFailure:
        """Count one code before it is compared, and return the attempt.

        An attempt counts as wrong until :meth:`create_payment` is called, also where its process dies meanwhile.
        Parallel attempts never pass ``limits``.

        :param challenge_id: ``None`` where no challenge is open: the attempt counts as wrong at once.
        :returns: why the code may not be compared, where it may not: ``rate_limited``, or the state in which the
            challenge ended. A challenge whose time is over is ended here.
        """

    async def record_wrong_code(
        self, attempt: Attempt, challenge_id: str, at: datetime, limits: AttemptLimits
    ) -> ChallengeState:
        """Record that the code was wrong, and return the state of the challenge. The last allowed attempt locks it."""

    async def unlock_principal(self, principal: str, by: str, at: datetime, limits: AttemptLimits) -> int:
        """Count the wrong codes of ``principal`` in the window of ``limits`` no longer, since ``by`` decided so.

        The attempts at each challenge still count for that challenge. The event is in the chain of the journal.

        :returns: how many wrong codes there were; nothing is written where there was none.
        """

    async def decline(self, challenge_id: str, by: str, at: datetime) -> Challenge | None:
        """End an open challenge for good, since ``by`` declined it. Returns ``None`` where no such one is open."""

    async def create_payment(
        self, attempt: Attempt, challenge_id: str, replay_key: str | None, intent: Intent, at: datetime
    ) -> PaymentRecord | ConfirmFailure | LimitReached:
        """Consume the challenge and create its payment, ``sending`` and owned by this process, in one transaction.

        The reservations move to the periods of now: a limit counts where the payment is created, and not where it was
        asked for. Where one of them finds no room, nothing changes: :class:`LimitReached`, and the attempt counts as
        right.

        Of many calls for one challenge, one creates the payment and the others get ``consumed``.

        The code was right, so the attempt counts as right, also where it lost a race, except after ``code_reused``.

        :param replay_key: names what the code used up. It is accepted once in the whole journal: ``code_reused``.
        :returns: the payment, or why there is none. After ``frozen``, ``reference_taken``, ``not_settled`` (a refund of
            what has not settled) and ``exceeds_payment`` (a refund of more than is left: what a rejected refund asked
            for is taken while it is watched), the challenge is open as before.

        Example::

            attempt = await journal.count_attempt(challenge.id, "ana", now, AttemptLimits())
            if isinstance(attempt, Attempt) and code_is_right:
                payment = await journal.create_payment(attempt, challenge.id, None, intent, now)
        """

    async def record(self, payment_id: str, change: Change, at: datetime) -> tuple[PaymentRecord, bool]:
        """Write one transition if it is allowed from the state that is stored now.

        Evidence that money moved (``fence=None``) counts without a lease, and so do facts (``LEARNED``). Any other
        change needs this process to own the payment under the newest fencing number. See ``transitions.py``. While
        payments are frozen, no change is written with which the order would leave once more. The event,
        the notification and the release of reservations are written in the same transaction.

        :returns: the payment as it is now, and whether the change was written.
        :raises JournalUnavailable: there is no such payment, or the store failed.
        """

    async def resolve_manually(
        self, payment_id: str, to: State, by: str, evidence: str, at: datetime
    ) -> PaymentRecord | None:
        """Write an operator's decision about a payment in review. Returns ``None`` where it is not in review."""

    async def claim(
        self, at: datetime, busy: Collection[str], *, most: int, rails: Collection[tuple[str, Mode, str]] | None = None
    ) -> Sequence[PaymentRecord]:
        """Lease up to ``most`` payments that are due, each under a new fencing number.

        A payment whose outcome is unknown comes first, then one that is pending, then one that is only watched because
        it may come back or arrive late; of each of these, the longest waiting first.

        A payment may be leased when nobody owns it, its owner is dead, or it is ours and not in ``busy``.

        :param rails: lease only payments of these rails, modes and payers.
        """

    async def claim_one(self, payment_id: str, at: datetime, busy: Collection[str]) -> PaymentRecord | None:
        """Lease this payment, due or not. Returns ``None`` where another process works on it or nothing is expected."""

    async def release(self, payment_id: str, fence: int, next_at: datetime | None) -> None:
        """Give back the lease under ``fence``, if it is still ours. The payment is due again at ``next_at``."""

    async def is_owner_alive(self, owner: str) -> bool:
        """Return whether the process that owns a payment under this name still lives."""

    async def payment(self, payment_id: str) -> PaymentRecord | None:
        """Return one payment or refund."""

    async def refunds(self, payment_id: str) -> Sequence[PaymentRecord]:
        """Return every refund of a payment, oldest first."""

    async def by_reference(self, rail: str, mode: Mode, reference: str) -> PaymentRecord | None:
        """Return the payment or refund that the provider knows by that reference.

        A reference is free again where its payment never left (``rejected`` with ``RAIL_UNREACHABLE``): another payment
        may be created with it, and is then the one.
        """

    async def payments(
        self,
        *,
        states: Collection[State] = (),
        rail: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int = 50,
    ) -> Sequence[PaymentRecord]:
        """Return up to ``most`` payments, the newest first, created at ``since`` or later and before ``until``."""

    async def payee_history(
        self, rail: str, mode: Mode, account: str, *, since: datetime, most: int = 20
    ) -> PayeeHistory:
        """Return the payments to an account, whoever asked for them: the recent ones were created at ``since`` or
        later. Refunds and requests are none."""

    async def open_payments(self) -> Mapping[tuple[str, Mode, str], int]:
        """Count the payments whose outcome is open and looked for, by rail, mode and payer."""

    async def events(self, payment_id: str) -> Sequence[Event]:
        """Return the audit chain of one payment, oldest first."""

    async def append_event(
        self, payment_id: str, event: str, body: Mapping[str, Any], at: datetime, *, once: bool = False
    ) -> None:
        """Add an event that changes no state. With ``once``, do nothing where the chain has an event of that name."""

    def when_anchored(self, keep: Callable[[str, Anchor], None]) -> None:
        """Call ``keep`` with the hash of the first event and with each anchor that this process makes."""

    async def anchor(self, at: datetime) -> Anchor | None:
        """Write an anchor over every event since the last one, and return it; ``None`` if there was no such event."""

    async def verify(self, progress: Callable[[int], None] | None = None) -> tuple[int, ChainBreak | None]:
        """Count the events and find the first place where a chain, an anchor or a row does not hold.

        :param progress: is called with the number of events so far.
        """

    async def anchors(self) -> Sequence[Anchor]:
        """Return every anchor, oldest first."""

    async def anchored_events(self, after: int, *, most: int) -> Sequence[ChainRow]:
        """Return up to ``most`` events after number ``after`` that an anchor covers, in the order of writing."""

    async def first_event(self) -> str | None:
        """Return the hash of the first event, which names the journal; ``None`` if there is none."""

    async def last_event_at(self) -> datetime | None:
        """Return the time of the newest event; ``None`` if there is none."""

    async def end_open_challenges(self, reason: str, at: datetime) -> int:
        """End every open challenge as ``expired``, and return how many there were."""

    async def has_other_owners(self) -> bool:
        """Return whether another process is at work on this journal."""

    @property
    def has_key(self) -> bool:
        """Whether the server's key is here, with which rows are proven."""

    def use_keys(self, keys: ServerKeys, lost: Collection[str] = ()) -> None:
        """Prove rows with these versions of the server's key. Before that, nothing can be written.

        :param lost: the ids of keys that are lost: what they proved is read as it stands, and never sent.
        """

    async def key_id(self) -> str | None:
        """Return the id of the server's key that this journal is bound to; ``None`` if it is bound to none yet."""

    async def bind_key(self, key_id: str) -> str:
        """Bind the journal to the server's key. Returns the id of the key that is bound."""

    async def replace_key(self, key_id: str, by: str, at: datetime, *, lost: bool = False) -> int:
        """Bind the journal to another key, and end every open challenge: its code and reference are of the old one.

        The journal's own chain notes it. Returns how many challenges were ended.

        :param lost: whether the old key is lost.
        """

    async def enqueue(self, message_id: str, topic: Topic, body: Mapping[str, Any], at: datetime) -> bool:
        """Put a message into the outbox, and return whether it is new. One that has that id already stays as it is."""

    async def lease_messages(self, at: datetime, *, lease: timedelta, most: int) -> Sequence[Message]:
        """Return messages that are due. None of them is due again within ``lease``, unless it failed."""

    async def message_sent(self, message_id: str, at: datetime) -> None:
        """Record that the message was delivered."""

    async def message_failed(self, message_id: str, why: str, at: datetime, next_at: datetime) -> None:
        """Record that the message was not delivered. It is due again at ``next_at``."""

    async def backlog(self) -> Backlog:
        """Count the messages that wait in the outbox."""

    async def close(self) -> None:
        """Finish what is under way and release every lease of this process."""
