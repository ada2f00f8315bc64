"""The protocol of a journal: verbs, each of them one transaction.

What a verb returned is on the disk. Every store passes one suite, ``riel.testing.journal_contract``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from riel.guards import Reservation
from riel.journal.audit.chain import Anchor, ChainBreak, ChainRow
from riel.journal.records import (
    Backlog,
    Challenge,
    ChallengeState,
    Change,
    DuplicateOf,
    Event,
    Intent,
    Message,
    PaymentRecord,
    State,
    Topic,
)
from riel.rail import Mode

ConfirmFailure = Literal[
    "consumed",
    "locked",
    "expired",
    "declined",
    "rate_limited",
    "code_reused",
    "reference_taken",
    "not_settled",
    "exceeds_payment",
]
"""Why something was not confirmed: the challenge's end, ten wrong codes an hour, a time step that was used before, a
reference that is taken, or a refund of what has not settled or of more than is left."""


ChallengeText = Callable[[DuplicateOf | None], str]
"""What the person is shown, given an identical payment that was made shortly before, if there was one."""


@dataclass(frozen=True, slots=True)
class OpenedChallenge:
    """The challenge that now waits for a code, or the one that was declined; ``fresh`` when it was made just now."""

    challenge: Challenge
    fresh: bool


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A limit has no room for it, and nothing was opened; ``left`` of it could still be taken."""

    reservation: Reservation
    left: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that was counted before it is compared; ``left`` more may follow it."""

    id: int
    left: int


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many codes may be wrong: per challenge, and per principal within ``window``, whatever the challenges."""

    per_challenge: int = 5
    per_window: int = 10
    window: timedelta = timedelta(hours=1)


class Journal(Protocol):
    """The verbs. All times are aware and given by the caller; every write is one transaction."""

    async def open_challenge(
        self,
        challenge: Challenge,
        text: ChallengeText,
        *,
        duplicate_window: timedelta,
        decline_ttl: timedelta,
        close_others: bool = False,
        reservations: Sequence[Reservation] = (),
    ) -> OpenedChallenge | LimitReached:
        """The open challenge of this principal and digest, or this one, with ``words`` as its text.

        ``words`` is told of an identical payment confirmed within ``again_within``. Where the person said no within
        ``no_stays``, that declined challenge is returned and nothing is opened. ``alone`` closes every other open
        challenge of the principal: a code that is not bound to a payment must fit only the one that is shown.
        A new challenge takes every one of ``holds``, or none and is not opened; they are given back when it, or the
        payment it becomes, ends without having moved money.
        """

    async def reserved_total(self, scope: str, since: int) -> int:
        """What the holds of a scope come to, from the bucket ``since`` on."""

    async def record_refusal(self, challenge: Challenge, code: str, why: str) -> None:
        """Write down that this was refused with ``code``, and that nobody was asked."""

    async def mark_delivered(self, challenge_id: str, at: datetime) -> None:
        """The person was asked."""

    async def challenges(self, principal: str, digest: bytes) -> Sequence[Challenge]:
        """The newest challenges of that digest, newest first."""

    async def challenge(self, challenge_id: str) -> Challenge | None:
        """One challenge."""

    async def count_attempt(
        self, challenge_id: str | None, principal: str, at: datetime, limits: AttemptLimits
    ) -> Attempt | ConfirmFailure:
        """Count one try, before the code is compared. Without a challenge it is wrong at once."""

    async def record_wrong_code(
        self, attempt: Attempt, challenge_id: str, at: datetime, limits: AttemptLimits
    ) -> ChallengeState:
        """The code was wrong. The last try locks the challenge."""

    async def decline(self, challenge_id: str, by: str, at: datetime) -> Challenge | None:
        """The person said no, and it stays no. ``None`` where there is no such challenge that is open."""

    async def create_payment(
        self, attempt: Attempt, challenge_id: str, replay_key: str | None, intent: Intent, at: datetime
    ) -> PaymentRecord | ConfirmFailure:
        """The heart: consume the challenge and give birth to the payment, owned by this process, ``sending``."""

    async def record(self, payment_id: str, change: Change, at: datetime) -> tuple[PaymentRecord, bool]:
        """Write one transition, if life allows it: on evidence always, otherwise by its owner under the newest fence.

        Returns the record as it now is, and whether it was written.
        """

    async def resolve_manually(
        self, payment_id: str, to: State, by: str, evidence: str, at: datetime
    ) -> PaymentRecord | None:
        """An operator's decision on what is in review; ``None`` where it is not."""

    async def claim(
        self, at: datetime, busy: Collection[str], *, most: int, rails: Collection[tuple[str, Mode, str]] | None = None
    ) -> Sequence[PaymentRecord]:
        """Take over what is due and has no living owner (or is ours, and not in ``busy``); each with a new fence.

        :param rails: only payments of these rails, modes and payers; those of others are left to who offers them.
        """

    async def claim_one(self, payment_id: str, at: datetime, busy: Collection[str]) -> PaymentRecord | None:
        """Take over this one, due or not, or ``None`` where somebody is at work on it or nothing more is expected."""

    async def release(self, payment_id: str, fence: int, next_at: datetime | None) -> None:
        """Nothing was learned: give the lease back until ``next_at``."""

    async def payment(self, payment_id: str) -> PaymentRecord | None:
        """One payment or refund."""

    async def by_reference(self, rail: str, mode: Mode, reference: str) -> PaymentRecord | None:
        """The payment or refund which the rail knows by that reference."""

    async def payments(
        self,
        *,
        states: Collection[State] = (),
        rail: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int = 50,
    ) -> Sequence[PaymentRecord]:
        """The newest, newest first; born at ``since`` or later, and before ``until``."""

    async def events(self, payment_id: str) -> Sequence[Event]:
        """The chain of one payment."""

    async def append_event(
        self, payment_id: str, event: str, body: Mapping[str, Any], at: datetime, *, once: bool = False
    ) -> None:
        """Add a line to a payment's chain that changes nothing else; ``once``: unless it has such an event already."""

    async def anchor(self, at: datetime) -> bool:
        """Seal every event since the last anchor; whether there was any."""

    async def verify(self) -> tuple[int, ChainBreak | None]:
        """How many events there are, and the first place where the chain or an anchor does not hold."""

    async def anchors(self) -> Sequence[Anchor]:
        """Every anchor, oldest first."""

    async def anchored_events(self, after: int, *, most: int) -> Sequence[ChainRow]:
        """The next events after number ``after`` that the newest anchor seals, in the order of writing."""

    async def bind_key(self, fingerprint: str) -> bool:
        """Whether the codes of this journal are made with that key: the first that is named, and no other."""

    async def enqueue(self, message_id: str, topic: Topic, body: Mapping[str, Any], at: datetime) -> None:
        """Put a message into the outbox; one that has that id already stays as it is."""

    async def lease_messages(self, at: datetime, *, lease: timedelta, most: int) -> Sequence[Message]:
        """Messages that are due, not to be taken again within ``lease``."""

    async def message_sent(self, message_id: str, at: datetime) -> None:
        """It was delivered."""

    async def message_failed(self, message_id: str, why: str, at: datetime, next_at: datetime) -> None:
        """It could not be delivered, and is due again at ``next_at``."""

    async def backlog(self) -> Backlog:
        """What waits in the outbox."""

    async def close(self) -> None:
        """Finish what waits and let go."""
