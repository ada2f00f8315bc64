"""What Fintoc tells of an order, in the core's words."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeGuard

from rail_fintoc.api import Row
from rail_fintoc.codes import ERRORS
from rail_fintoc.fields import giving_back, native_reason, paying_out
from rail_fintoc.models import CancelRefund, RefundOfPayment, Return, Verification
from rail_fintoc.orders import REFERENCE, TRANSFER
from riel import Answer, NothingLearned, Order, Status

ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")

REFUNDS: Final[Mapping[str, Status]] = {
    "created": Status.PENDING,
    "pending": Status.PENDING,
    "in_progress": Status.PENDING,
    "succeeded": Status.SETTLED,
    "failed": Status.REJECTED,
    "rejected": Status.REJECTED,
    "canceled": Status.REJECTED,
}
CANCELS: Final[Mapping[str, Status]] = {
    "canceled": Status.SETTLED,
    "rejected": Status.SETTLED,
    "in_progress": Status.REJECTED,
    "succeeded": Status.REJECTED,
    "failed": Status.REJECTED,
}
"""Of taking a refund back: one that is under way or over was not. ``rejected`` is the older word for ``canceled``."""

VERIFICATIONS: Final[Mapping[str, Status]] = {"succeeded": Status.SETTLED, "failed": Status.REJECTED}


def answer(row: Row, order: Order, means: str) -> Answer:
    """Where an order stands, by the object that Fintoc has of it. What it echoes goes along, to be compared."""
    told = _text(row, "status")
    status = _status(told, means)
    number = row.get("amount")
    return Answer(
        status=status,
        provider_id=_text(row, "id"),
        amount=number if means != Verification.MEANS and isinstance(number, int) else None,
        currency=(_text(row, "currency").upper() or None) if means != Verification.MEANS else None,
        account=_account(row) if means in {TRANSFER, Verification.MEANS} else None,
        settled_at=_instant(row.get("transaction_date")) if status is Status.SETTLED else None,
        provider_code=_code(row, told, means) if status in {Status.REJECTED, Status.RETURNED} else "",
        provider_message=_reason(row) if status in {Status.REJECTED, Status.RETURNED} else "",
        facts={name: value for name, value in _facts(row, means).items() if value},
    )


def given_up(row: Row) -> Answer:
    """The return of a received transfer that Fintoc had begun, and that is credited again: it failed."""
    return Answer(status=Status.REJECTED, provider_id=_text(row, "id"), provider_code="return_failed")


def carries(row: Row, order: Order, means: str) -> bool:
    """Whether an object of a list is this order's. A verification has no metadata: its account and time tell it."""
    if means == Verification.MEANS:
        counterparty = row.get("counterparty")
        return isinstance(counterparty, dict) and counterparty.get("account_number") == order.payee.account
    metadata = row.get("metadata")
    return isinstance(metadata, dict) and metadata.get(REFERENCE) == order.reference


def is_about(told: object, order: Order, means: str, target: str) -> TypeGuard[Row]:
    """Whether an object is this order's, and says what a conclusion needs: its id, and how much of what it was."""
    if not isinstance(told, dict) or ID.fullmatch(_text(told, "id")) is None:
        return False
    if target and told["id"] != target:
        return False
    if means == Verification.MEANS:
        return _account(told) in {None, order.payee.account}
    tells = isinstance(told.get("amount"), int) and bool(_text(told, "currency"))
    return tells and (bool(target) or carries(told, order, means))


def made_at(row: Row) -> datetime | None:
    """When an object of a list was made; ``None`` where it does not say.

    :raises NothingLearned: it says something that is no time.
    """
    told = row.get("transaction_date") or row.get("created_at")
    try:
        made = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        raise NothingLearned("Fintoc tells a time that is none") from None
    if made is not None and made.utcoffset() is None:
        raise NothingLearned("Fintoc tells a time without a zone")
    return made


def _status(told: str, means: str) -> Status:
    """The core's word. One that nobody explained is pending: it is asked again, and never taken for an end."""
    if means == TRANSFER:
        return paying_out(told).status
    if means == Return.MEANS:
        return giving_back(told).status
    words = {RefundOfPayment.MEANS: REFUNDS, CancelRefund.MEANS: CANCELS, Verification.MEANS: VERIFICATIONS}[means]
    return words.get(told, Status.PENDING)


def _code(row: Row, told: str, means: str) -> str:
    if means == CancelRefund.MEANS:
        return "cancel:too_late"
    if means == RefundOfPayment.MEANS:
        code = f"refund:{_text(row, 'failure_code')}"
        return code if code in ERRORS else f"refund:{told}"
    spei = row.get("return_reason") or row.get("rejected_reason") or row.get("reason")
    return native_reason(told, spei, row.get("error_reason"))


def _reason(row: Row) -> str:
    """Why, in the provider's own word: of a reason that is in no list it is all that there is."""
    names = ("return_reason", "rejected_reason", "error_reason", "failure_code", "reason")
    return next((word for name in names if (word := _text(row, name))), "")


def _facts(row: Row, means: str) -> dict[str, str]:
    holder = row.get("counterparty") if means == Verification.MEANS else None
    holder = holder if isinstance(holder, dict) else {}
    return {
        "fintocId": _text(row, "id"),
        "trackingKey": _text(row, "tracking_key"),
        "receiptUrl": _text(row, "receipt_url"),
        "holderName": _text(holder, "holder_name"),
        "holderId": _text(holder, "holder_id"),
    }


def _account(row: Row) -> str | None:
    counterparty = row.get("counterparty")
    return (_text(counterparty, "account_number") or None) if isinstance(counterparty, dict) else None


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _instant(value: object) -> datetime | None:
    """A time of Fintoc's, with or without milliseconds."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def dict_of(answered: Any) -> Row:
    """The object that Fintoc answered with.

    :raises NothingLearned: it is none.
    """
    if not isinstance(answered, dict):
        raise NothingLearned("Fintoc did not answer with an object")
    return answered
