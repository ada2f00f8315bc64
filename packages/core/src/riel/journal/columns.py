"""Between rows and values. Times are stored as milliseconds since 1970, UTC; maps as JSON."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from riel.confirm import PriorPayment
from riel.confirm.decisions import Decision
from riel.journal.canonical_json import canonical
from riel.journal.records import (
    UNANSWERED_WATCH,
    Backlog,
    Challenge,
    ChallengeState,
    Event,
    Message,
    PaymentRecord,
    State,
)
from riel.money import Money
from riel.rail import Payee

Row = Sequence[Any]
"""A row as any database hands it over, its columns in the order of the lists below."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
"""What the journal tells times apart by."""


def to_millis(at: datetime) -> int:
    """An aware time as it is stored. Whole numbers throughout: a float rounds the end of time into the year 10000."""
    return (at - EPOCH) // MILLISECOND


def maybe_to_millis(at: datetime | None) -> int | None:
    """The same, where there may be none."""
    return None if at is None else to_millis(at)


def from_millis(value: int) -> datetime:
    """A stored time."""
    return EPOCH + value * MILLISECOND


def maybe_from_millis(value: int | None) -> datetime | None:
    """The same, where there may be none."""
    return None if value is None else from_millis(value)


PROVEN_CHALLENGE_COLUMNS = (
    "id", "principal", "rail", "mode", "kind", "digest", "nonce", "factor", "key_id", "text", "amount", "currency",
    "account", "payee", "institution", "created_at", "expires_at", "state", "replay_key", "duplicate_of",
    "reservations", "failed", "request", "requirement",
)  # fmt: skip
"""The columns of a challenge that the MAC of its row covers: all but the time at which it was shown."""

CHALLENGE_COLUMNS = ", ".join(f"base.{column}" for column in (*PROVEN_CHALLENGE_COLUMNS, "delivered_at"))
"""The columns of a challenge in the order in which :func:`challenge_of` takes them, with ``attempts`` after them.

By place and not by name: a row looks a name up among all of its columns, which took longer than the query.
"""

PROVEN_PAYMENT_COLUMNS = (
    "id", "principal", "rail", "mode", "kind", "reference", "amount", "currency", "account", "payee", "institution",
    "body", "facts", "state", "sends", "created_at", "sent_at", "updated_at", "watch_until", "resend_until",
    "absent_after", "settled_at", "provider_id", "code", "provider_message", "refund_of", "payer", "arguments",
)  # fmt: skip
"""The columns of a payment that the MAC of its row covers: all but its lease.

The lease says which process works on the payment and when it is looked at next. It never decides whether money moves.
"""

PAYMENT_COLUMNS = ", ".join(
    f"base.{column}" for column in (*PROVEN_PAYMENT_COLUMNS, "fence", "owner", "lookups", "next_at")
)
"""The columns of a payment in the order in which :func:`payment_of` takes them, with ``refunded`` after them."""


def may_arrive_late(now: str) -> str:
    """SQL: whether the payment ``p`` counts as rejected at ``now``, in milliseconds, and may still arrive.

    The same as :meth:`~riel.journal.records.PaymentRecord.late_arrival_until`.
    """
    return (
        f"(p.state = 'rejected' AND p.watch_until > {now} - {UNANSWERED_WATCH // MILLISECOND} "
        f"AND (p.watch_until > {now} OR p.next_at IS NOT NULL))"
    )


URGENCY = "CASE WHEN state IN ('sending', 'unknown') THEN 0 WHEN watch_until IS NULL THEN 1 ELSE 2 END"
"""The order in which due payments are claimed: unknown, pending, and last those that are only watched. Otherwise a
thousand settled payments whose look-ups are due would hold back the one whose money nobody can place."""


