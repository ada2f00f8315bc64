"""The organisation as it begins: a company in Mexico and one in Chile, each with an account that somebody has filled.

Their ids are fixed, so that the servers that pay through a bank of another process know the account too.
"""

from datetime import timedelta
from typing import NamedTuple

from rail_fintoc.sandbox.ledger.accounts import Account, Entity
from rail_fintoc.sandbox.ledger.institutions import institution
from rail_fintoc.sandbox.ledger.new_accounts import open_account
from rail_fintoc.sandbox.ledger.organisation import Books, Mode
from rail_fintoc.sandbox.ledger.transfer import Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import Ledger


class Company(NamedTuple):
    """A company of the organisation."""

    name: str
    holder_id: str
    country: str
    currency: str


MEXICAN = Company("Empresa Demo SA de CV", "EDE200101AB1", "mx", "MXN")
CHILEAN = Company("Empresa Demo SpA", "771806538", "cl", "CLP")


def fixed(prefix: str, currency: str, mode: Mode = "test") -> str:
    """The id of something that is there from the beginning."""
    return f"{prefix}_{f'0Pretend{mode}{currency}':0<27}"


ACCOUNT, CHILEAN_ACCOUNT = fixed("acc", "MXN"), fixed("acc", "CLP")


def open_books(books: Books, account: str = ACCOUNT) -> None:
    """Put in what a mode begins with. ``account``: the id of the Mexican account."""
    for company in (MEXICAN, CHILEAN):
        currency = company.currency
        entity = Entity(
            id=fixed("ent", currency, books.mode),
            mode=books.mode,
            holder_name=company.name,
            holder_id=company.holder_id,
            country_code=company.country,
            is_root=True,
        )
        books.shelf(Entity).put(entity)
        own = account if currency == "MXN" and books.mode == "test" else fixed("acc", currency, books.mode)
        opened = open_account(books, entity, "Cuenta principal", own, fixed("acno", currency, books.mode))
        if books.world.behaviour.opening:
            _fill(books, opened)


def _fill(books: Books, account: Account) -> None:
    world = books.world
    somebody = {"holder_id": "ND", "holder_name": "Fondeo inicial", "account_number": "002180000000000006"}
    kind = {"account_type": "clabe", "email": None, "institution": institution("40002")}
    transfer = Transfer(
        id=world.id("tr"),
        mode=books.mode,
        number=account.root,
        amount=world.behaviour.opening,
        direction="inbound",
        at=world.now - timedelta(days=1),
        counterparty=somebody | kind,
    )
    Ledger(books).arrived(transfer)
