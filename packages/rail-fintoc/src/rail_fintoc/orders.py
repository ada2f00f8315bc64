"""The requests that move money, or that a person confirms: their addresses and the bytes of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rail_fintoc.api import path_to
from rail_fintoc.models import CancelRefund, FintocPayment, OperationPayment, RefundOfPayment, Return, Verification
from riel import Payment

REFERENCE: Final = "riel_reference"
"""The name in an object's metadata under which Fintoc keeps our reference: the only way to find it by that."""

TRANSFER: Final = "transfer"


@dataclass(frozen=True, slots=True)
class Operation:
    """Where a kind of order goes, whether it is signed, and where it is found by its id."""

    path: str
    signed: bool
    lookup_path: str


OPERATIONS: Final[Mapping[str, Operation]] = {
    TRANSFER: Operation("/v2/transfers", signed=True, lookup_path="/v2/transfers"),
    Return.OPERATION: Operation("/v2/transfers/return", signed=True, lookup_path="/v2/transfers"),
    RefundOfPayment.OPERATION: Operation("/v1/refunds", signed=False, lookup_path="/v1/refunds"),
    CancelRefund.OPERATION: Operation("", signed=False, lookup_path="/v1/refunds"),
    Verification.OPERATION: Operation(
        "/v2/account_verifications", signed=True, lookup_path="/v2/account_verifications"
    ),
}


def operation_of(payment: Payment) -> str:
    """The kind of order that a payment becomes."""
    return payment.OPERATION if isinstance(payment, OperationPayment) else TRANSFER


def target_of(payment: Payment) -> str:
    """Fintoc's id of what an order acts on; empty where it makes something new."""
    match payment:
        case Return():
            return payment.transfer_id
        case CancelRefund():
            return payment.refund_id
    return ""


def operation_path(operation: str, target: str) -> str:
    """Where an order goes."""
    return (
        path_to("/v1/refunds", target, "cancel") if operation == CancelRefund.OPERATION else OPERATIONS[operation].path
    )


def body_of(payment: Payment, reference: str, account_id: str) -> bytes:
    """The bytes of an order, which are signed and sent as they stand."""
    match payment:
        case FintocPayment():
            body = _transfer(payment, reference, account_id)
        case Return():
            body = {"transfer_id": payment.transfer_id}
        case RefundOfPayment():
            body = _refund(payment, reference)
        case Verification():
            body = {"account_number": payment.account}
        case CancelRefund():
            return b""
        case _:
            raise TypeError("this draft is not one of Fintoc")
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _transfer(payment: FintocPayment, reference: str, account_id: str) -> dict[str, Any]:
    counterparty = {
        "account_number": payment.account_number,
        "holder_name": payment.recipient_name,
        "holder_id": payment.holder_id,
        "institution_id": payment.institution_id,
        "account_type": payment.account_type,
    }
    body = {
        "amount": payment.amount,
        "currency": payment.currency,
        "account_id": account_id,
        "counterparty": {name: value for name, value in counterparty.items() if value is not None},
        "comment": payment.comment,
        "metadata": {REFERENCE: reference},
    }
    return body | ({"reference_id": payment.reference_id} if payment.reference_id else {})


def _refund(payment: RefundOfPayment, reference: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "resource_id": payment.payment_intent_id,
        "resource_type": "payment_intent",
        "amount": payment.amount,
        "metadata": {**(payment.metadata or {}), REFERENCE: reference},
    }
    return body | ({"recipient_account": payment.recipient_account} if payment.recipient_account else {})
