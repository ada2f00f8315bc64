"""The addresses of refunds. Refused are: more than was paid, a payee where the payer is known, a late cancel."""

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.filters import filter_by_time, filter_by_value, wrong_state
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.organisation import Json
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent
from rail_fintoc.sandbox.ledger.refund import (
    LAST_OLDER,
    PaymentRefund,
    change_refund_status,
    refundable_amount,
    schedule_payment,
)
from rail_fintoc.sandbox.routes.party_fields import read_account

STATUSES = ("pending", "in_progress", "succeeded", "failed", "canceled")
OLDER_STATUSES = ("pending", "succeeded", "failed", "rejected")
NAMELESS = {"card"}
"""Payments whose payer has no account: a refund of one has none, either."""


def create(request: ApiRequest) -> ApiResponse:
    """``POST /v1/refunds``"""
    body, store = request.body, request.store
    payment_id = body.required_text("resource_id")
    body.choice("resource_type", ("payment_intent",), required=True)
    requested_amount, metadata = body.integer("amount"), body.metadata()
    account = read_account(body, "recipient_account", named=True)
    payment = store.table(PaymentIntent).get(payment_id)
    if payment.status != "succeeded":
        raise wrong_state(f"A payment intent that is {payment.status} cannot be refunded")
    left = refundable_amount(store, payment)
    amount = left if requested_amount is None else requested_amount
    if not 0 < amount <= left:
        raise ApiError(400, "invalid_amount", f"amount must be at most what is left of the payment: {left}", "amount")
    refund = PaymentRefund(
        id=request.organisation.id("re"),
        payment=payment,
        amount=amount,
        recipient_account=recipient_of(payment, account),
        metadata=metadata,
        created_at=request.now,
        updated_at=request.now,
        key=request.key,
    )
    schedule_payment(store, store.table(PaymentRefund).add(refund))
    return ApiResponse(refund.to_json(store, request.version), 201)


def recipient_of(payment: PaymentIntent, account: Json | None) -> Json | None:
    """Where the money goes: the payer's account; whoever asks names one where Fintoc knows none, and only there.

    :raises ApiError: 400.
    """
    unknown = payment.sender_account is None and payment.payment_type not in NAMELESS
    if unknown and account is None:
        raise ApiError(400, "missing_parameter", "Missing required param: recipient_account", "recipient_account")
    if not unknown and account is not None:
        raise ApiError(400, "invalid_params", "The payer's account is known: leave it out", "recipient_account")
    return {"holder_name": "Jon Snow", **payment.sender_account} if payment.sender_account else account


def cancel(request: ApiRequest) -> ApiResponse:
    """``POST /v1/refunds/{id}/cancel``: only while nothing was paid."""
    refund = request.store.table(PaymentRefund).get(request.path["id"])
    if refund.status != "pending":
        raise wrong_state(f"A refund that is {refund.status} cannot be canceled")
    change_refund_status(request.store, refund, "canceled")
    return ApiResponse(refund.to_json(request.store, request.version))


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v1/refunds/{id}``"""
    return ApiResponse(
        request.store.table(PaymentRefund).get(request.path["id"]).to_json(request.store, request.version)
    )


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v1/refunds``: by time and by state."""
    words = OLDER_STATUSES if request.version <= LAST_OLDER else STATUSES
    rows = filter_by_time(request, request.store.table(PaymentRefund).newest_first(), lambda row: row.created_at)
    rows = filter_by_value(request, rows, "status", words, lambda row: row.status_in(request.version))
    return list_response(request, rows, lambda row: row.to_json(request.store, request.version))


ROUTES = (
    ApiRoute(method="GET", path="/v1/refunds", handler=list_all),
    ApiRoute(method="POST", path="/v1/refunds", handler=create, moves_money=True),
    ApiRoute(method="GET", path="/v1/refunds/{id}", handler=get),
    ApiRoute(method="POST", path="/v1/refunds/{id}/cancel", handler=cancel),
)
