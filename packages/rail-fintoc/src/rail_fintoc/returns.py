"""What can be given back: a payment that was collected, a transfer that was received, a refund not yet paid."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rail_fintoc.api import Row, kind_of
from rail_fintoc.codes import CODES
from rail_fintoc.fields import institution_name
from rail_fintoc.models import CancelRefund, FintocRefund, RefundOfPayment, Return
from riel import NotAllowed, NothingLearned, Payment, clean_text

RETURNABLE = timedelta(days=90)
"""For how long Fintoc takes the return of a received transfer."""

MOST_NAME = 120
NOBODY, UNKNOWN = "the payer", "payer"
"""Where Fintoc does not tell whose account it was (a card, a wallet)."""


Find = Callable[[Sequence[str], str], Awaitable[Row | None]]
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
        return returned(resource, refund, now, account_id)
    return refunded(resource, refund.amount, refund.reason)


def returned(transfer: Row, refund: FintocRefund, now: datetime, account_id: str | None = None) -> Return:
    """The return of a received transfer, whole.

    One that is being given back, or was, is the same return once more: whoever repeats a call gets what came of it.
    """
    amount, currency, payer = _money(transfer, "counterparty")
    if transfer.get("direction") != "inbound":
        raise _impossible(
            "It was sent, not received: a settled transfer is final, and only the payee can give it back."
        )
    if currency != "MXN":
        raise _impossible("Only transfers in Mexico can be given back through Fintoc.")
    if refund.amount not in {None, amount}:
        raise _impossible("A received transfer is given back whole.")
    if transfer.get("status") not in {"succeeded", "return_pending", "returned"}:
        raise _impossible("It has not been credited, so there is nothing to give back.")
    if transfer.get("status") == "succeeded" and now - _received_at(transfer) > RETURNABLE:
        raise _impossible("A received transfer can be given back for 90 days only.", "FINTOC_RETURN_TOO_LATE")
    number = transfer.get("account_number")
    if isinstance(number, dict) and account_id is not None and number.get("account_id") not in {None, account_id}:
        raise _impossible("It was received on another account than the one that this server pays from.")
    return Return(
        amount=amount,
        currency=currency,
        account=str(payer.get("account_number") or ""),
        name=_words(payer.get("holder_name")),
        institution=_institution(payer.get("institution")),
        about=f"return of {transfer['id']}: {refund.reason}",
        transfer_id=str(transfer["id"]),
    )


def refunded(
    intent: Row,
    amount: int | None,
    reason: str,
    recipient: dict[str, str] | None = None,
    metadata: dict[str, str | int | bool] | None = None,
) -> RefundOfPayment:
    """The refund of a collected payment, whole unless ``amount`` says less.

    :param recipient: the account that it is paid to, where Fintoc does not know the payer's. It is the payee then: the
        person who confirms must see where the money goes, and not where it came from.
    """
    whole, currency, payer = _money(intent, "sender_account")
    payee = recipient or payer
    if intent.get("status") != "succeeded":
        raise _impossible("The payment was not collected, so there is nothing to give back.")
    if amount is not None and amount > whole:
        raise _impossible("The refund is more than what was collected.")
    return RefundOfPayment(
        amount=amount or whole,
        currency=currency,
        account=str(payee.get("number") or UNKNOWN),
        name=_words(payee.get("holder_name") or payee.get("holder_id")) or NOBODY,
        institution=_institution(payee.get("institution_id")),
        about=f"refund of {intent['id']}{' to an account that was named' if recipient else ''}: {reason}",
        payment_intent_id=str(intent["id"]),
        recipient_account=recipient,
        metadata=metadata,
    )


def cancelled(refund: Row) -> CancelRefund:
    """Taking a refund back that has not been paid yet."""
    amount, currency, payee = _money(refund, "recipient_account")
    if refund.get("status") not in {"created", "pending", "canceled"}:
        raise _impossible("The refund is under way or over: it cannot be taken back any more.")
    return CancelRefund(
        amount=amount,
        currency=currency,
        account=str(payee.get("number") or UNKNOWN),
        name=_words(payee.get("holder_name")) or NOBODY,
        institution=_institution(payee.get("institution_id")),
        about=f"take back the refund {refund['id']}",
        refund_id=str(refund["id"]),
    )


def _money(row: Row, who: str) -> tuple[int, Any, dict[str, Any]]:
    amount, currency, party = row.get("amount"), row.get("currency"), row.get(who)
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 1 or currency not in {"MXN", "CLP"}:
        raise NothingLearned("Fintoc does not tell how much it was")
    return amount, currency, party if isinstance(party, dict) else {}


def _received_at(transfer: Row) -> datetime:
    try:
        at = datetime.fromisoformat(str(transfer.get("transaction_date")))
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        raise NothingLearned("Fintoc does not tell when it was received")
    return at


def _words(told: object) -> str:
    """A name that a payer or a bank wrote, as data: one clean line."""
    return clean_text(told, MOST_NAME) if isinstance(told, str) else ""


def _institution(told: object) -> str:
    """The name of an institution that Fintoc tells by its id, or by an object with its name."""
    if isinstance(told, dict):
        return _words(told.get("name"))
    return institution_name(told) or told if isinstance(told, str) else ""


def _impossible(why: str, code: str = "FINTOC_REFUND_NOT_POSSIBLE") -> NotAllowed:
    return NotAllowed(
        replace(CODES[code], message=f"{why} Nothing was sent.", remedy="Tell the person, and read its state again.")
    )
