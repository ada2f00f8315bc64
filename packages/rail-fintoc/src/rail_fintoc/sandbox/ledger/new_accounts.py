"""Accounts and the numbers that lead to them, as they are opened."""

from rail_fintoc.sandbox.ledger.accounts import Account, AccountNumber, Entity
from rail_fintoc.sandbox.ledger.organisation import Books
from rail_fintoc.sandbox.magic import check_digit

CURRENCIES = {"mx": "MXN", "cl": "CLP"}


def open_account(books: Books, entity: Entity, description: str | None, id_: str = "", number: str = "") -> Account:
    """Open an account of an entity, with its own number, and with nothing on it."""
    account = Account(
        id=id_ or books.world.id("acc"),
        mode=books.mode,
        entity=entity,
        currency=CURRENCIES[entity.country_code],
        description=description,
        is_root=not any(other.entity is entity for other in books.shelf(Account)),
    )
    account.root = open_number(books, account, number, is_root=True)
    return books.shelf(Account).put(account)


def open_number(books: Books, account: Account, id_: str = "", *, is_root: bool = False) -> AccountNumber:
    """Another number that leads to an account: Fintoc's test CLABEs begin with 735, its live ones with 738."""
    now, sequence = books.world.now, 20329 + len(books.shelf(AccountNumber))
    digits = f"{'735' if books.mode == 'test' else '738'}969{sequence:011d}"
    return books.shelf(AccountNumber).put(
        AccountNumber(
            id=id_ or books.world.id("acno"),
            account=account,
            number=digits + check_digit(digits) if account.currency == "MXN" else f"{sequence:010d}",
            created_at=now,
            updated_at=now,
            is_root=is_root,
        )
    )
