"""Who holds what: entities, their accounts, the numbers that lead to those, and the movements that make a balance.

A balance is nowhere kept: it is what the last movement left, and every movement begins where the one before ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rail_fintoc.sandbox.ledger.organisation import Json, Mode, timestamp

NEWEST = "2026-02-01"
"""The version whose objects have the fields that older examples lack."""


@dataclass(slots=True, kw_only=True)
class Entity:
    """A company that holds accounts."""

    id: str
    mode: Mode
    holder_name: str
    holder_id: str
    country_code: str
    is_root: bool = False
    status: str = "operational"

    def to_json(self, version: str) -> Json:
        """The entity as Fintoc tells it."""
        newer = {"country_code": self.country_code, "status": self.status} if version >= NEWEST else {}
        return {"id": self.id, "object": "entity", "mode": self.mode, **self.to_brief_json(), **newer}

    def to_brief_json(self) -> Json:
        """What an account tells of its holder."""
        return {"holder_name": self.holder_name, "holder_id": self.holder_id, "is_root": self.is_root}


@dataclass(slots=True, kw_only=True)
class Movement:
    """Money that came or went. ``amount`` is positive; ``balance`` is what it left, both in minor units."""

    id: str
    account_id: str
    transfer_id: str
    direction: str
    amount: int
    balance: int
    at: datetime
    pair: "Movement | None" = None

    @property
    def signed(self) -> int:
        """What it adds to the account."""
        return self.amount if self.direction == "inbound" else -self.amount

    def to_json(self, mode: Mode, currency: str) -> Json:
        """The movement as Fintoc tells it."""
        return {
            "id": self.id,
            "object": "movement",
            "type": "transfer",
            "direction": self.direction,
            "resource_id": self.transfer_id,
            "mode": mode,
            "amount": self.amount,
            "currency": currency,
            "transaction_date": timestamp(self.at),
            "balance": self.balance,
            "return_pair_id": self.pair.id if self.pair else None,
            "account_id": self.account_id,
        }


@dataclass(slots=True, kw_only=True)
class Account:
    """An account at Fintoc, of one entity and one currency."""

    id: str
    mode: Mode
    entity: Entity
    currency: str
    description: str | None = None
    is_root: bool = False
    status: str = "active"
    root: "AccountNumber" = field(init=False)
    movements: list[Movement] = field(default_factory=list)

    @property
    def balance(self) -> int:
        """What may be spent."""
        return self.movements[-1].balance if self.movements else 0

    def add_movement(
        self, id_: str, transfer_id: str, direction: str, amount: int, at: datetime, pair: Movement | None = None
    ) -> Movement:
        """Write down a movement; one that undoes another is tied to it."""
        balance = self.balance + (amount if direction == "inbound" else -amount)
        made = Movement(
            id=id_,
            account_id=self.id,
            transfer_id=transfer_id,
            direction=direction,
            amount=amount,
            balance=balance,
            at=at,
            pair=pair,
        )
        if pair is not None:
            pair.pair = made
        self.movements.append(made)
        return made

    def to_json(self, version: str) -> Json:
        """The account as Fintoc tells it."""
        del version
        return {
            "id": self.id,
            "object": "account",
            "mode": self.mode,
            "status": self.status,
            "currency": self.currency,
            "description": self.description,
            "available_balance": self.balance,
            "is_root": self.is_root,
            "root_account_number": self.root.number,
            "root_account_number_id": self.root.id,
            "entity": {"id": self.entity.id, **self.entity.to_brief_json()},
        }


@dataclass(slots=True, kw_only=True)
class AccountNumber:
    """A number that leads to an account: in Mexico a CLABE."""

    id: str
    account: Account
    number: str
    created_at: datetime
    updated_at: datetime
    is_root: bool = False
    status: str = "enabled"
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    min_amount: int | None = None
    max_amount: int | None = None
    deleted_at: datetime | None = None
    last_transfer_at: datetime | None = None

    def accepts(self, amount: int) -> bool:
        """Whether money that arrives here is credited."""
        least, most = self.min_amount or 0, self.max_amount
        return self.status == "enabled" and least <= amount and (most is None or amount <= most)

    def to_json(self, version: str) -> Json:
        """The number as Fintoc tells it."""
        data: Json = {
            "id": self.id,
            "object": "account_number",
            "account_id": self.account.id,
            "number": self.number,
            "status": self.status,
            "is_root": self.is_root,
            "mode": self.account.mode,
            "description": self.description,
            "metadata": dict(self.metadata),
        }
        if version >= NEWEST:
            data["options"] = {"min_amount": self.min_amount, "max_amount": self.max_amount}
        data |= {"created_at": timestamp(self.created_at), "updated_at": timestamp(self.updated_at)}
        if version >= NEWEST:
            data["deleted_at"] = timestamp(self.deleted_at) if self.deleted_at else None
            data["last_transfer_at"] = timestamp(self.last_transfer_at) if self.last_transfer_at else None
        return data
