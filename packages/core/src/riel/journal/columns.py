"""Between rows and values. Times are stored as milliseconds since 1970, UTC; maps as JSON."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from riel.journal.canonical_json import canonical
from riel.journal.records import Backlog, Challenge, ChallengeState, Event, Message, PaymentRecord, State
from riel.money import Money
from riel.rail import Payee

Stored = Sequence[Any]
"""A row as any database hands it over, its columns in the order of the lists below."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
"""What the journal tells times apart by."""


def millis(at: datetime) -> int:
    """An aware time as it is stored. Whole numbers throughout: a float rounds the end of time into the year 10000."""
    return (at - EPOCH) // MILLISECOND


def maybe_millis(at: datetime | None) -> int | None:
    """The same, where there may be none."""
    return None if at is None else millis(at)


def when(value: int) -> datetime:
    """A stored time."""
    return EPOCH + value * MILLISECOND


def maybe_when(value: int | None) -> datetime | None:
    """The same, where there may be none."""
    return None if value is None else when(value)


CHALLENGE = (
    "owner.id, owner.principal, owner.rail, owner.mode, owner.kind, owner.digest, owner.nonce, owner.factor, "
    "owner.text, owner.amount, owner.currency, owner.account, owner.payee, owner.institution, owner.created_at, "
    "owner.expires_at, owner.state, owner.delivered_at, owner.replay_key, owner.duplicate_of"
)
"""The columns of a challenge in the order in which :func:`challenge_of` takes them, with ``attempts`` after them.

By place and not by name: a row lookups a name up among all of its columns, which took longer than the query.
"""

PAYMENT = (
    "owner.id, owner.principal, owner.rail, owner.mode, owner.kind, owner.reference, owner.amount, owner.currency, "
    "owner.account, owner.payee, owner.institution, owner.body, owner.facts, owner.state, owner.fence, owner.owner, "
    "owner.sends, owner.lookups, owner.created_at, owner.sent_at, owner.updated_at, owner.next_at, owner.watch_until, "
    "owner.resend_until, owner.absent_after, owner.settled_at, owner.provider_id, owner.code, owner.provider_message, "
    "owner.refund_of, owner.payer"
)
"""The columns of a payment in the order in which :func:`payment_of` takes them, with ``refunded`` after them."""


def challenge_of(row: Stored) -> Challenge:
    """A row that begins with the columns :data:`CHALLENGE` and ``attempts``."""
    (
        id_,
        principal,
        rail,
        mode,
        kind,
        digest,
        nonce,
        factor,
        text,
        amount,
        currency,
        account,
        payee,
        institution,
        *rest,
    ) = row
    created_at, expires_at, state, delivered_at, replay_key, duplicate_of, attempts = rest[:7]
    return Challenge(
        id=id_,
        principal=principal,
        rail=rail,
        mode=mode,
        kind=kind,
        digest=digest,
        nonce=nonce,
        factor=factor,
        text=text,
        money=Money(amount, currency),
        payee=Payee(account, payee, institution),
        created_at=when(created_at),
        expires_at=when(expires_at),
        state=ChallengeState(state),
        attempts=attempts,
        delivered_at=maybe_when(delivered_at),
        replay_key=replay_key,
        duplicate_of=duplicate_of,
    )


def payment_of(row: Stored) -> PaymentRecord:
    """A row that begins with the columns :data:`PAYMENT` and ``refunded``."""
    (id_, principal, rail, mode, kind, reference, amount, currency, account, payee, institution, body, facts, *rest) = (
        row
    )
    (state, fence, owner, sends, lookups, created_at, sent_at, updated_at, next_at, watch_until, *rest) = rest
    resend_until, absent_after, settled_at, provider_id, code, provider_message, refund_of, payer, refunded = rest[:9]
    return PaymentRecord(
        id=id_,
        principal=principal,
        rail=rail,
        mode=mode,
        kind=kind,
        reference=reference,
        money=Money(amount, currency),
        payee=Payee(account, payee, institution),
        body=body,
        facts=json.loads(facts),
        state=State(state),
        fence=fence,
        owner=owner,
        sends=sends,
        lookups=lookups,
        created_at=when(created_at),
        sent_at=when(sent_at),
        updated_at=when(updated_at),
        next_at=maybe_when(next_at),
        watch_until=maybe_when(watch_until),
        resend_until=maybe_when(resend_until),
        absent_after=maybe_when(absent_after),
        settled_at=maybe_when(settled_at),
        provider_id=provider_id,
        code=code,
        provider_message=provider_message,
        refund_of=refund_of,
        refunded=refunded,
        payer=payer,
    )


