"""Decisions: one person's yes or no about one payment, and whether those that were given are enough."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from riel.confirm.credentials import CredentialKind, CredentialState
from riel.confirm.people import People, Role
from riel.confirm.requirement import How, Quorum, Requirement

Verdict = Literal["yes", "no"]

PROOF_OF: Mapping[CredentialKind, How] = {"passkey": "passkey", "totp": "totp", "phone": "bound_code"}
"""How a decision is proven by each kind of credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One approver's yes or no about one challenge. There is one of each approver.

    :param how: how it was proven.
    :param credential: the id of the credential; empty for a ``click``.
    :param proof: what proves it again: of a passkey, :meth:`riel.confirm.passkeys.Assertion.to_proof`.
    :param replay_key: what must not be accepted twice: a nonce, or a time step of a credential.
    :param policy_version: the version of the policy that was in force, 0 without one.
    :param reason: why it is a no, in the approver's words.
    """

    challenge_id: str
    approver: str
    verdict: Verdict
    how: How
    credential: str
    proof: Mapping[str, str] = field(default_factory=dict)
    replay_key: str
    policy_version: int
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """What the decisions about a challenge amount to.

    :param approvers: the names of those whose yes counts.
    :param need: how many are needed in all, as far as it can be said now.
    :param declined_by: the first who said no.
    """

    approvers: tuple[str, ...]
    need: int
    approved: bool
    declined_by: str = ""

    @property
    def given(self) -> int:
        """How many approvals count."""
        return len(self.approvers)

    @property
    def declined(self) -> bool:
        """Whether somebody said no. That ends it."""
        return bool(self.declined_by)


def weigh(requirement: Requirement, decisions: Iterable[Decision], people: People, requester: str) -> Weighing:
    """Weigh every decision anew, with the people as they are now.

    A no counts whatever became of its approver: nobody's revocation turns it into a yes. A yes counts while its
    person is a living approver and its credential is active, and both were so when it was given.

    :param requester: the principal on whose behalf the agent asked.
    """
    decisions = sorted(decisions, key=lambda one: (one.at, one.approver))
    given = [one for one in decisions if one.verdict == "yes" and not _why_not(one, requirement, people, requester)]
    counted: set[str] = set()
    missing = 0
    for quorum in requirement.quorums:
        names = {one.approver for one in given if not _why_not_in(quorum, one, requirement, people, requester)}
        counted |= names
        missing = max(missing, quorum.need - len(names))
    declined_by = next((one.approver for one in decisions if one.verdict == "no"), "")
    return Weighing(
        approvers=tuple(sorted(counted)),
        need=len(counted) + missing,
        approved=missing == 0 and not declined_by,
        declined_by=declined_by,
    )


def objection(decision: Decision, requirement: Requirement, people: People, requester: str) -> str:
    """Why the decision counts for nothing and is not recorded, in one sentence for its approver; empty if it counts.

    A no needs a living approver and no proof, and the person on whose behalf the agent asks may always say it.
    """
    if decision.verdict == "no":
        person = people.person(decision.approver)
        may = person is not None and (Role.APPROVER in person.roles or person == people.asking_as(requester))
        is_anybody = not people.people and decision.approver == requester
        return "" if may or is_anybody else f"{decision.approver} is no approver"
    if why := _why_not(decision, requirement, people, requester):
        return why
    found = [_why_not_in(quorum, decision, requirement, people, requester) for quorum in requirement.quorums]
    return "" if "" in found else found[0]


def shortfall(requirement: Requirement, people: People, requester: str, at: datetime) -> str:
    """Why nobody could approve this payment at ``at``, in one sentence; empty where people can."""
    yes = Decision(
        challenge_id="", approver="", verdict="yes", how="click", credential="", replay_key="", policy_version=0, at=at
    )
    possible = [
        replace(yes, approver=person.name, how=PROOF_OF[one.kind], credential=one.id)
        for person in people.living
        for one in person.active
    ]
    possible += [replace(yes, approver=name) for name in [*(one.name for one in people.living), requester]]
    possible = [one for one in possible if not _why_not(one, requirement, people, requester)]
    for quorum in requirement.quorums:
        able = {one.approver for one in possible if not _why_not_in(quorum, one, requirement, people, requester)}
        if len(able) < quorum.need:
            return (
                f"this payment needs {quorum.need} approval{'s' * (quorum.need > 1)}, and only {len(able)} of the "
                "people as they are now can give one"
            )
    return ""


def _why_not(decision: Decision, requirement: Requirement, people: People, requester: str) -> str:
    """Why a yes counts for no quorum: the person, the credential, or how it was proven."""
    name, person = decision.approver, people.person(decision.approver)
    if decision.how not in requirement.proofs:
        return f"this payment is not confirmed by a {decision.how.replace('_', ' ')}"
    if not people.people and decision.how == "click":
        return "" if name == requester else f"{name} is nobody here"
    since = person.since(Role.APPROVER) if person else None
    if person is None or since is None or since > decision.at:
        return f"{name} is no approver"
    if decision.how == "click":
        return ""
    credential = person.credential(decision.credential)
    if credential is None or PROOF_OF[credential.kind] != decision.how:
        return f"{name} has no such credential"
    if credential.state is not CredentialState.ACTIVE:
        return f"this credential of {name} is {credential.state}"
    if credential.activated_at is None or credential.activated_at > decision.at:
        return f"this credential of {name} was not active yet"
    return ""


def _why_not_in(quorum: Quorum, decision: Decision, requirement: Requirement, people: People, requester: str) -> str:
    """Why a yes that may count does not count for this quorum."""
    name, person = decision.approver, people.person(decision.approver)
    if quorum.of and name not in quorum.of:
        return f"{name} is none of those who decide about this payment"
    if not quorum.requester_may:
        requesting = people.asking_as(requester)
        if requesting is None:
            return "it is not known on whose behalf the agent asks, so nobody can be said to be somebody else"
        if requesting.name == name:
            return f"{name} may not decide about a payment that was asked for on their own behalf"
    if quorum.need >= 2 and person is not None:
        credential = person.credential(decision.credential)
        times = [person.since(Role.APPROVER), credential.activated_at if credential else None]
        if any(time > requirement.asked_at for time in times if time is not None):
            return f"{name} became an approver, or activated this credential, after the payment was asked for"
    return ""
