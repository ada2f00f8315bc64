"""Account numbers: in Mexico as many CLABEs as one has payers, in Chile the one of each account."""

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import parse_time
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.accounts import Account, AccountNumber
from rail_fintoc.sandbox.ledger.new_accounts import open_number
from rail_fintoc.sandbox.routes.accounts import LONGEST_DESCRIPTION

MOST = 1_000_000
"""Numbers of an organisation."""


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v2/account_numbers``"""
    rows, of = request.store.table(AccountNumber).newest_first(), request.query.get("account_id")
    if of is not None:
        rows = [row for row in rows if row.account.id == of]
    since = parse_time("no_transfers_since", request.query.get("no_transfers_since"))
    if since is not None:
        rows = [row for row in rows if row.last_transfer_at is None or row.last_transfer_at < since]
    return list_response(request, rows, lambda row: row.to_json(request.version))


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v2/account_numbers/{id}``"""
    return ApiResponse(_number(request).to_json(request.version))


def create(request: ApiRequest) -> ApiResponse:
    """``POST /v2/account_numbers``, which is answered 200."""
    account_id = request.body.required_text("account_id")
    description = request.body.text("description", longest=LONGEST_DESCRIPTION)
    metadata, options = request.body.metadata(), _options(request)
    account = request.store.table(Account).get(account_id)
    if account.currency != "MXN":
        raise ApiError(422, "not_supported_country", "In Chile an account has one number", "account_id")
    if account.status == "closed":
        raise ApiError(403, "account_not_active", "The account is closed", "account_id")
    if len(request.store.table(AccountNumber)) >= MOST:
        raise ApiError(409, "account_number_limit_reached", "There are too many account numbers")
    number_row = open_number(request.store, account)
    number_row.description, number_row.metadata = description, metadata
    number_row.min_amount, number_row.max_amount = options
    return ApiResponse(number_row.to_json(request.version))


def update(request: ApiRequest) -> ApiResponse:
    """``PATCH /v2/account_numbers/{id}``"""
    row = _number(request)
    if row.status not in {"enabled", "disabled"}:
        raise ApiError(403, "forbidden_account_number", "The account number cannot be changed any more")
    status = request.body.choice("status", ("enabled", "disabled"))
    description = request.body.text("description", longest=LONGEST_DESCRIPTION)
    metadata, options = request.body.metadata(), _options(request)
    row.status = status or row.status
    row.description = description if "description" in request.body else row.description
    row.metadata = metadata if "metadata" in request.body else row.metadata
    if "options" in request.body:
        row.min_amount, row.max_amount = options
    row.updated_at = request.now
    return ApiResponse(row.to_json(request.version))


def delete(request: ApiRequest) -> ApiResponse:
    """``DELETE /v2/account_numbers/{id}``: for good."""
    row = _number(request)
    if row.is_root or row.status == "blocked":
        raise ApiError(403, "forbidden_account_number", "This account number cannot be deleted")
    if row.status != "deleted":
        row.status, row.deleted_at, row.updated_at = "deleted", request.now, request.now
        request.store.emit("account_number.deleted", row.to_json(request.organisation.behaviour.pinned_version))
    return ApiResponse()


def _number(request: ApiRequest) -> AccountNumber:
    return request.store.table(AccountNumber).get(request.path["id"])


def _options(request: ApiRequest) -> tuple[int | None, int | None]:
    options = request.body.object("options")
    least, most = options.integer("min_amount", least=0), options.integer("max_amount", least=0)
    if least is not None and most is not None and least > most:
        raise ApiError(
            400, "invalid_amount", "options.min_amount is more than options.max_amount", "options.min_amount"
        )
    return least, most


ROUTES = (
    ApiRoute(method="GET", path="/v2/account_numbers", handler=list_all),
    ApiRoute(method="POST", path="/v2/account_numbers", handler=create),
    ApiRoute(method="GET", path="/v2/account_numbers/{id}", handler=get),
    ApiRoute(method="PATCH", path="/v2/account_numbers/{id}", handler=update),
    ApiRoute(method="DELETE", path="/v2/account_numbers/{id}", handler=delete),
)
