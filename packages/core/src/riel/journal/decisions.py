"""Decisions of people about challenges: each is stored once, and weighed in the transaction that pays."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from riel.confirm.decisions import Decision, Weighing
from riel.journal.columns import PROVEN_DECISION_COLUMNS, decision_of, decision_values, to_millis
from riel.journal.controls import POLICY, Control, people_control
from riel.journal.events import Body
from riel.journal.failures import ConfirmFailure, LimitReached
from riel.journal.records import Challenge, ChallengeState, Intent, PaymentRecord
from riel.journal.row_mac import DECISIONS, RowMac
from riel.journal.stored_rows import UNREADABLE
from riel.rail import Mode

Weigh = Callable[[Challenge, Sequence[Decision], Control | None, Control | None], Weighing | str]
"""Says what the decisions about a challenge amount to: given them, the new one last, the people and the policy as they
stand in the transaction. A sentence instead says why the new one does not count, and it is not stored.

It is called within the transaction, perhaps more than once and in another thread, so it is pure.
"""

Outcome = Literal["waiting", "refused", "decided_before", "proof_reused"] | ConfirmFailure


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What became of a decision that made no payment.

    ``waiting``: it is stored, and ``given`` of the ``need`` approvals are there. ``declined``: the challenge ended with
    a no, this one or an earlier one. After every other outcome nothing was stored. ``refused``: it does not count, and
    ``why`` says so. ``decided_before``: the approver has decided about this challenge. ``proof_reused``: its proof was
    used before.
    """

    outcome: Outcome
    given: int = 0
    need: int = 0
    why: str = ""


class DecisionRecord(Protocol):
    """The part of a journal that keeps the decisions of people."""

    async def open_challenges(
        self, at: datetime, *, rails: Collection[tuple[str, Mode]] | None = None, most: int = 50
    ) -> Sequence[Challenge]:
        """Return up to ``most`` challenges that wait for people at that time, the newest first.

        :param rails: only those of these rails and modes.
        """

    async def decisions(self, challenge_id: str) -> Sequence[Decision]:
        """Return the decisions about a challenge in the order in which they were given, as far as they are proven."""

    async def decide(
        self, decision: Decision, weigh: Weigh, intent: Intent | None, at: datetime
    ) -> PaymentRecord | DecisionResult | LimitReached:
        """Store a decision, and create the payment where it is the last that was needed, in one transaction.

        The challenge is locked, so of parallel decisions each sees those before it. It has to be open, proven, not
        over, and one that people decide; nothing may be frozen; every earlier decision, the people and the policy have
        to be proven. Where ``weigh`` finds a no, the challenge ends as declined. Where it finds enough approvals, the
        payment is created as by :meth:`~riel.journal.protocol.Journal.create_payment`, with the reservations of now.

        A decision with which no payment can be created (``LimitReached``, ``reference_taken``, ``not_settled``,
        ``exceeds_payment``) is not stored, and its proof is not used up.

        :param intent: what is written about the payment; only a no needs none.
        """


NEEDS_NO_PEOPLE = "a code confirms this payment, and no decision"


def refusal_of(challenge: Challenge, at: datetime) -> DecisionResult | None:
    """Return why nothing can be decided about a challenge whose row is proven; ``None`` where it waits for people."""
    if challenge.state is not ChallengeState.OPEN:
        ended: ConfirmFailure = challenge.state.value  # type: ignore[assignment]  # the other four states are reasons
        return DecisionResult(ended)
    if challenge.expires_at <= at:
        return DecisionResult("expired")
    return None if challenge.requirement else DecisionResult("refused", why=NEEDS_NO_PEOPLE)


def controls_for(challenge: Challenge) -> tuple[str, str]:
    """Return the names of the controls with the people and the policy that a decision is weighed by."""
    return people_control(challenge.mode), POLICY


def weighed(
    weigh: Weigh, challenge: Challenge, decisions: Sequence[Decision], controls: Sequence[Control | None]
) -> Weighing | DecisionResult:
    """Weigh the decisions about a challenge, the new one last, or return why that one is not stored.

    :param controls: the people and the policy.
    """
    if any(control is not None and control.tampered for control in controls):
        return DecisionResult("tampered")
    if any(one.approver == decisions[-1].approver for one in decisions[:-1]):
        return DecisionResult("decided_before")
    people, policy = controls
    weighing = weigh(challenge, decisions, people, policy)
    return DecisionResult("refused", why=weighing) if isinstance(weighing, str) else weighing


def decision_mac(mac: RowMac, decision: Decision) -> str:
    """Return the MAC of the row of a decision."""
    return mac.of(DECISIONS, *decision_values(decision))


def read_decisions(mac: RowMac, rows: Iterable[Sequence[Any]]) -> list[Decision | None]:
    """Read rows of the columns of decisions and their MAC; ``None`` stands for one that is not as riel wrote it."""
    return [_read_decision(mac, tuple(row)) for row in rows]


def _read_decision(mac: RowMac, row: tuple[Any, ...]) -> Decision | None:
    width = len(PROVEN_DECISION_COLUMNS)
    try:
        if mac.proves(row[width], DECISIONS, *row[:width]):
            return decision_of(row)
    except UNREADABLE:
        pass
    mac.report(DECISIONS, f"{row[1]} about {row[0]}")
    return None


def decided_body(decision: Decision) -> Body:
    """Return the body of ``challenge.decided``: who, how, and why not."""
    body: Body = {
        "by": decision.approver,
        "verdict": decision.verdict,
        "how": decision.how,
        "credential": decision.credential,
        "policyVersion": decision.policy_version,
        "at": to_millis(decision.at),
    }
    return {**body, "reason": decision.reason} if decision.reason else body
