"""Fintoc's own way of letting money arrive in test mode: ``/v2/simulate``."""

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute
from rail_fintoc.sandbox.ledger.accounts import AccountNumber
from rail_fintoc.sandbox.ledger.transfer import Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import TransferLedger
from rail_fintoc.sandbox.routes.counterparties import simulated_sender
from rail_fintoc.sandbox.routes.transfers import LONGEST_COMMENT, LONGEST_REFERENCE

SENDER = ("holder_id", "holder_name", "account_number", "account_type", "institution_id")


def receive(request: ApiRequest) -> ApiResponse:
    """``POST /v2/simulate/receive_transfer``: the sender's fields come as ``counterparty_…`` or in an object."""
    body = request.body
    amount, currency = body.integer("amount", required=True) or 0, body.currency()
    return _create(request, body.required_text("account_number_id"), amount, currency)


def receive_v1(request: ApiRequest) -> ApiResponse:
    """``POST /v1/simulate/receive-transfer``: the same in older words."""
    body = request.body
    amount, currency = body.integer("amount", required=True) or 0, body.currency("currency_code")
    return _create(request, body.required_text("destination_account_number_id"), amount, currency)


def _create(request: ApiRequest, number_id: str, amount: int, currency: str) -> ApiResponse:
    body, organisation = request.body, request.organisation
    comment = body.text("comment", longest=LONGEST_COMMENT, code="invalid_comment_size")
    reference = body.text("reference_id", longest=LONGEST_REFERENCE, code="invalid_reference_id_size")
    number = request.store.table(AccountNumber).get(number_id)
    if number.account.currency != currency:
        raise ApiError(400, "mismatch_transfer_account_currency", f"The account holds {number.account.currency}")
    transfer = Transfer(
        id=organisation.id("tr"),
        mode=request.mode,
        number=number,
        amount=amount,
        direction="inbound",
        at=request.now,
        counterparty=simulated_sender(currency, _sender(body), organisation.randomness),
        comment=comment,
        reference_id=reference or str(len(request.store.table(Transfer)) + 1),
    )
    transfer_json = TransferLedger(request.store).create_inbound(transfer).to_json(request.version)
    return ApiResponse(transfer_json | {"status": "pending", "receipt_url": None}, 201)


def _sender(body: Body) -> Body:
    nested = body.object("counterparty")
    flat = {name: body[f"counterparty_{name}"] for name in SENDER if f"counterparty_{name}" in body}
    return Body({**nested, **flat}, "counterparty")


ROUTES = (
    ApiRoute(method="POST", path="/v2/simulate/receive_transfer", handler=receive),
    ApiRoute(method="POST", path="/v2/simulate/receive-transfer", handler=receive),
    ApiRoute(method="POST", path="/v1/simulate/receive-transfer", handler=receive_v1),
)
