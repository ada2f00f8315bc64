"""What one payment needs: quorums, each of which must be reached, and how a decision for it may be proven."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from riel.confirm.document import Document, Instant
from riel.confirm.people import PersonName

How = Literal["passkey", "bound_code", "totp", "click"]
"""How a decision is proven. A ``click`` proves nothing, and is for payments that move no real money."""

Need = Annotated[int, Field(ge=1, le=20)]


class Quorum(Document):
    """How many approvers must agree, and which ones count.

    :param of: the names of those who count; without any, every approver does.
    :param requester_may: whether the person on whose behalf the agent asks counts.
    """

    need: Need = 1
    of: tuple[PersonName, ...] = ()
    requester_may: bool = False

    @model_validator(mode="after")
    def _is_in_order(self) -> "Quorum":
        if self.of != tuple(sorted(set(self.of))):
            raise ValueError("the names of a quorum are sorted, and each stands there once")
        return self

    def implies(self, other: "Quorum") -> bool:
        """Whether ``other`` is reached wherever this one is."""
        among = not other.of or bool(self.of and set(self.of) <= set(other.of))
        return self.need >= other.need and among and (other.requester_may or not self.requester_may)


class Requirement(Document):
    """What one payment needs before it may be made.

    :param quorums: all of them must be reached. One decision may count for several.
    :param proofs: how a decision may be proven.
    :param asked_at: where two or more are needed, only people and credentials count that were in force by then.
    :param policy_version: the newest version of the policy that it follows from; 0 where there was none.
    """

    quorums: Annotated[tuple[Quorum, ...], Field(min_length=1)]
    proofs: tuple[How, ...]
    asked_at: Instant
    policy_version: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _is_in_order(self) -> "Requirement":
        if self.quorums != without_implied(self.quorums) or self.proofs != tuple(sorted(set(self.proofs))):
            raise ValueError("a requirement has its quorums and proofs in order, and none that another implies")
        return self

    @property
    def need(self) -> int:
        """The fewest decisions that can be enough."""
        return max(quorum.need for quorum in self.quorums)


def stricter(one: Requirement, other: Requirement) -> Requirement:
    """The requirement that is met where both are: every quorum of both, proofs that both take, the earlier question."""
    return Requirement(
        quorums=without_implied((*one.quorums, *other.quorums)),
        proofs=tuple(sorted(set(one.proofs) & set(other.proofs))),
        asked_at=min(one.asked_at, other.asked_at),
        policy_version=max(one.policy_version, other.policy_version),
    )


def without_implied(quorums: Iterable[Quorum]) -> tuple[Quorum, ...]:
    """The quorums in a fixed order, without those that are reached wherever another is."""
    distinct = sorted({quorum.to_json(): quorum for quorum in quorums}.items())
    kept = [q for _, q in distinct if not any(p is not q and p.implies(q) for _, p in distinct)]
    return tuple(kept)
