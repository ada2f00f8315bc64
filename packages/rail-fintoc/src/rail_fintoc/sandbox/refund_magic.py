"""The amounts on which a refund of the pretend Fintoc does something else than succeed.

Fintoc documents the two ways in which a refund fails, and no amounts that bring them about: these are the pretend
Fintoc's own. They are whole amounts in minor units, pesos or centavos, and not endings, so that none is met by
accident: a refund of exactly so much has the fate, of whatever payment.
"""

from dataclasses import dataclass
from typing import Literal

FailureCode = Literal["insufficient_funds", "fraud_risk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFate:
    """What becomes of a refund.

    ``short_for`` tries find the balance short, whatever it is. ``fails_with`` is the end of one that was paid for;
    the money comes back.
    """

    what: str
    starts: bool = True
    short_for: int = 0
    fails_with: FailureCode | None = None


ORDINARY = RefundFate(what="succeeds, as soon as the balance suffices")
ALWAYS = 10**6

FATES: dict[int, RefundFate] = {
    701: RefundFate(what="goes `in_progress`, then fails: `insufficient_funds`", fails_with="insufficient_funds"),
    702: RefundFate(what="goes `in_progress`, then fails: `fraud_risk`", fails_with="fraud_risk"),
    703: RefundFate(what="the balance is short at first: tried again a working day later, succeeds", short_for=1),
    704: RefundFate(
        what="the balance stays short: tried for five working days, then fails: `insufficient_funds`",
        short_for=ALWAYS,
    ),
    705: RefundFate(what="stays `pending` until it is canceled", starts=False),
}


def fate_of(amount: int) -> RefundFate:
    """What becomes of a refund of so many minor units."""
    return FATES.get(amount, ORDINARY)


def table() -> str:
    """The fates as a table in Markdown, for whoever reads the documentation."""
    rows = [f"| `{amount}` | {fate.what} |" for amount, fate in sorted(FATES.items())]
    return "\n".join(["| refunded | what happens |", "|---|---|", *rows, f"| any other amount | {ORDINARY.what} |"])
