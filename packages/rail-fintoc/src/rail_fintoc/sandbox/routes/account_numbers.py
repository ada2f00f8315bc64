"""Account numbers: in Mexico as many CLABEs as one has payers, in Chile the one of each account."""

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import instant
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.accounts import Account, AccountNumber
from rail_fintoc.sandbox.ledger.new_accounts import open_number
from rail_fintoc.sandbox.routes.accounts import LONGEST_DESCRIPTION

MOST = 1_000_000
"""Numbers of an organisation."""


def numbers(asked: Asked) -> Reply:
    """``GET /v2/account_numbers``"""
    rows, of = asked.books.shelf(AccountNumber).newest(), asked.query.get("account_id")
    if of is not None:
        rows = [row for row in rows if row.account.id == of]
    since = instant("no_transfers_since", asked.query.get("no_transfers_since"))
    if since is not None:
        rows = [row for row in rows if row.last_transfer_at is None or row.last_transfer_at < since]
    return listed(asked, rows, lambda row: row.told(asked.version))


def number(asked: Asked) -> Reply:
    """``GET /v2/account_numbers/{id}``"""
    return Reply(_number(asked).told(asked.version))


def create(asked: Asked) -> Reply:
    """``POST /v2/account_numbers``, which is answered 200."""
    account_id = asked.body.needed("account_id")
    description = asked.body.text("description", longest=LONGEST_DESCRIPTION)
    metadata, options = asked.body.metadata(), _options(asked)
    account = asked.books.shelf(Account).find(account_id)
    if account.currency != "MXN":
        raise Refused(422, "not_supported_country", "In Chile an account has one number", "account_id")
    if account.status == "closed":
        raise Refused(403, "account_not_active", "The account is closed", "account_id")
    if len(asked.books.shelf(AccountNumber)) >= MOST:
        raise Refused(409, "account_number_limit_reached", "There are too many account numbers")
    made = open_number(asked.books, account)
    made.description, made.metadata = description, metadata
    made.min_amount, made.max_amount = options
    return Reply(made.told(asked.version))


def update(asked: Asked) -> Reply:
    """``PATCH /v2/account_numbers/{id}``"""
    row = _number(asked)
    if row.status not in {"enabled", "disabled"}:
        raise Refused(403, "forbidden_account_number", "The account number cannot be changed any more")
    status = asked.body.one_of("status", ("enabled", "disabled"))
    description = asked.body.text("description", longest=LONGEST_DESCRIPTION)
    metadata, options = asked.body.metadata(), _options(asked)
    row.status = status or row.status
    row.description = description if "description" in asked.body else row.description
    row.metadata = metadata if "metadata" in asked.body else row.metadata
    if "options" in asked.body:
        row.min_amount, row.max_amount = options
    row.updated_at = asked.now
    return Reply(row.told(asked.version))


def delete(asked: Asked) -> Reply:
    """``DELETE /v2/account_numbers/{id}``: for good."""
    row = _number(asked)
    if row.is_root or row.status == "blocked":
        raise Refused(403, "forbidden_account_number", "This account number cannot be deleted")
    if row.status != "deleted":
        row.status, row.deleted_at, row.updated_at = "deleted", asked.now, asked.now
        asked.books.tell("account_number.deleted", row.told(asked.world.behaviour.pinned_version))
    return Reply()


def _number(asked: Asked) -> AccountNumber:
    return asked.books.shelf(AccountNumber).find(asked.path["id"])


def _options(asked: Asked) -> tuple[int | None, int | None]:
    options = asked.body.within("options")
    least, most = options.whole("min_amount", least=0), options.whole("max_amount", least=0)
    if least is not None and most is not None and least > most:
        raise Refused(400, "invalid_amount", "options.min_amount is more than options.max_amount", "options.min_amount")
    return least, most


WAYS = (
    Way(method="GET", path="/v2/account_numbers", answer=numbers),
    Way(method="POST", path="/v2/account_numbers", answer=create),
    Way(method="GET", path="/v2/account_numbers/{id}", answer=number),
    Way(method="PATCH", path="/v2/account_numbers/{id}", answer=update),
    Way(method="DELETE", path="/v2/account_numbers/{id}", answer=delete),
)
