"""SQL of the creation of payments and refunds, in the transaction that consumes their challenge."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from riel.journal import Attempt, ConfirmFailure, LimitReached, events
from riel.journal.canonical_json import canonical
from riel.journal.columns import NEW_PAYMENT_COLUMNS, may_arrive_late, new_payment_values, to_millis
from riel.journal.freeze import FROZEN
from riel.journal.records import Challenge, ChallengeState, Intent, PaymentRecord, State
from riel.journal.row_mac import RowMac
from riel.journal.sqlite import audit, challenges, payments, reservations
from riel.journal.sqlite.connect import check_schema
from riel.journal.sqlite.controls import is_frozen
from riel.journal.sqlite.payments import Owner
from riel.journal.sqlite.selects import SELECT_CHALLENGES
from riel.journal.stored_rows import StoredRow, new_payment_row, read_challenge

INSERT_PAYMENT = (
    f"INSERT INTO payments ({NEW_PAYMENT_COLUMNS}) VALUES ({','.join('?' * (NEW_PAYMENT_COLUMNS.count(',') + 1))})"
)
SELECT_REFUNDABLE = (
    "SELECT o.amount, o.kind, o.state, (SELECT coalesce(sum(p.amount), 0) FROM payments p WHERE "
    f"p.refund_of = o.id AND (p.state <> 'rejected' OR {may_arrive_late(':now')})) AS taken FROM payments o "
    "WHERE o.id = :id"
)


def create(
    db: sqlite3.Connection,
    owner: Owner,
    attempt: Attempt,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """Consume the challenge and create the payment, in the caller's transaction; mark the attempt as right."""
    created = _confirm(db, owner, challenge_id, replay_key, intent, at)
    if created != "code_reused":
        challenges.resolve_attempt(db, owner.mac, attempt, challenge_id, "right")
    return created


def _confirm(
    db: sqlite3.Connection,
    owner: Owner,
    challenge_id: str,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
) -> PaymentRecord | ConfirmFailure | LimitReached:
    check_schema(db)
    mac, now = owner.mac, to_millis(at)
    row = db.execute(SELECT_CHALLENGES + "id = ?", (challenge_id,)).fetchone()
    if row is None:
        return "expired"
    stored = read_challenge(mac, row)
    challenge = stored.value
    if challenge.tampered:
        challenges.refuse_tampered(db, mac, challenge_id, now)
        return "tampered"
    if challenge.state is not ChallengeState.OPEN:
        ended: ConfirmFailure = challenge.state.value  # type: ignore[assignment]  # the other four states are reasons
        return ended
    if to_millis(challenge.expires_at) <= now:
        return "expired"
    if challenge.requirement:
        return "undecided"
    if is_frozen(db, mac, owner.freeze):
        return FROZEN
    return consume(db, owner, stored, row, replay_key, intent, at)


def consume(
    db: sqlite3.Connection,
    owner: Owner,
    stored: StoredRow[Challenge],
    row: sqlite3.Row,
    replay_key: str | None,
    intent: Intent,
    at: datetime,
    approvers: Sequence[str] = (),
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """Consume a challenge that is open and create its payment; where that is not possible, nothing has changed.

    :param row: the database row of the challenge, with the end of its chain.
    :param approvers: who decided, where people did.
    """
    mac, now, challenge = owner.mac, to_millis(at), stored.value
    challenge_id, amount = challenge.id, challenge.money.amount
    if intent.refund_of is not None and (refusal := _refund_refusal(db, mac, intent.refund_of, amount, now)):
        return refusal
    held = reservations.moved(db, challenge_id, intent.reservations)
    if held is not None and (reached := reservations.limit_reached(db, challenge, intent.reservations, now, held)):
        return reached
    try:
        db.execute("UPDATE challenges SET state = 'consumed', replay_key = ? WHERE id = ?", (replay_key, challenge_id))
    except sqlite3.IntegrityError:
        return "code_reused"
    record, arguments = events.new_payment(challenge, intent, owner.me, at), canonical(intent.arguments)
    try:
        db.execute(INSERT_PAYMENT, new_payment_values(record, arguments))
    except sqlite3.IntegrityError as failure:
        if "payments.reference" not in str(failure):
            raise
        db.execute("UPDATE challenges SET state = 'open', replay_key = NULL WHERE id = ?", (challenge_id,))
        return "reference_taken"
    consumed = stored.row.changed(state=ChallengeState.CONSUMED, replay_key=replay_key)
    if held is not None:
        consumed = consumed.changed(reservations=reservations.move(db, challenge_id, intent.reservations))
    audit.append(
        db,
        mac,
        challenge_id,
        now,
        events.payment_event(challenge.kind, "created"),
        events.payment_created_body(challenge, intent, events.consumed_challenge_mac(mac, consumed), approvers),
        new_payment_row(record, arguments),
        row,
    )
    return record


def _refund_refusal(
    db: sqlite3.Connection, mac: RowMac, payment_id: str, amount: int, now: int
) -> ConfirmFailure | None:
    """Whether a refund of ``amount`` may not be: its payment has not settled, or less than that is left of it.

    A refund that counts as rejected and is still watched may arrive yet, so its amount is taken.
    """
    original = payments.get(db, mac, payment_id)
    if original is not None and original.tampered:
        return "tampered"
    row = db.execute(SELECT_REFUNDABLE, {"now": now, "id": payment_id}).fetchone()
    if row is None or row["kind"] != "payment" or row["state"] != State.SETTLED:
        return "not_settled"
    return "exceeds_payment" if row["taken"] + amount > row["amount"] else None
