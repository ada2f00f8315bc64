"""A transfer: money on its way out of an account, or into it, as each version of the API tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rail_fintoc.sandbox.ledger.accounts import NEWEST, Account, AccountNumber, Movement
from rail_fintoc.sandbox.ledger.organisation import Json, Mode, timestamp
from rail_fintoc.sandbox.magic import OLD_REASONS, ORDINARY, TransferScenario
from rail_fintoc.time_zones import MEXICO_CITY, SANTIAGO

RENAMED = "2025-08-13"
"""The version from which reasons have the names of today [inferred: the versions of the renames are not published]."""

TIME_ZONES = {"MXN": MEXICO_CITY, "CLP": SANTIAGO}
STATUSES = ("pending", "succeeded", "rejected", "failed", "return_pending", "returned", "reject_failed")
NEVER_PAID = {"rejected", "failed"}


@dataclass(slots=True, kw_only=True)
class Transfer:
    """Money on its way out of an account, or into it. ``key`` is the idempotency key that it was ordered with."""

    id: str
    mode: Mode
    number: AccountNumber
    amount: int
    direction: str
    at: datetime
    counterparty: Json
    status: str = "pending"
    comment: str | None = None
    reference_id: str | None = None
    tracking_key: str | None = None
    post_date: datetime | None = None
    receipt_url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    return_reason: str | None = None
    error_reason: str | None = None
    key: str = ""
    scenario: TransferScenario = ORDINARY
    movement: Movement | None = None
    return_key: str = ""
    return_requested_at: datetime | None = None
    for_verification: bool = False

    @property
    def account(self) -> Account:
        """The account that it debits or credits."""
        return self.number.account

    @property
    def currency(self) -> str:
        """Of its account."""
        return self.account.currency

    @property
    def day(self) -> str:
        """The day on which it was ordered, where its bank is."""
        return f"{self.at.astimezone(TIME_ZONES[self.currency]):%Y%m%d}"

    def to_json(self, version: str) -> Json:
        """The transfer as Fintoc tells it in that version."""
        reason = self.return_reason
        if reason and version < RENAMED:
            reason = OLD_REASONS.get(reason, reason)
        data: Json = {
            "object": "transfer",
            "id": self.id,
            "mode": self.mode,
            "amount": self.amount,
            "currency": self.currency,
            "direction": self.direction,
            "status": self.status,
            "transaction_date": timestamp(self.at),
            "post_date": timestamp(self.post_date) if self.post_date else None,
            "comment": self.comment,
            "reference_id": self.reference_id,
            "tracking_key": self.tracking_key,
            "receipt_url": self.receipt_url,
            "counterparty": dict(self.counterparty),
            "account_number": self.number.to_json(version),
            "metadata": dict(self.metadata),
            "return_reason": reason,
        }
        if version >= NEWEST:
            data["entity"] = {"id": self.account.entity.id, **self.account.entity.to_brief_json()}
            data["error_reason"] = self.error_reason
        return data
