"""The magic amounts: refunds that the pretend Fintoc does not simply pay.

Fintoc documents the two ways in which a refund fails, and no amounts that bring them about: these are the pretend
Fintoc's own. They are whole amounts in minor units, pesos or centavos, and not endings, so that none is met by
accident: a refund of exactly that amount has the scenario, of whatever payment.
"""

from dataclasses import dataclass
from typing import Literal

FailureCode = Literal["insufficient_funds", "fraud_risk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundScenario:
    """What becomes of a refund.

    The first ``short_attempts`` find the balance short, whatever it is. With a ``failure_code_at_end`` a refund that
    was paid fails, and the money comes back.
    """

    description: str
    starts: bool = True
    short_attempts: int = 0
    failure_code_at_end: FailureCode | None = None


ORDINARY = RefundScenario(description="succeeds, as soon as the balance suffices")
ALWAYS = 10**6

SCENARIOS: dict[int, RefundScenario] = {
    701: RefundScenario(
        description="goes `in_progress`, then fails: `insufficient_funds`", failure_code_at_end="insufficient_funds"
    ),
    702: RefundScenario(description="goes `in_progress`, then fails: `fraud_risk`", failure_code_at_end="fraud_risk"),
    703: RefundScenario(
        description="the balance is short at first: tried again a working day later, succeeds", short_attempts=1
    ),
    704: RefundScenario(
        description="the balance stays short: tried for five working days, then fails: `insufficient_funds`",
        short_attempts=ALWAYS,
    ),
    705: RefundScenario(description="stays `pending` until it is canceled", starts=False),
}


def scenario_of(amount: int) -> RefundScenario:
    """What becomes of a refund of so many minor units."""
    return SCENARIOS.get(amount, ORDINARY)


def markdown_table() -> str:
    """The scenarios as a Markdown table, for the documentation."""
    rows = [f"| `{amount}` | {scenario.description} |" for amount, scenario in sorted(SCENARIOS.items())]
    return "\n".join(
        ["| refunded | what happens |", "|---|---|", *rows, f"| any other amount | {ORDINARY.description} |"]
    )
