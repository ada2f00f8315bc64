"""Links: bank accounts that their holders have connected. One is found by its token, which is told once."""

from dataclasses import dataclass, field
from datetime import datetime

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.filters import filter_by_value
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore, timestamp, timestamp_v1

STATUSES = ("active", "inactive", "login_required")
INSTITUTION = {"id": "cl_banco_de_chile", "name": "Banco de Chile", "country": "cl"}


@dataclass(slots=True, kw_only=True)
class Link:
    """One link, with the accounts behind it."""

    id: str
    token: str
    username: str
    created_at: datetime
    refreshed_at: datetime
    accounts: list[Json] = field(default_factory=list)
    status: str = "active"
    holder_type: str = "individual"
    exchange_token: str = ""

    def to_json(self, store: ModeStore, *, accounts: bool = False, token: bool = False) -> Json:
        """What Fintoc says of it: a list tells neither its accounts nor its token."""
        return {
            "id": self.id,
            "object": "link",
            "mode": store.mode,
            "status": self.status,
            "active": self.status != "inactive",
            "username": self.username,
            "holder_id": self.username,
            "holder_type": self.holder_type,
            "institution": INSTITUTION,
            "link_token": self.token if token else None,
            "accounts": self.accounts if accounts else None,
            "refresh_status": "succeeded",
            "last_time_refreshed": timestamp(self.refreshed_at),
            "created_at": timestamp_v1(self.created_at),
        }


def new_link(store: ModeStore, username: str, *, id_: str = "") -> Link:
    """A holder has connected a bank account through the widget."""
    organisation = store.organisation
    id_ = id_ or organisation.id("link")
    account: Json = {
        "id": organisation.id("acc"),
        "object": "account",
        "type": "checking_account",
        "number": "1530108000",
        "name": "Cuenta Corriente",
        "official_name": "Cuenta Corriente Moneda Local",
        "balance": {"available": 450_000, "current": 450_000, "limit": 450_000},
        "holder_id": username,
        "holder_name": "Jon Snow",
        "currency": "CLP",
        "refreshed_at": timestamp(organisation.now),
    }
    return store.table(Link).add(
        Link(
            id=id_,
            token=organisation.id(f"{id_}_token"),
            username=username,
            created_at=organisation.now,
            refreshed_at=organisation.now,
            accounts=[account],
            exchange_token=organisation.id("exchange"),
        )
    )


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v1/links``"""
    rows = filter_by_value(
        request, request.store.table(Link).newest_first(), "status", STATUSES, lambda row: row.status
    )
    return list_response(request, rows, lambda row: row.to_json(request.store))


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v1/links/{link_token}``"""
    return ApiResponse(_link_with_token(request, request.path["token"]).to_json(request.store, accounts=True))


def change(request: ApiRequest) -> ApiResponse:
    """``PATCH /v1/links/{link_token}``"""
    link, active = _link_with_token(request, request.path["token"]), request.body.get("active")
    if not isinstance(active, bool):
        raise ApiError(400, "invalid_boolean", "active must be true or false", "active")
    link.status = "active" if active else "inactive"
    return ApiResponse(link.to_json(request.store))


def delete(request: ApiRequest) -> ApiResponse:
    """``DELETE /v1/links/{id}``"""
    link = request.store.table(Link).get(request.path["token"])
    request.store.table(Link).remove(link.id)
    return ApiResponse(status=204)


def exchange(request: ApiRequest) -> ApiResponse:
    """``GET /v1/links/exchange``: a token of the widget becomes the link with its own token, once."""
    token = request.query.get("exchange_token")
    if not token:
        raise ApiError(400, "missing_parameter", "Missing required param: exchange_token", "exchange_token")
    link = next((link for link in request.store.table(Link) if link.exchange_token == token), None)
    if link is None:
        raise ApiError(401, "invalid_exchange_token", "Invalid exchange token", "exchange_token")
    link.exchange_token = ""
    return ApiResponse(link.to_json(request.store, accounts=True, token=True))


def accounts(request: ApiRequest) -> ApiResponse:
    """``GET /v1/accounts``: the bank accounts behind a link."""
    return ApiResponse(_requested_link(request).accounts)


def account(request: ApiRequest) -> ApiResponse:
    """``GET /v1/accounts/{id}``"""
    for account_json in _requested_link(request).accounts:
        if account_json["id"] == request.path["id"]:
            return ApiResponse(account_json)
    raise ApiError(404, "missing_resource", "No such account")


def _requested_link(request: ApiRequest) -> Link:
    token = request.query.get("link_token")
    if not token:
        raise ApiError(400, "missing_parameter", "Missing required param: link_token", "link_token")
    return _link_with_token(request, token)


def _link_with_token(request: ApiRequest, token: str) -> Link:
    for link in request.store.table(Link):
        if link.token == token:
            return link
    raise ApiError(404, "missing_resource", "No such link", "link_token")


ROUTES = (
    ApiRoute(method="GET", path="/v1/links", handler=list_all),
    ApiRoute(method="GET", path="/v1/links/exchange", handler=exchange),
    ApiRoute(method="GET", path="/v1/links/{token}", handler=get),
    ApiRoute(method="PATCH", path="/v1/links/{token}", handler=change),
    ApiRoute(method="DELETE", path="/v1/links/{token}", handler=delete),
    ApiRoute(method="GET", path="/v1/accounts", handler=accounts),
    ApiRoute(method="GET", path="/v1/accounts/{id}", handler=account),
)