def challenge_of(row: Row) -> Challenge:
    """A row that begins with :data:`CHALLENGE_COLUMNS` and ``attempts``."""
    (
        id_,
        principal,
        rail,
        mode,
        kind,
        digest,
        nonce,
        factor,
        key_id,
        text,
        amount,
        currency,
        account,
        payee,
        institution,
        *rest,
    ) = row
    created_at, expires_at, state, replay_key, duplicate_of, _reservations, _failed, *rest = rest
    request, requirement, delivered_at, attempts, *_ = rest
    return Challenge(
        id=id_,
        principal=principal,
        rail=rail,
        mode=mode,
        kind=kind,
        digest=digest,
        nonce=nonce,
        factor=factor,
        key_id=key_id,
        text=text,
        money=Money(amount, currency),
        payee=Payee(account, payee, institution),
        created_at=from_millis(created_at),
        expires_at=from_millis(expires_at),
        state=ChallengeState(state),
        attempts=attempts,
        delivered_at=maybe_from_millis(delivered_at),
        replay_key=replay_key,
        duplicate_of=duplicate_of,
        request=request,
        requirement=requirement,
    )


def payment_of(row: Row) -> PaymentRecord:
    """A row that begins with :data:`PAYMENT_COLUMNS` and ``refunded``."""
    (id_, principal, rail, mode, kind, reference, amount, currency, account, payee, institution, body, facts, *rest) = (
        row
    )
    (state, sends, created_at, sent_at, updated_at, watch_until, resend_until, absent_after, settled_at, *rest) = rest
    (provider_id, code, provider_message, refund_of, payer, _arguments, fence, owner, lookups, next_at, *rest) = rest
    refunded = rest[0]
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
        created_at=from_millis(created_at),
        sent_at=from_millis(sent_at),
        updated_at=from_millis(updated_at),
        next_at=maybe_from_millis(next_at),
        watch_until=maybe_from_millis(watch_until),
        resend_until=maybe_from_millis(resend_until),
        absent_after=maybe_from_millis(absent_after),
        settled_at=maybe_from_millis(settled_at),
        provider_id=provider_id,
        code=code,
        provider_message=provider_message,
        refund_of=refund_of,
        refunded=refunded,
        payer=payer,
    )


def new_challenge_values(challenge: Challenge) -> tuple[Any, ...]:
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
        challenge.key_id,
        challenge.text,
        challenge.money.amount,
        challenge.money.currency,
        challenge.payee.account,
        challenge.payee.name,
        challenge.payee.institution,
        challenge.state,
        challenge.duplicate_of,
        challenge.request,
        challenge.requirement,
        to_millis(challenge.created_at),
        to_millis(challenge.expires_at),
    )


NEW_CHALLENGE_COLUMNS = (
    "id, principal, rail, mode, kind, digest, nonce, factor, key_id, text, amount, currency, account, payee, "
    "institution, state, duplicate_of, request, requirement, created_at, expires_at"
)
"""The columns of a new challenge."""


UNRESOLVED_WINDOW = timedelta(days=30)
"""How long the text of a challenge mentions an earlier order whose outcome is not known."""


def prior_values(challenge: Challenge, duplicates_since: int) -> tuple[Any, ...]:
    """What is asked of the journal for the earlier orders that the text of ``challenge`` mentions, in the order of
    ``SELECT_PRIOR``."""
    unresolved_since = to_millis(challenge.created_at - UNRESOLVED_WINDOW)
    return (
        challenge.digest,
        challenge.rail,
        challenge.mode,
        challenge.payee.account,
        challenge.money.amount,
        min(duplicates_since, unresolved_since),
        challenge.principal,
        challenge.kind,
        challenge.money.currency,
        duplicates_since,
    )


def prior_payment(rows: Sequence[Row]) -> PriorPayment | None:
    """The last unresolved one of the rows of ``SELECT_PRIOR``, else the last one."""
    if not rows:
        return None
    reference, identical, unresolved = next((row for row in rows if row[2]), rows[0])
    return PriorPayment(reference=reference, count=len(rows), identical=bool(identical), unresolved=bool(unresolved))


