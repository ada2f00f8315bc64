"""Control routes for tests and trials, which the real Fintoc does not have: they do what payers and banks would do.

A payment is paid or fails, a session is finished, a payout ends, a holder connects a bank account, and a transfer, an
account or an entity enters a status, so that a test need not wait for it.
"""

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.filters import wrong_state
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute
from rail_fintoc.sandbox.ledger.accounts import Account, Entity
from rail_fintoc.sandbox.ledger.checkout_session import CheckoutSession
from rail_fintoc.sandbox.ledger.payment_intent import OPEN_STATUSES, PaymentIntent, change_status
from rail_fintoc.sandbox.ledger.transfer import STATUSES as TRANSFER_STATUSES
from rail_fintoc.sandbox.ledger.transfer import Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import TransferLedger
from rail_fintoc.sandbox.routes.accounts import ACCOUNT_STATUSES, ENTITY_STATUSES
from rail_fintoc.sandbox.routes.checkout_sessions import end_session
from rail_fintoc.sandbox.routes.links import new_link
from rail_fintoc.sandbox.routes.payouts import NEVER_LEFT, Payout, end_payout

STATUSES = ("in_progress", "requires_action", "pending", "succeeded", "failed", "rejected", "expired")


def pay(request: ApiRequest) -> ApiResponse:
    """``POST /_sandbox/payment_intents/{id}``: it enters a state, for an ``error_reason`` where it fails."""
    intent = request.store.table(PaymentIntent).get(request.path["id"])
    status, reason = request.body.choice("status", STATUSES, required=True), request.body.text("error_reason")
    _enter(request, intent, status, reason)
    return ApiResponse(intent.to_json(request.store))


def finish(request: ApiRequest) -> ApiResponse:
    """``POST /_sandbox/checkout_sessions/{id}``: the payer is through, and the payment enters ``status``."""
    session = request.store.table(CheckoutSession).get(request.path["id"])
    status = request.body.choice("status", STATUSES) or "succeeded"
    if session.status not in {"created", "in_progress"}:
        raise wrong_state(f"A checkout session that is {session.status} cannot be finished")
    if session.intent:
        _enter(request, session.intent, status, request.body.text("error_reason"))
    end_session(request.store, session, "finished")
    return ApiResponse(session.to_json(request.store))


def _enter(request: ApiRequest, intent: PaymentIntent, status: str, reason: str | None) -> None:
    if intent.status not in OPEN_STATUSES:
        raise wrong_state(f"A payment intent that is {intent.status} has ended")
    change_status(request.store, intent, status, reason if status in {"failed", "rejected"} else None)


def settle(request: ApiRequest) -> ApiResponse:
    """``POST /_sandbox/payouts/{id}``: it ends."""
    payout = request.store.table(Payout).get(request.path["id"])
    status = request.body.choice("status", ("succeeded", *NEVER_LEFT), required=True)
    if payout.status in NEVER_LEFT or payout.status == status:
        raise wrong_state(f"A payout that is {payout.status} has ended")
    end_payout(request.store, payout, status)
    request.store.emit(f"payout.{status}", payout.to_json(request.store))
    return ApiResponse(payout.to_json(request.store))


def connect(request: ApiRequest) -> ApiResponse:
    """``POST /_sandbox/links``: a holder logs in; the answer has the token that can be exchanged once."""
    link = new_link(request.store, request.body.text("username") or "416148503")
    request.store.emit("link.created", link.to_json(request.store, accounts=True, token=True))
    return ApiResponse({"id": link.id, "exchange_token": link.exchange_token}, 201)


def move(request: ApiRequest) -> ApiResponse:
    """``POST /_sandbox/transfers/{id}``: a transfer ends as it is told."""
    transfer = request.store.table(Transfer).get(request.path["id"])
    status = request.body.choice("status", TRANSFER_STATUSES, required=True)
    if transfer.status not in {"pending", "succeeded"} or transfer.direction != "outbound":
        raise ApiError(409, "invalid_transfer_status", "Only an outbound transfer that has not come back can be moved")
    TransferLedger(request.store).force_status(transfer, status, request.body.text("reason"))
    return ApiResponse(transfer.to_json(request.version))


def hold(request: ApiRequest) -> ApiResponse:
    """``POST /_sandbox/accounts/{id}``: an account is blocked, closed or active again."""
    account = request.store.table(Account).get(request.path["id"])
    account.status = request.body.choice("status", ACCOUNT_STATUSES, required=True)
    return ApiResponse(account.to_json(request.version))


def pause(request: ApiRequest) -> ApiResponse:
    """``POST /_sandbox/entities/{id}``: an entity enters a status."""
    entity = request.store.table(Entity).get(request.path["id"])
    entity.status = request.body.choice("status", ENTITY_STATUSES, required=True)
    return ApiResponse(entity.to_json(request.version))


ROUTES = (
    ApiRoute(method="POST", path="/_sandbox/transfers/{id}", handler=move),
    ApiRoute(method="POST", path="/_sandbox/accounts/{id}", handler=hold),
    ApiRoute(method="POST", path="/_sandbox/entities/{id}", handler=pause),
    ApiRoute(method="POST", path="/_sandbox/payment_intents/{id}", handler=pay),
    ApiRoute(method="POST", path="/_sandbox/checkout_sessions/{id}", handler=finish),
    ApiRoute(method="POST", path="/_sandbox/payouts/{id}", handler=settle),
    ApiRoute(method="POST", path="/_sandbox/links", handler=connect),
)
