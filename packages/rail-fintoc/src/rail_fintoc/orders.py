"""The requests that move money, or that a person confirms: their addresses and the bytes of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rail_fintoc.api import path_to
from rail_fintoc.models import CancelRefund, FintocPayment, Means, RefundOfPayment, Return, Verification
from riel import Payment

REFERENCE: Final = "riel_reference"
"""The name in an object's metadata under which Fintoc keeps our reference: the only way to find it by that."""

TRANSFER: Final = "transfer"


@dataclass(frozen=True, slots=True)
class Way:
    """Where a kind of order goes, whether it is signed, and where it is found by its id."""

    path: str
    signed: bool
    found_at: str


WAYS: Final[Mapping[str, Way]] = {
    TRANSFER: Way("/v2/transfers", signed=True, found_at="/v2/transfers"),
    Return.MEANS: Way("/v2/transfers/return", signed=True, found_at="/v2/transfers"),
    RefundOfPayment.MEANS: Way("/v1/refunds", signed=False, found_at="/v1/refunds"),
    CancelRefund.MEANS: Way("", signed=False, found_at="/v1/refunds"),
    Verification.MEANS: Way("/v2/account_verifications", signed=True, found_at="/v2/account_verifications"),
}


def means_of(payment: Payment) -> str:
    """The kind of order that a payment becomes."""
    return payment.MEANS if isinstance(payment, Means) else TRANSFER


def target_of(payment: Payment) -> str:
    """Fintoc's id of what an order acts on; empty where it makes something new."""
    match payment:
        case Return():
            return payment.transfer_id
        case CancelRefund():
            return payment.refund_id
    return ""


def path_of(means: str, target: str) -> str:
    """Where an order goes."""
    return path_to("/v1/refunds", target, "cancel") if means == CancelRefund.MEANS else WAYS[means].path


def body_of(payment: Payment, reference: str, account_id: str) -> bytes:
    """The bytes of an order, which are signed and sent as they stand."""
    match payment:
        case FintocPayment():
            said = _transfer(payment, reference, account_id)
        case Return():
            said = {"transfer_id": payment.transfer_id}
        case RefundOfPayment():
            said = _refund(payment, reference)
        case Verification():
            said = {"account_number": payment.account}
        case CancelRefund():
            return b""
        case _:
            raise TypeError("this draft is not one of Fintoc")
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _transfer(payment: FintocPayment, reference: str, account_id: str) -> dict[str, Any]:
    counterparty = {
        "account_number": payment.account_number,
        "holder_name": payment.recipient_name,
        "holder_id": payment.holder_id,
        "institution_id": payment.institution_id,
        "account_type": payment.account_type,
    }
    said = {
        "amount": payment.amount,
        "currency": payment.currency,
        "account_id": account_id,
        "counterparty": {name: value for name, value in counterparty.items() if value is not None},
        "comment": payment.comment,
        "metadata": {REFERENCE: reference},
    }
    return said | ({"reference_id": payment.reference_id} if payment.reference_id else {})


def _refund(payment: RefundOfPayment, reference: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "resource_id": payment.payment_intent_id,
        "resource_type": "payment_intent",
        "amount": payment.amount,
        "metadata": {**(payment.metadata or {}), REFERENCE: reference},
    }
    return said | ({"recipient_account": payment.recipient_account} if payment.recipient_account else {})
