"""What a verb writes, as values: the same for every store, whatever its SQL looks like."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from riel.errors import Code
from riel.journal.columns import to_millis
from riel.journal.records import LEARNED, Challenge, ChallengeState, Change, Intent, PaymentRecord, State, Topic
from riel.journal.row_mac import ProvenRow, RowMac
from riel.money import mask_account
from riel.rail import Kind
from riel.text import replace_number

Body = dict[str, Any]

CHALLENGE_OPENED = "challenge.opened"
CHALLENGE_REFUSED = "challenge.refused"
CHALLENGE_DECIDED = "challenge.decided"
ATTEMPT_FAILED = "attempt.failed"
RESTORED, COMPARED, KEY_REPLACED = "journal.restored", "journal.compared", "journal.key_replaced"
PRINCIPAL_UNLOCKED = "journal.principal_unlocked"
"""The events of the journal as a whole."""
TAMPERED = "tampered"
"""The event of a payment whose row was found not to be as riel wrote it."""

TOPICS: dict[tuple[Kind, State], Topic] = {
    ("payment", State.SETTLED): Topic.PAYMENT_SETTLED,
    ("payment", State.RETURNED): Topic.PAYMENT_RETURNED,
    ("payment", State.REJECTED): Topic.PAYMENT_REJECTED,
    ("payment", State.REVIEW): Topic.PAYMENT_REVIEW,
    ("refund", State.SETTLED): Topic.REFUND_SETTLED,
    ("refund", State.RETURNED): Topic.REFUND_RETURNED,
    ("refund", State.REJECTED): Topic.REFUND_REJECTED,
    ("refund", State.REVIEW): Topic.REFUND_REVIEW,
    ("request", State.SETTLED): Topic.REQUEST_SETTLED,
    ("request", State.RETURNED): Topic.REQUEST_RETURNED,
    ("request", State.REJECTED): Topic.REQUEST_REJECTED,
    ("request", State.REVIEW): Topic.REQUEST_REVIEW,
}
"""The topic of the notification that a payment has come into a state; other states have none."""


def payment_event(kind: Kind, name: str) -> str:
    """The name of an event of a payment, refund or request: ``payment.settled``."""
    return f"{kind}.{name}"


def challenge_event(state: ChallengeState) -> str:
    """The name of the event that ends a challenge without a payment: ``challenge.expired``."""
    return f"challenge.{state.value}"


def mask_account_in(text: str, account: str) -> str:
    """Somebody's words as an event may hold them: without the whole account number."""
    return replace_number(text, account, mask_account(account))


def principal_unlocked_body(principal: str, by: str, attempts: int) -> Body:
    """The event of an operator who let a principal confirm again: how many wrong codes no longer count."""
    return {"by": by, "principal": principal, "attempts": attempts}


def challenge_opened_body(challenge: Challenge) -> Body:
    """The body of ``challenge.opened``."""
    return {
        "to": ChallengeState.OPEN,
        **_subject(challenge),
        "factor": challenge.factor,
        "digest": challenge.digest.hex(),
        "text": challenge.text,
        "expiresAt": to_millis(challenge.expires_at),
        **({"requirement": challenge.requirement} if challenge.requirement else {}),
    }


def challenge_refused_body(challenge: Challenge, code: str, why: str, *, unrecorded: int = 0) -> Body:
    """The body of ``challenge.refused``: a guard or a limit refused it before any person was asked.

    :param unrecorded: how many earlier refusals of the principal were only counted.
    """
    body = {
        "to": ChallengeState.REFUSED,
        **_subject(challenge),
        "code": code,
        "reason": why,
        "amount": challenge.money.amount,
        "currency": challenge.money.currency,
        "payee": mask_account_in(challenge.payee.name, challenge.payee.account),
        "account": mask_account(challenge.payee.account),
        "digest": challenge.digest.hex(),
    }
    return {**body, "unrecorded": unrecorded} if unrecorded else body


def _subject(challenge: Challenge) -> Body:
    return {
        "principal": challenge.principal,
        "rail": challenge.rail,
        "mode": challenge.mode,
        "kind": challenge.kind,
    }


def new_payment(challenge: Challenge, intent: Intent, me: str, at: datetime) -> PaymentRecord:
    """The payment of a confirmed challenge: owned by ``me``, and about to be sent for the first time."""
    return PaymentRecord(
        id=challenge.id,
        principal=challenge.principal,
        rail=challenge.rail,
        mode=challenge.mode,
        kind=challenge.kind,
        reference=intent.reference,
        money=challenge.money,
        payee=challenge.payee,
        body=intent.body,
        facts=dict(intent.facts),
        state=State.SENDING,
        fence=1,
        owner=me,
        sends=1,
        lookups=0,
        created_at=at,
        sent_at=at,
        updated_at=at,
        next_at=at,
        resend_until=intent.resend_until,
        absent_after=intent.absent_after,
        refund_of=intent.refund_of,
        payer=intent.payer,
    )


