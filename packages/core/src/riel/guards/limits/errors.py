"""The refusals of a limit: which limit it is, what is left of it, and when that changes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from riel.confirm.terms import Terms
from riel.errors import Code, NotAllowed
from riel.guards.limits.quota import Quota, Scope
from riel.money import Money, mask_account


def too_large(scope: Scope, limit: Money) -> NotAllowed:
    """The payment is more than ``limit``, the most of one payment."""
    details = _left(scope, limit.amount, limit.amount, limit.currency)
    return NotAllowed(Code.LIMIT_PER_PAYMENT, limit=limit, scope=scope.label, details=details)


def other_currency(scope: Scope, name: str, currencies: list[str], currency: str) -> NotAllowed:
    """The limit ``name`` is set in other currencies, so it refuses this one: its value cannot be compared."""
    return NotAllowed(
        Code.LIMIT_CURRENCY,
        name=name,
        scope=scope.label,
        currencies=" and ".join(currencies),
        currency=currency,
        details=_left(scope, 0, 0, currency),
    )


def used_up(quota: Quota, amount: int) -> Callable[[int], NotAllowed]:
    """Less than ``amount`` is left of the quota: the refusal, given how much is left."""
    scope, limit, currency = quota.scope, quota.limit, quota.currency
    fits = amount <= limit  # more than the whole limit never fits, however long one waits
    ends = quota.window.end if fits else None

    def refused(left: int) -> NotAllowed:
        return NotAllowed(
            _QUOTAS[quota.name],
            limit=Money(limit, currency) if currency else f"{limit} payment{'s' * (limit != 1)}",
            left=Money(left, currency) if currency else left,
            scope=scope.label,
            retryable=fits,
            details=_left(scope, limit, left, currency, ends),
        )

    return refused


_QUOTAS = {
    "per_day": Code.LIMIT_PER_DAY,
    "per_month": Code.LIMIT_PER_MONTH,
    "payments_per_hour": Code.LIMIT_PER_HOUR,
}


def too_much_for_a_first(scope: Scope, limit: Money, account: str) -> Callable[[int], NotAllowed]:
    """The payee has never been paid, and may not receive this much before."""

    def refused(left: int) -> NotAllowed:
        return NotAllowed(
            Code.LIMIT_FIRST_PAYMENT,
            limit=limit,
            scope=scope.label,
            left=Money(left, limit.currency),
            account=mask_account(account),
            details=_left(scope, limit.amount, left, limit.currency),
        )

    return refused


def not_a_payee(scope: Scope, terms: Terms, *, denied: bool) -> NotAllowed:
    """The account is denied, or not among the allowed ones."""
    account = mask_account(terms.payee.account)
    return NotAllowed(
        Code.LIMIT_PAYEE,
        account=account,
        rule="denied by the operator" if denied else "none of those that the operator allows",
        scope=scope.label,
        details={"scope": scope.name, "account": account},
    )


def closed(scope: Scope, hours: object, zone: object, opens: datetime) -> NotAllowed:
    """It is not the time of day for payments."""
    return NotAllowed(
        Code.LIMIT_HOURS,
        scope=scope.label,
        hours=hours,
        zone=zone,
        details={"scope": scope.name, "hours": str(hours), "timeZone": str(zone), "resetsAt": _stamp(opens)},
    )


def _left(scope: Scope, limit: int, left: int, currency: str, ends: datetime | None = None) -> dict[str, Any]:
    details = {"limit": limit, "left": left, "currency": currency, "scope": scope.name}
    return {name: value for name, value in details.items() if value != ""} | (
        {"resetsAt": _stamp(ends)} if ends else {}
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
