"""The organisation as it begins: a company in Mexico and one in Chile, each with an account that somebody has filled.

Their ids are fixed, so that the servers that pay through a bank of another process know the account too.
"""

from datetime import timedelta
from typing import NamedTuple

from rail_fintoc.sandbox.ledger.accounts import Account, Entity
from rail_fintoc.sandbox.ledger.institutions import institution
from rail_fintoc.sandbox.ledger.new_accounts import open_account
from rail_fintoc.sandbox.ledger.organisation import Mode, ModeStore
from rail_fintoc.sandbox.ledger.transfer import Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import TransferLedger


class Company(NamedTuple):
    """A company of the organisation."""

    name: str
    holder_id: str
    country: str
    currency: str


MEXICAN = Company("Empresa Demo SA de CV", "EDE200101AB1", "mx", "MXN")
CHILEAN_INSTITUTIONS = Company("Empresa Demo SpA", "771806538", "cl", "CLP")


def fixed_id(prefix: str, currency: str, mode: Mode = "test") -> str:
    """The id of something that is there from the beginning."""
    return f"{prefix}_{f'0Pretend{mode}{currency}':0<27}"


ACCOUNT, CHILEAN_ACCOUNT = fixed_id("acc", "MXN"), fixed_id("acc", "CLP")


def seed_store(store: ModeStore, account: str = ACCOUNT) -> None:
    """Put in what a mode begins with. ``account``: the id of the Mexican account."""
    for company in (MEXICAN, CHILEAN_INSTITUTIONS):
        currency = company.currency
        entity = Entity(
            id=fixed_id("ent", currency, store.mode),
            mode=store.mode,
            holder_name=company.name,
            holder_id=company.holder_id,
            country_code=company.country,
            is_root=True,
        )
        store.table(Entity).add(entity)
        own = account if currency == "MXN" and store.mode == "test" else fixed_id("acc", currency, store.mode)
        opened = open_account(store, entity, "Cuenta principal", own, fixed_id("acno", currency, store.mode))
        if store.organisation.behaviour.opening_balance:
            _fund(store, opened)


def _fund(store: ModeStore, account: Account) -> None:
    organisation = store.organisation
    simulated_sender = {"holder_id": "ND", "holder_name": "Fondeo inicial", "account_number": "002180000000000006"}
    kind = {"account_type": "clabe", "email": None, "institution": institution("40002")}
    transfer = Transfer(
        id=organisation.id("tr"),
        mode=store.mode,
        number=account.root,
        amount=organisation.behaviour.opening_balance,
        direction="inbound",
        at=organisation.now - timedelta(days=1),
        counterparty=simulated_sender | kind,
    )
    TransferLedger(store).credit_at_once(transfer)
