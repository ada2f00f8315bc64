"""Accounts and the numbers that lead to them, as they are opened."""

from rail_fintoc.sandbox.ledger.accounts import Account, AccountNumber, Entity
from rail_fintoc.sandbox.ledger.organisation import ModeStore
from rail_fintoc.sandbox.magic import check_digit

CURRENCIES = {"mx": "MXN", "cl": "CLP"}


def open_account(store: ModeStore, entity: Entity, description: str | None, id_: str = "", number: str = "") -> Account:
    """Open an account of an entity, with its own number, and with nothing on it."""
    account = Account(
        id=id_ or store.organisation.id("acc"),
        mode=store.mode,
        entity=entity,
        currency=CURRENCIES[entity.country_code],
        description=description,
        is_root=not any(other.entity is entity for other in store.table(Account)),
    )
    account.root = open_number(store, account, number, is_root=True)
    return store.table(Account).add(account)


def open_number(store: ModeStore, account: Account, id_: str = "", *, is_root: bool = False) -> AccountNumber:
    """Another number that leads to an account: Fintoc's test CLABEs begin with 735, its live ones with 738."""
    now, sequence = store.organisation.now, 20329 + len(store.table(AccountNumber))
    digits = f"{'735' if store.mode == 'test' else '738'}969{sequence:011d}"
    return store.table(AccountNumber).add(
        AccountNumber(
            id=id_ or store.organisation.id("acno"),
            account=account,
            number=digits + check_digit(digits) if account.currency == "MXN" else f"{sequence:010d}",
            created_at=now,
            updated_at=now,
            is_root=is_root,
        )
    )
