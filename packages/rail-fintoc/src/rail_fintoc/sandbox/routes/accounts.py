"""Entities and accounts, what moved on an account, its statements, and who is asking."""

from itertools import groupby

from rail_fintoc.sandbox.errors import ApiError, missing_resource
from rail_fintoc.sandbox.http.pages import page_v2
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.accounts import Account, Entity, Movement
from rail_fintoc.sandbox.ledger.new_accounts import open_account
from rail_fintoc.sandbox.ledger.organisation import Json, timestamp

ENTITY_STATUSES = (
    "draft",
    "under_review",
    "pending_signature",
    "canceled",
    "waiting_initialization",
    "operational",
    "rejected",
    "paused",
)
ACCOUNT_STATUSES = ("active", "blocked", "closed")
LONGEST_DESCRIPTION = 40


def entities(request: ApiRequest) -> ApiResponse:
    """``GET /v2/entities``"""
    rows, holder = request.store.table(Entity).newest_first(), request.query.get("holder_id")
    if holder is not None:
        rows = [row for row in rows if _plain(row.holder_id) == _plain(holder)]
    if statuses := choices(request, "status", ENTITY_STATUSES):
        rows = [row for row in rows if row.status in statuses]
    if roots := choices(request, "is_root", ("true", "false")):
        rows = [row for row in rows if row.is_root == (roots[-1] == "true")]
    return list_response(request, rows, lambda row: row.to_json(request.version))


def entity(request: ApiRequest) -> ApiResponse:
    """``GET /v2/entities/{id}``"""
    return ApiResponse(request.store.table(Entity).get(request.path["id"]).to_json(request.version))


def accounts(request: ApiRequest) -> ApiResponse:
    """``GET /v2/accounts``: without an entity, those of the root ones."""
    rows, of = request.store.table(Account).newest_first(), request.query.get("entity_id")
    rows = [row for row in rows if row.entity.id == of or (of is None and row.entity.is_root)]
    if statuses := choices(request, "status", ACCOUNT_STATUSES):
        rows = [row for row in rows if row.status in statuses]
    return list_response(request, rows, lambda row: row.to_json(request.version))


def account(request: ApiRequest) -> ApiResponse:
    """``GET /v2/accounts/{id}``"""
    return ApiResponse(_account(request).to_json(request.version))


def create(request: ApiRequest) -> ApiResponse:
    """``POST /v2/accounts``: a new one is empty."""
    entity_id = request.body.required_text("entity_id")
    description = request.body.text("description", longest=LONGEST_DESCRIPTION)
    holder = request.store.table(Entity).get(entity_id)
    require_operational(holder)
    return ApiResponse(open_account(request.store, holder, description).to_json(request.version), 201)


def update(request: ApiRequest) -> ApiResponse:
    """``PATCH /v2/accounts/{id}``"""
    row = _account(request)
    row.description = request.body.text("description", longest=LONGEST_DESCRIPTION)
    return ApiResponse(row.to_json(request.version))


def movements(request: ApiRequest) -> ApiResponse:
    """``GET /v2/accounts/{id}/movements``"""
    row = _account(request)
    return list_response(request, row.movements[::-1], lambda one: one.to_json(row.mode, row.currency))


def movement(request: ApiRequest) -> ApiResponse:
    """``GET /v2/accounts/{id}/movements/{movement}``"""
    row, id_ = _account(request), request.path["movement"]
    for one in row.movements:
        if one.id == id_:
            return ApiResponse(one.to_json(row.mode, row.currency))
    raise missing_resource("movement", id_)


def statements(request: ApiRequest) -> ApiResponse:
    """``GET /v2/accounts/{id}/account_statements``: one for each month in which something moved, newest first."""
    row = _account(request)
    months = [list(rows) for _, rows in groupby(row.movements, lambda one: (one.at.year, one.at.month))]
    some, headers = page_v2(request.query, request.url, [rows[0] for rows in reversed(months)])
    by_first = {rows[0].id: rows for rows in months}
    return ApiResponse([_statement(by_first[first.id]) for first in some], headers=headers)


def whoami(request: ApiRequest) -> ApiResponse:
    """``GET /v1/whoami``: whose key it is [the fields are not documented]."""
    return ApiResponse(
        {"object": "organization", "name": "Organización Demo", "mode": request.mode, "api_version": request.version}
    )


def require_operational(holder: Entity) -> None:
    """Refuse what only an operational entity can do.

    :raises ApiError: 403 ``entity_not_operational``.
    """
    if holder.status != "operational":
        raise ApiError(403, "entity_not_operational", "The entity is not operational")


def choices(request: ApiRequest, name: str, words: tuple[str, ...]) -> list[str]:
    """The values of a filter that takes some words only.

    :raises ApiError: 400 ``invalid_enum``.
    """
    values = request.query.get_all(name)
    if unknown := set(values) - set(words):
        raise ApiError(400, "invalid_enum", f"{name} cannot be {min(unknown)[:40]}", name)
    return values


def _account(request: ApiRequest) -> Account:
    return request.store.table(Account).get(request.path["id"])


def _plain(holder_id: str) -> str:
    return "".join(letter for letter in holder_id if letter not in ".- ").lstrip("0").upper()


def _statement(rows: list[Movement]) -> Json:
    out = sum(row.amount for row in rows if row.direction == "outbound")
    come = sum(row.amount for row in rows if row.direction == "inbound")
    return {
        "id": f"acst_{rows[0].id.removeprefix('mov_')}",
        "object": "account_statement",
        "start_date": f"{rows[0].at:%Y-%m-01}",
        "end_date": f"{rows[-1].at:%Y-%m-%d}",
        "total_debited_cents": out,
        "total_credited_cents": come,
        "initial_balance_cents": rows[0].balance - rows[0].signed,
        "final_balance_cents": rows[-1].balance,
        "download_url": None,
        "created_at": timestamp(rows[-1].at),
    }


OF_ONE = "/v2/accounts/{id}"
ROUTES = (
    ApiRoute(method="GET", path="/v2/entities", handler=entities),
    ApiRoute(method="GET", path="/v2/entities/{id}", handler=entity),
    ApiRoute(method="GET", path="/v2/accounts", handler=accounts),
    ApiRoute(method="POST", path="/v2/accounts", handler=create),
    ApiRoute(method="GET", path=OF_ONE, handler=account),
    ApiRoute(method="PATCH", path=OF_ONE, handler=update),
    ApiRoute(method="GET", path=f"{OF_ONE}/movements", handler=movements),
    ApiRoute(method="GET", path=f"{OF_ONE}/movements/{{movement}}", handler=movement),
    ApiRoute(method="GET", path=f"{OF_ONE}/account_statements", handler=statements),
    ApiRoute(method="GET", path=f"{OF_ONE}/statements", handler=statements),
    ApiRoute(method="GET", path="/v1/whoami", handler=whoami),
)