def consumed_challenge_mac(mac: RowMac, consumed: ProvenRow) -> str:
    """The MAC of the whole row of a challenge as it was consumed, which the event of its payment holds."""
    return mac.of("consumed challenges", *consumed.values)


def payment_created_body(
    challenge: Challenge, intent: Intent, challenge_mac: str, approvers: Sequence[str] = ()
) -> Body:
    """The body of ``payment.created``: what was confirmed, by whom where people decided, and the hash of the order."""
    body = {
        "to": State.SENDING,
        "reference": intent.reference,
        "amount": challenge.money.amount,
        "currency": challenge.money.currency,
        "payee": mask_account_in(challenge.payee.name, challenge.payee.account),
        "account": mask_account(challenge.payee.account),
        "digest": challenge.digest.hex(),
        "payloadSha256": hashlib.sha256(intent.body).hexdigest(),
        "challengeMac": challenge_mac,
        **({"approvers": list(approvers)} if approvers else {}),
    }
    return {**body, "refundOf": intent.refund_of} if intent.refund_of else body


def merge_facts(known: PaymentRecord, change: Change) -> dict[str, str]:
    """The facts of ``known`` with those of ``change``; an empty one takes its fact back."""
    return {name: fact for name, fact in {**known.facts, **change.facts}.items() if fact}


def apply_change(known: PaymentRecord, change: Change, me: str, at: datetime) -> PaymentRecord:
    """``known`` once ``change`` is written. Only who is about to send it again still owns it.

    Nothing more is expected of a payment whose row was altered.
    """
    if change.event == LEARNED:
        return replace(
            known,
            updated_at=at,
            settled_at=change.settled_at or known.settled_at,
            provider_id=known.provider_id or change.provider_id,
            facts=merge_facts(known, change),
        )
    if known.tampered:
        change = replace(change, next_at=None, watch_until=None)
    return replace(
        known,
        state=change.to,
        owner=me if change.resend else None,
        sends=known.sends + change.resend,
        sent_at=at if change.resend else known.sent_at,
        lookups=0,
        updated_at=at,
        next_at=change.next_at,
        watch_until=change.watch_until,
        settled_at=change.settled_at or known.settled_at,
        provider_id=change.provider_id or known.provider_id,
        code=change.code,
        provider_message=change.provider_message,
        facts=merge_facts(known, change),
    )


def transition_body(known: PaymentRecord, change: Change) -> Body:
    """The event of a change. Of facts it holds the names only: what stands in them may be personal."""
    if change.event == LEARNED:
        told: Body = {"facts": sorted(change.facts)}
        return {**told, "settledAt": to_millis(change.settled_at)} if change.settled_at else told
    body: Body = {"from": known.state, "to": change.to, "sends": known.sends + change.resend}
    learned = {
        "reason": change.why,
        "code": change.code,
        "providerMessage": change.provider_message,
        "providerId": mask_account_in(change.provider_id, known.payee.account),
    }
    body |= {name: value for name, value in learned.items() if value}
    if change.settled_at is not None:
        body["settledAt"] = to_millis(change.settled_at)
    return body


def tampered_body() -> Body:
    """The event of a payment whose row is not as riel wrote it: nothing that it says is repeated."""
    return {"to": State.REVIEW, "code": Code.RECORD_TAMPERED.value, "reason": "the row is not as riel wrote it"}


def apply_resolution(known: PaymentRecord, to: State, at: datetime) -> PaymentRecord:
    """``known`` once an operator has decided. Nothing more is expected of it."""
    settled_at = at if to is State.SETTLED else None
    return replace(known, state=to, owner=None, updated_at=at, next_at=None, watch_until=None, settled_at=settled_at)


def topic_of(event: str, record: PaymentRecord) -> Topic | None:
    """The topic of the notification of an event of ``record``; ``None`` where nobody is notified of it."""
    learned = payment_event(record.kind, LEARNED)
    return None if event == learned else TOPICS.get((record.kind, record.state))


def resolution_body(known: PaymentRecord, to: State, by: str, evidence: str) -> Body:
    """The event of a decision: who, and on what evidence."""
    return {"from": known.state, "to": to, "by": by, "evidence": mask_account_in(evidence, known.payee.account)}


def notification_body(record: PaymentRecord) -> Body:
    """The body of the notification of a payment that ended, or that needs an operator."""
    return {
        "paymentId": record.id,
        "kind": record.kind,
        "rail": record.rail,
        "mode": record.mode,
        "reference": record.reference,
        "amount": record.money.amount,
        "currency": record.money.currency,
        "state": record.state,
        "code": record.code,
    }