def new_payment_values(record: PaymentRecord, arguments: str) -> tuple[Any, ...]:
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
        to_millis(record.created_at),
        to_millis(record.sent_at),
        to_millis(record.updated_at),
        maybe_to_millis(record.next_at),
        maybe_to_millis(record.resend_until),
        maybe_to_millis(record.absent_after),
    )


NEW_PAYMENT_COLUMNS = (
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
        to_millis(record.sent_at),
        record.lookups,
        to_millis(record.updated_at),
        maybe_to_millis(record.next_at),
        maybe_to_millis(record.watch_until),
        maybe_to_millis(record.settled_at),
        record.provider_id,
        record.code,
        record.provider_message,
        canonical(record.facts),
    )


CHANGED_COLUMNS = (
    "state", "owner", "sends", "sent_at", "lookups", "updated_at", "next_at", "watch_until", "settled_at",
    "provider_id", "code", "provider_message", "facts",
)  # fmt: skip
"""The columns of a payment that a transition may change."""

PROVEN_DECISION_COLUMNS = (
    "challenge_id", "approver", "verdict", "how", "credential", "proof", "replay_key", "policy_version", "reason", "at",
)  # fmt: skip
"""The columns of a decision that the MAC of its row covers: all."""

DECISION_COLUMNS = ", ".join((*PROVEN_DECISION_COLUMNS, "mac"))


def decision_of(row: Row) -> Decision:
    """A row that begins with :data:`PROVEN_DECISION_COLUMNS`."""
    challenge_id, approver, verdict, how, credential, proof, replay_key, policy_version, reason, at = row[:10]
    return Decision(
        challenge_id=challenge_id,
        approver=approver,
        verdict=verdict,
        how=how,
        credential=credential,
        proof=json.loads(proof),
        replay_key=replay_key or "",
        policy_version=policy_version,
        reason=reason,
        at=from_millis(at),
    )


def decision_values(decision: Decision) -> tuple[str | int | None, ...]:
    """A decision in the order of :data:`PROVEN_DECISION_COLUMNS`. One without a proof has nothing to use up."""
    return (
        decision.challenge_id,
        decision.approver,
        decision.verdict,
        decision.how,
        decision.credential,
        canonical(decision.proof),
        decision.replay_key or None,
        decision.policy_version,
        decision.reason,
        to_millis(decision.at),
    )


EVENT_COLUMNS = "seq, payment_id, n, at, event, body, hash, mac, row_mac"
"""The columns of an event in the order in which :func:`event_of` and :class:`chain.Row` take them."""


def event_of(row: Row) -> Event:
    """A row of the columns :data:`EVENT`."""
    seq, payment_id, n, at, event, body, digest, mac, _row_mac = row
    return Event(
        seq=seq,
        payment_id=payment_id,
        n=n,
        at=from_millis(at),
        event=event,
        body=json.loads(body),
        hash=digest,
        mac=mac,
    )


ANCHOR_COLUMNS = "n, at, upto, count, hash, mac"
"""The columns of an anchor in the order in which :class:`~riel.journal.audit.chain.Anchor` takes them."""

MESSAGE_COLUMNS = "id, topic, body, created_at, attempts"
"""The columns of a message in the order in which :func:`message_of` takes them."""


def message_of(row: Row) -> Message:
    """A row of the columns :data:`MESSAGE`."""
    id_, topic, body, created_at, attempts = row
    return Message(id=id_, topic=topic, body=json.loads(body), created_at=from_millis(created_at), attempts=attempts)


def backlog_of(waiting: Row, failed: Row | None) -> Backlog:
    """How many there are and when the oldest was made; of the last failure why and when."""
    count, since = waiting
    failure, failed_at = failed or ("", None)
    return Backlog(count=count, since=maybe_from_millis(since), failure=failure, failed_at=maybe_from_millis(failed_at))
