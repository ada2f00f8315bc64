"""Links: bank accounts that their holders have connected. One is found by its token, which is told once."""

from dataclasses import dataclass, field
from datetime import datetime

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.filters import by_word
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.organisation import Books, Json, stamp, stamp_v1

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

    def told(self, books: Books, *, accounts: bool = False, token: bool = False) -> Json:
        """What Fintoc says of it: a list tells neither its accounts nor its token."""
        return {
            "id": self.id,
            "object": "link",
            "mode": books.mode,
            "status": self.status,
            "active": self.status != "inactive",
            "username": self.username,
            "holder_id": self.username,
            "holder_type": self.holder_type,
            "institution": INSTITUTION,
            "link_token": self.token if token else None,
            "accounts": self.accounts if accounts else None,
            "refresh_status": "succeeded",
            "last_time_refreshed": stamp(self.refreshed_at),
            "created_at": stamp_v1(self.created_at),
        }


def connected(books: Books, username: str, *, id_: str = "") -> Link:
    """A holder has connected a bank account through the widget."""
    world = books.world
    id_ = id_ or world.id("link")
    account: Json = {
        "id": world.id("acc"),
        "object": "account",
        "type": "checking_account",
        "number": "1530108000",
        "name": "Cuenta Corriente",
        "official_name": "Cuenta Corriente Moneda Local",
        "balance": {"available": 450_000, "current": 450_000, "limit": 450_000},
        "holder_id": username,
        "holder_name": "Jon Snow",
        "currency": "CLP",
        "refreshed_at": stamp(world.now),
    }
    return books.shelf(Link).put(
        Link(
            id=id_,
            token=world.id(f"{id_}_token"),
            username=username,
            created_at=world.now,
            refreshed_at=world.now,
            accounts=[account],
            exchange_token=world.id("exchange"),
        )
    )


def every(asked: Asked) -> Reply:
    """``GET /v1/links``"""
    rows = by_word(asked, asked.books.shelf(Link).newest(), "status", STATUSES, lambda row: row.status)
    return listed(asked, rows, lambda row: row.told(asked.books))


def get(asked: Asked) -> Reply:
    """``GET /v1/links/{link_token}``"""
    return Reply(_of_token(asked, asked.path["token"]).told(asked.books, accounts=True))


def change(asked: Asked) -> Reply:
    """``PATCH /v1/links/{link_token}``"""
    link, active = _of_token(asked, asked.path["token"]), asked.body.get("active")
    if not isinstance(active, bool):
        raise Refused(400, "invalid_boolean", "active must be true or false", "active")
    link.status = "active" if active else "inactive"
    return Reply(link.told(asked.books))


def delete(asked: Asked) -> Reply:
    """``DELETE /v1/links/{id}``"""
    link = asked.books.shelf(Link).find(asked.path["token"])
    asked.books.shelf(Link).drop(link.id)
    return Reply(status=204)


def exchange(asked: Asked) -> Reply:
    """``GET /v1/links/exchange``: a token of the widget becomes the link with its own token, once."""
    token = asked.query.get("exchange_token")
    if not token:
        raise Refused(400, "missing_parameter", "Missing required param: exchange_token", "exchange_token")
    link = next((link for link in asked.books.shelf(Link) if link.exchange_token == token), None)
    if link is None:
        raise Refused(401, "invalid_exchange_token", "Invalid exchange token", "exchange_token")
    link.exchange_token = ""
    return Reply(link.told(asked.books, accounts=True, token=True))


def accounts(asked: Asked) -> Reply:
    """``GET /v1/accounts``: the bank accounts behind a link."""
    return Reply(_named(asked).accounts)


def account(asked: Asked) -> Reply:
    """``GET /v1/accounts/{id}``"""
    for found in _named(asked).accounts:
        if found["id"] == asked.path["id"]:
            return Reply(found)
    raise Refused(404, "missing_resource", "No such account")


def _named(asked: Asked) -> Link:
    token = asked.query.get("link_token")
    if not token:
        raise Refused(400, "missing_parameter", "Missing required param: link_token", "link_token")
    return _of_token(asked, token)


def _of_token(asked: Asked, token: str) -> Link:
    for link in asked.books.shelf(Link):
        if link.token == token:
            return link
    raise Refused(404, "missing_resource", "No such link", "link_token")


WAYS = (
    Way(method="GET", path="/v1/links", answer=every),
    Way(method="GET", path="/v1/links/exchange", answer=exchange),
    Way(method="GET", path="/v1/links/{token}", answer=get),
    Way(method="PATCH", path="/v1/links/{token}", answer=change),
    Way(method="DELETE", path="/v1/links/{token}", answer=delete),
    Way(method="GET", path="/v1/accounts", answer=accounts),
    Way(method="GET", path="/v1/accounts/{id}", answer=account),
)
