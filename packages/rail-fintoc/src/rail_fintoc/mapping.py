"""What Fintoc tells of an order, in the core's words."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeGuard

from rail_fintoc.api import JsonObject
from rail_fintoc.codes import ERRORS
from rail_fintoc.fields import reason_code, return_state, transfer_state
from rail_fintoc.models import CancelRefund, RefundOfPayment, Return, Verification
from rail_fintoc.orders import REFERENCE, TRANSFER
from riel import Answer, NothingLearned, Order, Status

ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")

REFUND_STATUSES: Final[Mapping[str, Status]] = {
    "created": Status.PENDING,
    "pending": Status.PENDING,
    "in_progress": Status.PENDING,
    "succeeded": Status.SETTLED,
    "failed": Status.REJECTED,
    "rejected": Status.REJECTED,
    "canceled": Status.REJECTED,
}
CANCEL_STATUSES: Final[Mapping[str, Status]] = {
    "canceled": Status.SETTLED,
    "rejected": Status.SETTLED,
    "in_progress": Status.REJECTED,
    "succeeded": Status.REJECTED,
    "failed": Status.REJECTED,
}
"""Of taking a refund back: one that is under way or over was not. ``rejected`` is the older word for ``canceled``."""

VERIFICATION_STATUSES: Final[Mapping[str, Status]] = {"succeeded": Status.SETTLED, "failed": Status.REJECTED}


def to_answer(row: JsonObject, order: Order, operation: str) -> Answer:
    """Where an order stands, by the object that Fintoc has of it. What it echoes goes along, to be compared."""
    word = _text(row, "status")
    status = _status(word, operation)
    number = row.get("amount")
    return Answer(
        status=status,
        provider_id=_text(row, "id"),
        amount=number if operation != Verification.OPERATION and isinstance(number, int) else None,
        currency=(_text(row, "currency").upper() or None) if operation != Verification.OPERATION else None,
        account=_account(row) if operation in {TRANSFER, Verification.OPERATION} else None,
        settled_at=_parse_time(row.get("transaction_date")) if status is Status.SETTLED else None,
        provider_code=_code(row, word, operation) if status in {Status.REJECTED, Status.RETURNED} else "",
        provider_message=_reason(row) if status in {Status.REJECTED, Status.RETURNED} else "",
        facts={name: value for name, value in _facts(row, operation).items() if value},
    )


def failed_return(row: JsonObject) -> Answer:
    """The return of a received transfer that Fintoc had begun, and that is credited again: it failed."""
    return Answer(status=Status.REJECTED, provider_id=_text(row, "id"), provider_code="return_failed")


def has_our_reference(row: JsonObject, order: Order, operation: str) -> bool:
    """Whether an object of a list is this order's; a verification, which has no metadata, perhaps: by its account."""
    if operation == Verification.OPERATION:
        counterparty = row.get("counterparty")
        return isinstance(counterparty, dict) and counterparty.get("account_number") == order.payee.account
    metadata = row.get("metadata")
    return isinstance(metadata, dict) and metadata.get(REFERENCE) == order.reference


def matches_order(word: object, order: Order, operation: str, target: str) -> TypeGuard[JsonObject]:
    """Whether an object is this order's, and says what a conclusion needs: its id, and how much of what it was."""
    if not isinstance(word, dict) or ID.fullmatch(_text(word, "id")) is None:
        return False
    if target and word["id"] != target:
        return False
    if operation == Verification.OPERATION:
        return _account(word) in {None, order.payee.account}
    tells = isinstance(word.get("amount"), int) and bool(_text(word, "currency"))
    return tells and (bool(target) or has_our_reference(word, order, operation))


def created_at(row: JsonObject) -> datetime | None:
    """When an object of a list was made; ``None`` where it does not say.

    :raises NothingLearned: it says something that is no time.
    """
    word = row.get("transaction_date") or row.get("created_at")
    try:
        at = datetime.fromisoformat(word) if isinstance(word, str) else None
    except ValueError:
        raise NothingLearned("Fintoc tells a time that is none") from None
    if at is not None and at.utcoffset() is None:
        raise NothingLearned("Fintoc tells a time without a zone")
    return at


def _status(word: str, operation: str) -> Status:
    """The core's word. One that nobody explained is pending: it is asked again, and never taken for an end."""
    if operation == TRANSFER:
        return transfer_state(word).status
    if operation == Return.OPERATION:
        return return_state(word).status
    words = {
        RefundOfPayment.OPERATION: REFUND_STATUSES,
        CancelRefund.OPERATION: CANCEL_STATUSES,
        Verification.OPERATION: VERIFICATION_STATUSES,
    }[operation]
    return words.get(word, Status.PENDING)


def _code(row: JsonObject, word: str, operation: str) -> str:
    if operation == CancelRefund.OPERATION:
        return "cancel:too_late"
    if operation == RefundOfPayment.OPERATION:
        code = f"refund:{_text(row, 'failure_code')}"
        return code if code in ERRORS else f"refund:{word}"
    spei = row.get("return_reason") or row.get("rejected_reason") or row.get("reason")
    return reason_code(word, spei, row.get("error_reason"))


def _reason(row: JsonObject) -> str:
    """Why, in the provider's own word: of a reason that is in no list it is all that there is."""
    names = ("return_reason", "rejected_reason", "error_reason", "failure_code", "reason")
    return next((word for name in names if (word := _text(row, name))), "")


def _facts(row: JsonObject, operation: str) -> dict[str, str]:
    holder = row.get("counterparty") if operation == Verification.OPERATION else None
    holder = holder if isinstance(holder, dict) else {}
    return {
        "fintocId": _text(row, "id"),
        "trackingKey": _text(row, "tracking_key"),
        "receiptUrl": _text(row, "receipt_url"),
        "holderName": _text(holder, "holder_name"),
        "holderId": _text(holder, "holder_id"),
    }


def _account(row: JsonObject) -> str | None:
    counterparty = row.get("counterparty")
    return (_text(counterparty, "account_number") or None) if isinstance(counterparty, dict) else None


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _parse_time(value: object) -> datetime | None:
    """A time of Fintoc's, with or without milliseconds."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def json_object(value: Any) -> JsonObject:
    """The object that Fintoc answered with.

    :raises NothingLearned: it is none.
    """
    if not isinstance(value, dict):
        raise NothingLearned("Fintoc did not answer with an object")
    return value
