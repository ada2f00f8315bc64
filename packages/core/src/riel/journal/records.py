"""The values in the journal: challenges, payments and refunds, events, and messages of the outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from riel.guards import Reservation
from riel.money import Money
from riel.rail import Kind, Mode, Order, Payee

UNANSWERED_WATCH = timedelta(days=3)
"""How long after its end a watch goes on where no look-up is answered: nobody has seen yet what arrived meanwhile."""


class ChallengeState(StrEnum):
    """``open`` until a right code consumes it, five wrong ones lock it, its time runs out, or the person says no.

    ``refused``: a guard or a limit refused it before any person was asked. It stands only in the audit record.
    """

    OPEN = "open"
    CONSUMED = "consumed"
    LOCKED = "locked"
    EXPIRED = "expired"
    DECLINED = "declined"
    REFUSED = "refused"


class State(StrEnum):
    """Where the money of one payment or refund is, as far as it is known.

    ``transitions.py`` says what may follow what.
    """

    SENDING = "sending"
    PENDING = "pending"
    SETTLED = "settled"
    RETURNED = "returned"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    REVIEW = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a person is asked to confirm. Its ``id`` becomes the id of the payment. It holds no code.

    ``text`` has the account masked. ``replay_key`` names what the accepted code used up. ``duplicate_of`` is the
    reference of an earlier payment of the same amount to the same account, which the text mentions. ``key_id`` names
    the version of the server's key with which the reference of its payment is made. ``tampered``: its row is
    not as riel wrote it.

    :param request: JSON from which the request is built again where a decision arrives.
    :param requirement: JSON that says which decisions are needed, by the policy at asking; empty where a code confirms.
    """

    id: str
    principal: str
    rail: str
    mode: Mode
    kind: Kind
    digest: bytes
    nonce: bytes
    factor: str
    key_id: str
    text: str
    money: Money
    payee: Payee
    created_at: datetime
    expires_at: datetime
    state: ChallengeState = ChallengeState.OPEN
    attempts: int = 0
    delivered_at: datetime | None = None
    replay_key: str | None = None
    duplicate_of: str | None = None
    request: str = ""
    requirement: str = ""
    tampered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is written in the one transaction before the first byte may leave.

    :param reservations: what the payment takes of the limits now. They take the place of those of its challenge, which
        may be of a period that is over; where there are none, those stay.
    """

    reference: str
    body: bytes
    facts: Mapping[str, str]
    arguments: Mapping[str, Any]
    resend_until: datetime | None
    absent_after: datetime | None
    payer: str
    refund_of: str | None = None
    reservations: Sequence[Reservation] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRecord:
    """One payment or refund as the journal holds it.

    ``fence`` counts its owners: a negative conclusion counts only with the newest number. ``owner`` is the process at
    work on it now. ``lookups`` counts look-ups since it last changed; ``next_at`` is when it wants to be looked at
    again, ``None`` when nothing more is expected. ``refunded`` is what its settled refunds sum to, in minor units.
    ``tampered``: its row was found not to be as riel wrote it, so nothing is sent or refunded because of it.
    ``unproven``: the key that proved its row is lost, so it is looked up and never sent again.
    """

    id: str
    principal: str
    rail: str
    mode: Mode
    kind: Kind
    reference: str
    money: Money
    payee: Payee
    body: bytes
    facts: Mapping[str, str]
    state: State
    fence: int
    owner: str | None
    sends: int
    lookups: int
    created_at: datetime
    sent_at: datetime
    updated_at: datetime
    payer: str
    next_at: datetime | None = None
    watch_until: datetime | None = None
    resend_until: datetime | None = None
    absent_after: datetime | None = None
    settled_at: datetime | None = None
    provider_id: str = ""
    code: str = ""
    provider_message: str = ""
    refund_of: str | None = None
    refunded: int = 0
    tampered: bool = False
    unproven: bool = False

    def late_arrival_until(self, now: datetime) -> datetime | None:
        """Until when at most it may still turn out that it moved money although it counts as rejected.

        ``None`` where it is not rejected, or nothing can come any more. The watch is over at ``watch_until``, if the
        rail answers then; until it does, and for :data:`UNANSWERED_WATCH` at most, a late arrival was not yet seen.
        """
        if self.state is not State.REJECTED or self.watch_until is None:
            return None
        if self.watch_until > now:
            return self.watch_until
        unanswered = self.watch_until + UNANSWERED_WATCH
        return unanswered if self.next_at is not None and unanswered > now else None

    def order(self, original: "PaymentRecord | None" = None) -> Order:
        """The order for the rail's client. It is the same each time."""
        return Order(
            kind=self.kind,
            id=self.id,
            reference=self.reference,
            money=self.money,
            payee=self.payee,
            body=self.body,
            created_at=self.created_at,
            facts=self.facts,
            provider_id=self.provider_id,
            original=original.order() if original else None,
        )


LEARNED = "learned"
"""The event of facts that the rail told of a payment whose state they do not change."""

RESTORED = "restored"
"""The event of an order that counts as sent once more, because the journal was restored. Nothing leaves with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One transition to write: where to, why, and what was learned.

    ``fence`` is the number of the lease it was concluded under, or ``None`` for positive evidence from the rail, which
    counts without a lease. ``resend`` adds one to ``sends``: the order is about to leave once more. A change whose
    event is ``LEARNED`` adds facts to a payment and leaves its state, its lease and its schedule alone.
    """

    to: State
    event: str
    fence: int | None = None
    why: str = ""
    next_at: datetime | None = None
    watch_until: datetime | None = None
    settled_at: datetime | None = None
    provider_id: str = ""
    code: str = ""
    provider_message: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    resend: bool = False

    @property
    def sends_again(self) -> bool:
        """Whether the order leaves once more after this change."""
        return self.resend and self.event != RESTORED


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the audit chain of one payment."""

    seq: int
    payment_id: str
    n: int
    at: datetime
    event: str
    body: Mapping[str, Any]
    hash: str
    mac: str = ""


class Topic(StrEnum):
    """The topics of the messages in the outbox."""

    PAYMENT_SETTLED = "payment.settled"
    PAYMENT_RETURNED = "payment.returned"
    PAYMENT_REJECTED = "payment.rejected"
    PAYMENT_REVIEW = "payment.review"
    REFUND_SETTLED = "refund.settled"
    REFUND_RETURNED = "refund.returned"
    REFUND_REJECTED = "refund.rejected"
    REFUND_REVIEW = "refund.review"
    REQUEST_SETTLED = "request.settled"
    REQUEST_RETURNED = "request.returned"
    REQUEST_REJECTED = "request.rejected"
    REQUEST_REVIEW = "request.review"
    REFUND_MANUAL = "refund.manual"
    OTHER_PAYER = "payment.other_payer"
    TOOL_NOTICE = "tool.notice"
    TEST = "notifications.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something that waits to leave besides the payment, under an id by which its receiver can recognise a repeat."""

    id: str
    topic: str
    body: Mapping[str, Any]
    created_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many messages wait, since when the oldest waits, and how the last delivery failed."""

    count: int
    since: datetime | None = None
    failure: str = ""
    failed_at: datetime | None = None
