"""What an agent is told where a limit refuses: which one it is, what is left of it, and when that changes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from riel.confirm.terms import Terms
from riel.errors import NotAllowed
from riel.guards.limits.quota import Quota, Scope
from riel.money import Money, mask_account

LATER = (
    "Nothing was sent. Tell the person which limit refused it; no tool can change it. "
    "Where there is a resetsAt, it is free again by then."
)
CODES = {
    "per_payment": "LIMIT_PER_PAYMENT",
    "per_day": "LIMIT_PER_DAY",
    "per_month": "LIMIT_PER_MONTH",
    "first_payment": "LIMIT_FIRST_PAYMENT",
}


def too_large(scope: Scope, most: Money) -> NotAllowed:
    """One payment is more than any may be."""
    return NotAllowed(
        f"The limit is {most} a payment{scope.label}. Nothing was sent.",
        code="LIMIT_PER_PAYMENT",
        details=_left(scope, most.amount, most.amount, most.currency),
    )


def other_currency(scope: Scope, name: str, named: list[str], currency: str) -> NotAllowed:
    """A limit that names currencies lets no other pass: it cannot tell what that is worth."""
    return NotAllowed(
        f"The limit {name}{scope.label} is given in {' and '.join(named)}, so nothing may be paid in {currency}. "
        "Nothing was sent.",
        code=CODES[name],
        details=_left(scope, 0, 0, currency),
    )


def used_up(quota: Quota, takes: int) -> Callable[[int], NotAllowed]:
    """So much was paid in this period that there is no room for ``takes`` more."""
    scope, most, currency = quota.scope, quota.limit, quota.currency
    fits = takes <= most  # what is more than the whole limit never fits, however long one waits
    ends = quota.window.end if fits else None

    # Each code stands beside its sentence, where the reference reads them from (docs/refusals.py).
    def by_day(left: int) -> NotAllowed:
        return NotAllowed(
            f"The limit is {Money(most, currency)} a day{scope.label}, and {Money(left, currency)} of it is left today."
            " Nothing was sent.",
            code="LIMIT_PER_DAY",
            retryable=fits,
            next_action=LATER,
            details=_left(scope, most, left, currency, ends),
        )

    def by_month(left: int) -> NotAllowed:
        return NotAllowed(
            f"The limit is {Money(most, currency)} a month{scope.label}, and {Money(left, currency)} of it is left this"
            " month. Nothing was sent.",
            code="LIMIT_PER_MONTH",
            retryable=fits,
            next_action=LATER,
            details=_left(scope, most, left, currency, ends),
        )

    def by_hour(left: int) -> NotAllowed:
        return NotAllowed(
            f"The limit is {most} payment{'s' * (most != 1)} in any 60 minutes{scope.label}, and {left} of them "
            f"{'is' if left == 1 else 'are'} left. Nothing was sent.",
            code="LIMIT_PER_HOUR",
            retryable=fits,
            next_action=LATER,
            details=_left(scope, most, left, "", ends),
        )

    return {"per_day": by_day, "per_month": by_month, "payments_per_hour": by_hour}[quota.name]


def too_much_for_a_first(scope: Scope, most: Money, account: str) -> Callable[[int], NotAllowed]:
    """The payee has never been paid, and may not get so much before they have."""

    def refused(left: int) -> NotAllowed:
        return NotAllowed(
            f"The limit is {most} to a payee to whom nothing has settled yet{scope.label}, and "
            f"{Money(left, most.currency)} of it is left for {mask_account(account)}. Nothing was sent.",
            code="LIMIT_FIRST_PAYMENT",
            next_action="Nothing was sent. Tell the person; once a smaller payment to this payee has settled, the "
            "limit is lifted. No tool can change it.",
            details=_left(scope, most.amount, left, most.currency),
        )

    return refused


def not_a_payee(scope: Scope, terms: Terms, *, denied: bool) -> NotAllowed:
    """The account is denied, or not among those that are allowed."""
    account = mask_account(terms.payee.account)
    why = "is one that the operator denies" if denied else "is none of those that the operator allows"
    return NotAllowed(
        f"The payee's account {account} {why}{scope.label}. Nothing was sent.",
        code="LIMIT_PAYEE",
        next_action="Nothing was sent. Tell the person that this payee may not be paid; no tool can change it.",
        details={"scope": scope.name, "account": account},
    )


def closed(scope: Scope, hours: object, zone: object, opens: datetime) -> NotAllowed:
    """It is not the time of day for payments."""
    return NotAllowed(
        f"Payments{scope.label} are made at {hours} ({zone}) and at no other time. Nothing was sent.",
        code="LIMIT_HOURS",
        retryable=True,
        next_action="Nothing was sent. Tell the person when payments may be made again: at resetsAt.",
        details={"scope": scope.name, "hours": str(hours), "timeZone": str(zone), "resetsAt": _stamp(opens)},
    )


def _left(scope: Scope, most: int, left: int, currency: str, ends: datetime | None = None) -> dict[str, Any]:
    told = {"limit": most, "left": left, "currency": currency, "scope": scope.name}
    return {name: value for name, value in told.items() if value != ""} | ({"resetsAt": _stamp(ends)} if ends else {})


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