def challenge_values(challenge: Challenge) -> tuple[Any, ...]:
    """A new challenge in the order of :data:`ASKED`."""
    return (
        challenge.id,
        challenge.principal,
        challenge.rail,
        challenge.mode,
        challenge.kind,
        challenge.digest,
        challenge.nonce,
        challenge.factor,
        challenge.text,
        challenge.money.amount,
        challenge.money.currency,
        challenge.payee.account,
        challenge.payee.name,
        challenge.payee.institution,
        challenge.state,
        challenge.duplicate_of,
        millis(challenge.created_at),
        millis(challenge.expires_at),
    )


ASKED = (
    "id, principal, rail, mode, kind, digest, nonce, factor, text, amount, currency, account, payee, institution, "
    "state, duplicate_of, created_at, expires_at"
)
"""The columns of a new challenge."""


def newborn_values(record: PaymentRecord, arguments: str) -> tuple[Any, ...]:
    """A new payment in the order of :data:`BORN`; ``arguments`` as canonical JSON."""
    return (
        record.id,
        record.principal,
        record.rail,
        record.mode,
        record.kind,
        record.refund_of,
        record.reference,
        record.money.amount,
        record.money.currency,
        record.payee.account,
        record.payee.name,
        record.payee.institution,
        record.payer,
        arguments,
        record.body,
        canonical(record.facts),
        record.state,
        record.fence,
        record.owner,
        record.sends,
        millis(record.created_at),
        millis(record.sent_at),
        millis(record.updated_at),
        maybe_millis(record.next_at),
        maybe_millis(record.resend_until),
        maybe_millis(record.absent_after),
    )


BORN = (
    "id, principal, rail, mode, kind, refund_of, reference, amount, currency, account, payee, institution, payer, "
    "arguments, body, facts, state, fence, owner, sends, created_at, sent_at, updated_at, next_at, resend_until, "
    "absent_after"
)
"""The columns of a new payment."""


def changed_values(record: PaymentRecord) -> tuple[Any, ...]:
    """What a transition may change, in the order of :data:`CHANGED`."""
    return (
        record.state,
        record.owner,
        record.sends,
        millis(record.sent_at),
        record.lookups,
        millis(record.updated_at),
        maybe_millis(record.next_at),
        maybe_millis(record.watch_until),
        maybe_millis(record.settled_at),
        record.provider_id,
        record.code,
        record.provider_message,
        canonical(record.facts),
    )


CHANGED = (
    "state", "owner", "sends", "sent_at", "lookups", "updated_at", "next_at", "watch_until", "settled_at",
    "provider_id", "code", "provider_message", "facts",
)  # fmt: skip
"""The columns of a payment that a transition may change."""

EVENT = "seq, payment_id, n, at, event, body, hash"
"""The columns of an event in the order in which :func:`event_of` and :class:`chain.Row` take them."""


def event_of(row: Stored) -> Event:
    """A row of the columns :data:`EVENT`."""
    seq, payment_id, n, at, event, body, digest = row
    return Event(seq=seq, payment_id=payment_id, n=n, at=when(at), event=event, body=json.loads(body), hash=digest)


MESSAGE = "id, topic, body, created_at, attempts"
"""The columns of a message in the order in which :func:`message_of` takes them."""


def message_of(row: Stored) -> Message:
    """A row of the columns :data:`MESSAGE`."""
    id_, topic, body, created_at, attempts = row
    return Message(id=id_, topic=topic, body=json.loads(body), created_at=when(created_at), attempts=attempts)


def backlog_of(waiting: Stored, failed: Stored | None) -> Backlog:
    """How many there are and when the oldest was made; of the last failure why and when."""
    count, since = waiting
    failure, failed_at = failed or ("", None)
    return Backlog(count=count, since=maybe_when(since), failure=failure, failed_at=maybe_when(failed_at))
