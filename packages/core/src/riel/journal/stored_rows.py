"""Challenges and payments as the database holds them: read, and proven by the MAC in the last event of their chain.

A row that is not proven decides nothing. A challenge is read as ``refused`` and a payment as in ``review``, with
``tampered`` set; no value of such a row is sent, compared with a code or written anew under riel's name.
"""

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from riel.errors import Code
from riel.journal.columns import (
    NEW_CHALLENGE_COLUMNS,
    NEW_PAYMENT_COLUMNS,
    PROVEN_CHALLENGE_COLUMNS,
    PROVEN_PAYMENT_COLUMNS,
    Row,
    challenge_of,
    new_challenge_values,
    new_payment_values,
    payment_of,
)
from riel.journal.records import Challenge, ChallengeState, PaymentRecord, State
from riel.journal.row_mac import CHALLENGES, PAYMENTS, ProvenRow, RowMac, RowProof, proven_row

T = TypeVar("T")

_CHALLENGE_HEAD = len(PROVEN_CHALLENGE_COLUMNS) + 2
_PAYMENT_HEAD = len(PROVEN_PAYMENT_COLUMNS) + 5
_EMPTY: dict[str, Any] = {"provider_id": "", "code": "", "provider_message": "", "failed": 0, "reservations": ""}
"""The values of columns that an INSERT leaves to the table, where that is not NULL."""

UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, OverflowError)
"""What a row raises that holds what riel never writes."""


@dataclass(frozen=True, slots=True)
class StoredRow(Generic[T]):
    """A challenge or a payment with the columns that were proven, to be changed and proven anew.

    ``broken``: the row is not as riel wrote it, and riel has not written so yet.
    """

    value: T
    row: ProvenRow
    broken: bool = False


def read_challenge(mac: RowMac, row: Row) -> StoredRow[Challenge]:
    """Read a row of ``CHALLENGE_COLUMNS``, ``attempts`` and the end of its chain: number, hash, MAC of the row.

    A consumed challenge gives no right any more: the end of its chain proves its payment.
    """
    challenge, proven = challenge_of(row), proven_row(CHALLENGES, PROVEN_CHALLENGE_COLUMNS, row)
    if challenge.state is ChallengeState.CONSUMED:
        return StoredRow(challenge, proven)
    n, event_hash, text = row[_CHALLENGE_HEAD : _CHALLENGE_HEAD + 3]
    proof = proven.proof(mac, text or "", n or 0, event_hash or "")
    if proof is RowProof.PROVEN:
        return StoredRow(challenge, proven)
    ended = ChallengeState.REFUSED if challenge.state is ChallengeState.OPEN else challenge.state
    if proof is RowProof.UNPROVABLE:
        return StoredRow(replace(challenge, state=ended), proven)
    mac.report(CHALLENGES, challenge.id)
    return StoredRow(replace(challenge, state=ended, tampered=True), replace(proven, trusted=False), broken=True)


def read_payment(mac: RowMac, row: Row) -> StoredRow[PaymentRecord]:
    """Read a row of ``PAYMENT_COLUMNS``, ``refunded`` and the end of its chain: number, hash, MAC of the row."""
    record, proven = payment_of(row), proven_row(PAYMENTS, PROVEN_PAYMENT_COLUMNS, row)
    n, event_hash, text = row[_PAYMENT_HEAD : _PAYMENT_HEAD + 3]
    proof = proven.proof(mac, text or "", n or 0, event_hash or "")
    if proof is RowProof.PROVEN:
        return StoredRow(record, proven)
    if proof is RowProof.UNPROVABLE:
        return StoredRow(replace(record, unproven=True), proven)
    if proof is RowProof.DISTRUSTED:
        return StoredRow(replace(record, tampered=True), replace(proven, trusted=False))
    mac.report(PAYMENTS, record.id)
    return StoredRow(as_tampered(record), replace(proven, trusted=False), broken=True)


def as_tampered(record: PaymentRecord) -> PaymentRecord:
    """Return a payment whose row is not proven, as everybody reads it: in review, and expected to do nothing."""
    code = Code.RECORD_TAMPERED.value
    return replace(record, state=State.REVIEW, tampered=True, owner=None, next_at=None, code=code, provider_message="")


def new_challenge_row(challenge: Challenge, reservations: str) -> ProvenRow:
    """Return the proven columns of a challenge that is written for the first time."""
    values = dict(zip(NEW_CHALLENGE_COLUMNS.split(", "), new_challenge_values(challenge), strict=True))
    return _new_row(CHALLENGES, PROVEN_CHALLENGE_COLUMNS, {**values, "reservations": reservations})


def new_payment_row(record: PaymentRecord, arguments: str) -> ProvenRow:
    """Return the proven columns of a payment that is written for the first time."""
    values = dict(zip(NEW_PAYMENT_COLUMNS.split(", "), new_payment_values(record, arguments), strict=True))
    return _new_row(PAYMENTS, PROVEN_PAYMENT_COLUMNS, values)


def _new_row(table: str, names: tuple[str, ...], values: dict[str, Any]) -> ProvenRow:
    return ProvenRow(table, names, tuple(values.get(name, _EMPTY.get(name)) for name in names))
