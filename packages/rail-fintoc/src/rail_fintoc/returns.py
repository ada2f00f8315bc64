"""What can be given back: a payment that was collected, a transfer that was received, a refund not yet paid."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rail_fintoc.api import JsonObject, kind_of
from rail_fintoc.codes import CODES
from rail_fintoc.fields import institution_name
from rail_fintoc.models import CancelRefund, FintocRefund, RefundOfPayment, Return
from riel import NotAllowed, NothingLearned, Payment, clean_text

RETURN_WINDOW = timedelta(days=90)
"""For how long Fintoc takes the return of a received transfer."""

MAX_NAME = 120
NOBODY, UNKNOWN = "the payer", "payer"
"""Where Fintoc does not tell whose account it was (a card, a wallet)."""


Find = Callable[[Sequence[str], str], Awaitable[JsonObject | None]]
"""Reads an object by its id from the first of some lists that has it."""


async def build_return(refund: FintocRefund, find: Find, now: datetime, account_id: str | None) -> Payment | None:
    """The payment that gives back what ``refund`` names, or ``None`` where Fintoc has no object with that id.

    :param account_id: the account that pays; a transfer that another one received cannot be given back.
    :raises NotAllowed: the object is there, and cannot be given back.
    """
    kind = kind_of(refund.reference)
    if kind is None or kind.name not in {"payment_intent", "transfer"}:
        return None
    resource = await find(kind.paths, refund.reference)
    if resource is None:
        return None
    if kind.name == "transfer":
        return return_of(resource, refund, now, account_id)
    return refund_of(resource, refund.amount, refund.reason)


def return_of(transfer: JsonObject, refund: FintocRefund, now: datetime, account_id: str | None = None) -> Return:
    """The return of a received transfer, whole.

    One that is being given back, or was, is the same return once more: whoever repeats a call gets what came of it.
    """
    amount, currency, party = _money(transfer, "counterparty")
    if transfer.get("direction") != "inbound":
        raise _not_possible(
            "It was sent, not received: a settled transfer is final, and only the payee can give it back."
        )
    if currency != "MXN":
        raise _not_possible("Only transfers in Mexico can be given back through Fintoc.")
    if refund.amount not in {None, amount}:
        raise _not_possible("A received transfer is given back whole.")
    if transfer.get("status") not in {"succeeded", "return_pending", "returned"}:
        raise _not_possible("It has not been credited, so there is nothing to give back.")
    if transfer.get("status") == "succeeded" and now - _received_at(transfer) > RETURN_WINDOW:
        raise _not_possible("A received transfer can be given back for 90 days only.", "FINTOC_RETURN_TOO_LATE")
    number = transfer.get("account_number")
    if isinstance(number, dict) and account_id is not None and number.get("account_id") not in {None, account_id}:
        raise _not_possible("It was received on another account than the one that this server pays from.")
    return Return(
        amount=amount,
        currency=currency,
        account=str(party.get("account_number") or ""),
        name=_clean_name(party.get("holder_name")),
        institution=_institution(party.get("institution")),
        about=f"return of {transfer['id']}: {refund.reason}",
        transfer_id=str(transfer["id"]),
    )


def refund_of(
    intent: JsonObject,
    amount: int | None,
    reason: str,
    recipient: dict[str, str] | None = None,
    metadata: dict[str, str | int | bool] | None = None,
) -> RefundOfPayment:
    """The refund of a collected payment, whole unless ``amount`` says less.

    :param recipient: the account that it is paid to, where Fintoc does not know the payer's. It is the payee then: the
        person who confirms must see where the money goes, and not where it came from.
    """
    whole, currency, party = _money(intent, "sender_account")
    payee = recipient or party
    if intent.get("status") != "succeeded":
        raise _not_possible("The payment was not collected, so there is nothing to give back.")
    if amount is not None and amount > whole:
        raise _not_possible("The refund is more than what was collected.")
    return RefundOfPayment(
        amount=amount or whole,
        currency=currency,
        account=str(payee.get("number") or UNKNOWN),
        name=_clean_name(payee.get("holder_name") or payee.get("holder_id")) or NOBODY,
        institution=_institution(payee.get("institution_id")),
        about=f"refund of {intent['id']}{' to an account that was named' if recipient else ''}: {reason}",
        payment_intent_id=str(intent["id"]),
        recipient_account=recipient,
        metadata=metadata,
    )


def cancellation_of(refund: JsonObject) -> CancelRefund:
    """Taking a refund back that has not been paid yet."""
    amount, currency, payee = _money(refund, "recipient_account")
    if refund.get("status") not in {"created", "pending", "canceled"}:
        raise _not_possible("The refund is under way or over: it cannot be taken back any more.")
    return CancelRefund(
        amount=amount,
        currency=currency,
        account=str(payee.get("number") or UNKNOWN),
        name=_clean_name(payee.get("holder_name")) or NOBODY,
        institution=_institution(payee.get("institution_id")),
        about=f"take back the refund {refund['id']}",
        refund_id=str(refund["id"]),
    )


def _money(row: JsonObject, party_field: str) -> tuple[int, Any, dict[str, Any]]:
    amount, currency, party = row.get("amount"), row.get("currency"), row.get(party_field)
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 1 or currency not in {"MXN", "CLP"}:
        raise NothingLearned("Fintoc does not tell how much it was")
    return amount, currency, party if isinstance(party, dict) else {}


def _received_at(transfer: JsonObject) -> datetime:
    try:
        at = datetime.fromisoformat(str(transfer.get("transaction_date")))
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        raise NothingLearned("Fintoc does not tell when it was received")
    return at


def _clean_name(value: object) -> str:
    """A name that a payer or a bank wrote, as data: one clean line."""
    return clean_text(value, MAX_NAME) if isinstance(value, str) else ""


def _institution(value: object) -> str:
    """The name of an institution that Fintoc tells by its id, or by an object with its name."""
    if isinstance(value, dict):
        return _clean_name(value.get("name"))
    return institution_name(value) or value if isinstance(value, str) else ""


def _not_possible(why: str, code: str = "FINTOC_REFUND_NOT_POSSIBLE") -> NotAllowed:
    return NotAllowed(
        replace(CODES[code], message=f"{why} Nothing was sent.", remedy="Tell the person, and read its state again.")
    )
