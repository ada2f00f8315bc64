"""Transfers: create, read and list them, and return received ones."""

from datetime import timedelta

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import parse_time
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.accounts import Account
from rail_fintoc.sandbox.ledger.transfer import STATUSES, Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import TransferLedger
from rail_fintoc.sandbox.magic import ORDINARY, RETURNS_THAT_FAIL, TransferScenario, scenario_of
from rail_fintoc.sandbox.routes.accounts import choices, require_operational
from rail_fintoc.sandbox.routes.counterparties import read_payee

MOST_PESOS = 7_000_000
"""Of one transfer in Chile."""

SAME_PAYEE = ("holder_id", "account_number", "account_type", "institution")
LONGEST_COMMENT, LONGEST_REFERENCE = 40, 7
RETURNABLE = timedelta(days=90)


class SeenKeys(set[str]):
    """Idempotency keys of scenarios that apply to the first request only."""


def create(request: ApiRequest) -> ApiResponse:
    """``POST /v2/transfers``, checked in the order in which Fintoc is thought to check."""
    body = request.body
    account_id, amount = body.required_text("account_id"), body.integer("amount", required=True) or 0
    counterparty = body.object("counterparty", required=True)
    comment = body.text("comment", longest=LONGEST_COMMENT, code="invalid_comment_size")
    reference, metadata, currency = _reference(request), body.metadata(), body.currency()
    account = request.store.table(Account).get(account_id)
    if currency != account.currency:
        raise ApiError(400, "mismatch_transfer_account_currency", f"The account holds {account.currency}", "currency")
    if currency == "CLP" and amount > MOST_PESOS:
        raise ApiError(400, "invalid_amount", "A transfer in CLP is at most 7000000", "amount")
    require_debitable(account)
    transfer = Transfer(
        id=request.organisation.id("tr"),
        mode=request.mode,
        number=account.root,
        amount=amount,
        direction="outbound",
        at=request.now,
        counterparty=read_payee(currency, counterparty),
        comment=comment,
        reference_id=reference,
        metadata=metadata,
        key=request.key,
    )
    if currency == "CLP":
        _no_duplicate(request, transfer)
    require_funds(account, amount)
    return _book(request, transfer)


def _book(request: ApiRequest, transfer: Transfer) -> ApiResponse:
    """Book a valid order and answer it, both as its scenario says."""
    scenario = _scenario(request, transfer)
    error = (
        ApiResponse(ApiError(scenario.error, scenario.code, scenario.message).to_json(), scenario.error)
        if scenario.error
        else None
    )
    if scenario.lost or scenario.arrives_later:
        return ApiResponse(
            error.body if error else None,
            error.status if error else 502,
            delivery=scenario.delivery,
            not_stored=True,
            arrives_later=scenario.arrives_later,
        )
    if error and not scenario.moves_money:
        return error
    transfer.scenario, ledger = scenario, TransferLedger(request.store)
    transfer.amount += scenario.extra_amount
    transfer_json = ledger.create_outbound(transfer).to_json(request.version)
    ledger.start(transfer)
    return error or ApiResponse(
        transfer_json, 201, delivery=scenario.delivery, webhooks_first=scenario.webhook_order == "before the answer"
    )


def _scenario(request: ApiRequest, transfer: Transfer) -> TransferScenario:
    scenario, seen_keys = (
        scenario_of(transfer.currency, str(transfer.counterparty["account_number"])),
        request.store.single(SeenKeys),
    )
    if scenario.first_request_only and request.key in seen_keys:
        return ORDINARY
    seen_keys.add(request.key)
    return scenario


def _reference(request: ApiRequest) -> str | None:
    reference = request.body.text("reference_id", longest=LONGEST_REFERENCE, code="invalid_reference_id_size")
    if reference and not (reference.isascii() and reference.isdigit() and reference[0] != "0"):
        raise ApiError(400, "invalid_params", "reference_id must be digits, the first not 0", "reference_id")
    return reference or None


