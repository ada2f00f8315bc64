"""Entities and accounts, what moved on an account, its statements, and who is asking."""

from itertools import groupby

from rail_fintoc.sandbox.errors import Refused, missing
from rail_fintoc.sandbox.http.pages import page_v2
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.accounts import Account, Entity, Movement
from rail_fintoc.sandbox.ledger.new_accounts import open_account
from rail_fintoc.sandbox.ledger.organisation import Json, stamp

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


def entities(asked: Asked) -> Reply:
    """``GET /v2/entities``"""
    rows, holder = asked.books.shelf(Entity).newest(), asked.query.get("holder_id")
    if holder is not None:
        rows = [row for row in rows if _plain(row.holder_id) == _plain(holder)]
    if statuses := chosen(asked, "status", ENTITY_STATUSES):
        rows = [row for row in rows if row.status in statuses]
    if roots := chosen(asked, "is_root", ("true", "false")):
        rows = [row for row in rows if row.is_root == (roots[-1] == "true")]
    return listed(asked, rows, lambda row: row.told(asked.version))


def entity(asked: Asked) -> Reply:
    """``GET /v2/entities/{id}``"""
    return Reply(asked.books.shelf(Entity).find(asked.path["id"]).told(asked.version))


def accounts(asked: Asked) -> Reply:
    """``GET /v2/accounts``: without an entity, those of the root ones."""
    rows, of = asked.books.shelf(Account).newest(), asked.query.get("entity_id")
    rows = [row for row in rows if row.entity.id == of or (of is None and row.entity.is_root)]
    if statuses := chosen(asked, "status", ACCOUNT_STATUSES):
        rows = [row for row in rows if row.status in statuses]
    return listed(asked, rows, lambda row: row.told(asked.version))


def account(asked: Asked) -> Reply:
    """``GET /v2/accounts/{id}``"""
    return Reply(_account(asked).told(asked.version))


def open_one(asked: Asked) -> Reply:
    """``POST /v2/accounts``: a new one is empty."""
    entity_id = asked.body.needed("entity_id")
    description = asked.body.text("description", longest=LONGEST_DESCRIPTION)
    holder = asked.books.shelf(Entity).find(entity_id)
    operational(holder)
    return Reply(open_account(asked.books, holder, description).told(asked.version), 201)


def describe(asked: Asked) -> Reply:
    """``PATCH /v2/accounts/{id}``"""
    row = _account(asked)
    row.description = asked.body.text("description", longest=LONGEST_DESCRIPTION)
    return Reply(row.told(asked.version))


def movements(asked: Asked) -> Reply:
    """``GET /v2/accounts/{id}/movements``"""
    row = _account(asked)
    return listed(asked, row.movements[::-1], lambda one: one.told(row.mode, row.currency))


def movement(asked: Asked) -> Reply:
    """``GET /v2/accounts/{id}/movements/{movement}``"""
    row, id_ = _account(asked), asked.path["movement"]
    for one in row.movements:
        if one.id == id_:
            return Reply(one.told(row.mode, row.currency))
    raise missing("movement", id_)


def statements(asked: Asked) -> Reply:
    """``GET /v2/accounts/{id}/account_statements``: one for each month in which something moved, newest first."""
    row = _account(asked)
    months = [list(rows) for _, rows in groupby(row.movements, lambda one: (one.at.year, one.at.month))]
    some, headers = page_v2(asked.query, asked.url, [rows[0] for rows in reversed(months)])
    by_first = {rows[0].id: rows for rows in months}
    return Reply([_statement(by_first[first.id]) for first in some], headers=headers)


def whoami(asked: Asked) -> Reply:
    """``GET /v1/whoami``: whose key it is [the fields are not documented]."""
    return Reply(
        {"object": "organization", "name": "Organización Demo", "mode": asked.mode, "api_version": asked.version}
    )


def operational(holder: Entity) -> None:
    """Refuse what only an operational entity can do.

    :raises Refused: 403 ``entity_not_operational``.
    """
    if holder.status != "operational":
        raise Refused(403, "entity_not_operational", "The entity is not operational")


def chosen(asked: Asked, name: str, words: tuple[str, ...]) -> list[str]:
    """The values of a filter that takes some words only.

    :raises Refused: 400 ``invalid_enum``.
    """
    values = asked.query.get_all(name)
    if unknown := set(values) - set(words):
        raise Refused(400, "invalid_enum", f"{name} cannot be {min(unknown)[:40]}", name)
    return values


def _account(asked: Asked) -> Account:
    return asked.books.shelf(Account).find(asked.path["id"])


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
        "created_at": stamp(rows[-1].at),
    }


OF_ONE = "/v2/accounts/{id}"
WAYS = (
    Way(method="GET", path="/v2/entities", answer=entities),
    Way(method="GET", path="/v2/entities/{id}", answer=entity),
    Way(method="GET", path="/v2/accounts", answer=accounts),
    Way(method="POST", path="/v2/accounts", answer=open_one),
    Way(method="GET", path=OF_ONE, answer=account),
    Way(method="PATCH", path=OF_ONE, answer=describe),
    Way(method="GET", path=f"{OF_ONE}/movements", answer=movements),
    Way(method="GET", path=f"{OF_ONE}/movements/{{movement}}", answer=movement),
    Way(method="GET", path=f"{OF_ONE}/account_statements", answer=statements),
    Way(method="GET", path=f"{OF_ONE}/statements", answer=statements),
    Way(method="GET", path="/v1/whoami", answer=whoami),
)
