"""Transfers: ordered, shown, listed, and received ones given back."""

from datetime import timedelta

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import instant
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.accounts import Account
from rail_fintoc.sandbox.ledger.transfer import STATUSES, Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import Ledger
from rail_fintoc.sandbox.magic import ORDINARY, RETURNS_THAT_FAIL, Fate, fate_of
from rail_fintoc.sandbox.routes.accounts import chosen, operational
from rail_fintoc.sandbox.routes.counterparties import payee

MOST_PESOS = 7_000_000
"""Of one transfer in Chile."""

SAME_PAYEE = ("holder_id", "account_number", "account_type", "institution")
LONGEST_COMMENT, LONGEST_REFERENCE = 40, 7
RETURNABLE = timedelta(days=90)


class Met(set[str]):
    """The requests whose fate befalls the first of them only."""


def create(asked: Asked) -> Reply:
    """``POST /v2/transfers``, checked in the order in which Fintoc is thought to check."""
    body = asked.body
    account_id, amount = body.needed("account_id"), body.whole("amount", required=True) or 0
    said = body.within("counterparty", required=True)
    comment = body.text("comment", longest=LONGEST_COMMENT, code="invalid_comment_size")
    reference, metadata, currency = _reference(asked), body.metadata(), body.currency()
    account = asked.books.shelf(Account).find(account_id)
    if currency != account.currency:
        raise Refused(400, "mismatch_transfer_account_currency", f"The account holds {account.currency}", "currency")
    if currency == "CLP" and amount > MOST_PESOS:
        raise Refused(400, "invalid_amount", "A transfer in CLP is at most 7000000", "amount")
    spending(account)
    transfer = Transfer(
        id=asked.world.id("tr"),
        mode=asked.mode,
        number=account.root,
        amount=amount,
        direction="outbound",
        at=asked.now,
        counterparty=payee(currency, said),
        comment=comment,
        reference_id=reference,
        metadata=metadata,
        key=asked.key,
    )
    if currency == "CLP":
        _no_duplicate(asked, transfer)
    affordable(account, amount)
    return _befallen(asked, transfer)


def _befallen(asked: Asked, transfer: Transfer) -> Reply:
    """Book an order that is in order, unless its fate is another; and answer it as its fate wants."""
    fate = _fate(asked, transfer)
    error = Reply(Refused(fate.error, fate.code, fate.message).told(), fate.error) if fate.error else None
    if fate.lost or fate.late:
        return Reply(
            error.body if error else None,
            error.status if error else 502,
            answer=fate.answer,
            forgotten=True,
            late=fate.late,
        )
    if error and not fate.money:
        return error
    transfer.fate, ledger = fate, Ledger(asked.books)
    transfer.amount += fate.adds
    told = ledger.order(transfer).told(asked.version)
    ledger.send(transfer)
    return error or Reply(told, 201, answer=fate.answer, told_first=fate.telling == "before the answer")


def _fate(asked: Asked, transfer: Transfer) -> Fate:
    fate, met = fate_of(transfer.currency, str(transfer.counterparty["account_number"])), asked.books.the(Met)
    if fate.once and asked.key in met:
        return ORDINARY
    met.add(asked.key)
    return fate


def _reference(asked: Asked) -> str | None:
    reference = asked.body.text("reference_id", longest=LONGEST_REFERENCE, code="invalid_reference_id_size")
    if reference and not (reference.isascii() and reference.isdigit() and reference[0] != "0"):
        raise Refused(400, "invalid_params", "reference_id must be digits, the first not 0", "reference_id")
    return reference or None


def spending(account: Account) -> None:
    """Refuse to debit an account that cannot be debited.

    :raises Refused: with the code of why not.
    """
    if account.status == "blocked":
        raise Refused(422, "sender_blocked_account", "The account is blocked", "account_id")
    if account.status != "active":
        raise Refused(403, "account_not_active", "The account is not active", "account_id")
    operational(account.entity)


def affordable(account: Account, amount: int) -> None:
    """Refuse what the account does not hold.

    :raises Refused: 409 ``insufficient_balance``.
    """
    if amount > account.balance:
        raise Refused(409, "insufficient_balance", "The account does not hold enough")


def _no_duplicate(asked: Asked, transfer: Transfer) -> None:
    """Chile refuses the same amount, payee and comment twice on a day; what has failed may be tried again."""
    for other in asked.books.shelf(Transfer).newest():
        if transfer.at - other.at > timedelta(days=1):
            break
        if (
            other.direction == "outbound"
            and other.status not in {"failed", "rejected", "returned"}
            and (other.account, other.day) == (transfer.account, transfer.day)
            and (other.amount - other.fate.adds, other.comment) == (transfer.amount, transfer.comment)
            and all(other.counterparty[name] == transfer.counterparty[name] for name in SAME_PAYEE)
        ):
            raise Refused(409, "invalid_duplicated_transfer", "The same transfer was made today")


def transfer_of(asked: Asked) -> Reply:
    """``GET /v2/transfers/{id}``"""
    return Reply(asked.books.shelf(Transfer).find(asked.path["id"]).told(asked.version))


def transfers(asked: Asked) -> Reply:
    """``GET /v2/transfers``; a batch is something that nobody has made here."""
    account, number, batch = (
        asked.query.get("account_id"),
        asked.query.get("account_number_id"),
        asked.query.get("transfer_batch_id"),
    )
    directions = chosen(asked, "direction", ("inbound", "outbound"))
    statuses = chosen(asked, "status", STATUSES)
    since, until = instant("since", asked.query.get("since")), instant("until", asked.query.get("until"), last=True)
    seen = asked.now - timedelta(seconds=asked.world.behaviour.lookup_lag_seconds)
    rows = [
        row
        for row in asked.books.shelf(Transfer).newest()
        if row.fate.listed
        and row.at <= seen
        and account in {None, row.account.id}
        and number in {None, row.number.id}
        and batch is None
        and (not directions or row.direction == directions[-1])
        and (not statuses or row.status in statuses)
        and (since is None or row.at.replace(microsecond=0) >= since)
        and (until is None or row.at.replace(microsecond=0) <= until)
    ]
    return listed(asked, rows, lambda row: row.told(asked.version))


def give_back(asked: Asked) -> Reply:
    """``POST /v2/transfers/return``: an inbound one, in Mexico, within 90 days."""
    transfer = asked.books.shelf(Transfer).find(asked.body.needed("transfer_id"))
    if transfer.direction != "inbound":
        raise Refused(409, "invalid_transfer_direction", "Only inbound transfers can be returned", "transfer_id")
    if transfer.currency != "MXN":
        raise Refused(422, "not_supported_currency", "Only transfers in MXN can be returned", "transfer_id")
    if transfer.status != "succeeded" or asked.now - transfer.at > RETURNABLE:
        raise Refused(409, "invalid_transfer_status", "The transfer cannot be returned", "transfer_id")
    spending(transfer.account)
    affordable(transfer.account, transfer.amount)
    Ledger(asked.books).give_back(transfer, asked.key, fails=transfer.amount in RETURNS_THAT_FAIL)
    return Reply(transfer.told(asked.version))


WAYS = (
    Way(method="GET", path="/v2/transfers", answer=transfers),
    Way(method="POST", path="/v2/transfers", answer=create, signed=True, moves_money=True, paced=True),
    Way(method="POST", path="/v2/transfers/return", answer=give_back, signed=True, moves_money=True, paced=True),
    Way(method="GET", path="/v2/transfers/{id}", answer=transfer_of),
)