def require_debitable(account: Account) -> None:
    """Refuse to debit an account that cannot be debited.

    :raises ApiError: with the code of why not.
    """
    if account.status == "blocked":
        raise ApiError(422, "sender_blocked_account", "The account is blocked", "account_id")
    if account.status != "active":
        raise ApiError(403, "account_not_active", "The account is not active", "account_id")
    require_operational(account.entity)


def require_funds(account: Account, amount: int) -> None:
    """Refuse what the account does not hold.

    :raises ApiError: 409 ``insufficient_balance``.
    """
    if amount > account.balance:
        raise ApiError(409, "insufficient_balance", "The account does not hold enough")


def _no_duplicate(request: ApiRequest, transfer: Transfer) -> None:
    """Chile refuses the same amount, payee and comment twice on a day; what has failed may be tried again."""
    for other in request.store.table(Transfer).newest_first():
        if transfer.at - other.at > timedelta(days=1):
            break
        if (
            other.direction == "outbound"
            and other.status not in {"failed", "rejected", "returned"}
            and (other.account, other.day) == (transfer.account, transfer.day)
            and (other.amount - other.scenario.extra_amount, other.comment) == (transfer.amount, transfer.comment)
            and all(other.counterparty[name] == transfer.counterparty[name] for name in SAME_PAYEE)
        ):
            raise ApiError(409, "invalid_duplicated_transfer", "The same transfer was made today")


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v2/transfers/{id}``"""
    return ApiResponse(request.store.table(Transfer).get(request.path["id"]).to_json(request.version))


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v2/transfers``; a batch is something that nobody has made here."""
    account, number, batch = (
        request.query.get("account_id"),
        request.query.get("account_number_id"),
        request.query.get("transfer_batch_id"),
    )
    directions = choices(request, "direction", ("inbound", "outbound"))
    statuses = choices(request, "status", STATUSES)
    since, until = (
        parse_time("since", request.query.get("since")),
        parse_time("until", request.query.get("until"), last=True),
    )
    seen = request.now - timedelta(seconds=request.organisation.behaviour.lookup_lag_seconds)
    rows = [
        row
        for row in request.store.table(Transfer).newest_first()
        if row.scenario.listed
        and row.at <= seen
        and account in {None, row.account.id}
        and number in {None, row.number.id}
        and batch is None
        and (not directions or row.direction == directions[-1])
        and (not statuses or row.status in statuses)
        and (since is None or row.at.replace(microsecond=0) >= since)
        and (until is None or row.at.replace(microsecond=0) <= until)
    ]
    return list_response(request, rows, lambda row: row.to_json(request.version))


def return_inbound(request: ApiRequest) -> ApiResponse:
    """``POST /v2/transfers/return``: an inbound one, in Mexico, within 90 days."""
    transfer = request.store.table(Transfer).get(request.body.required_text("transfer_id"))
    if transfer.direction != "inbound":
        raise ApiError(409, "invalid_transfer_direction", "Only inbound transfers can be returned", "transfer_id")
    if transfer.currency != "MXN":
        raise ApiError(422, "not_supported_currency", "Only transfers in MXN can be returned", "transfer_id")
    if transfer.status != "succeeded" or request.now - transfer.at > RETURNABLE:
        raise ApiError(409, "invalid_transfer_status", "The transfer cannot be returned", "transfer_id")
    require_debitable(transfer.account)
    require_funds(transfer.account, transfer.amount)
    TransferLedger(request.store).return_inbound(transfer, request.key, fails=transfer.amount in RETURNS_THAT_FAIL)
    return ApiResponse(transfer.to_json(request.version))


ROUTES = (
    ApiRoute(method="GET", path="/v2/transfers", handler=list_all),
    ApiRoute(method="POST", path="/v2/transfers", handler=create, signed=True, moves_money=True, transfer_limited=True),
    ApiRoute(
        method="POST",
        path="/v2/transfers/return",
        handler=return_inbound,
        signed=True,
        moves_money=True,
        transfer_limited=True,
    ),
    ApiRoute(method="GET", path="/v2/transfers/{id}", handler=get),
)
