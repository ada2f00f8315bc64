"""The policy: which payments need how many decisions, and of whom. It is state of the journal, read strictly."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationError, model_validator
from pydantic_core import ErrorDetails

from riel.confirm.document import Document
from riel.confirm.people import People, Person, PersonName, Role
from riel.confirm.requirement import How, Need, Quorum, Requirement, without_implied
from riel.hours import Hours, read_zone
from riel.money import AmountsByCurrency, Money
from riel.text import SingleLine, did_you_mean


def _hours(text: object) -> Hours:
    return text if isinstance(text, Hours) else Hours.read(text)


def _zone_name(name: str) -> str:
    return read_zone(name).key if name else ""


class Rule(Document):
    """A rule of the policy. It applies to the payments that meet every condition that it names.

    :param rail: the payments of that rail.
    :param over: payments of more than so many minor units. A currency that is not named is always over.
    :param first_payment: payments to an account that never received one.
    :param hours: payments that are asked for or decided in these hours, in the policy's time zone.
    """

    need: Need
    of: Annotated[tuple[PersonName, ...], Field(strict=False)] = ()
    requester_may: bool = False
    rail: Annotated[SingleLine, Field(min_length=1)] | None = None
    over: AmountsByCurrency | None = None
    first_payment: bool = False
    hours: Annotated[Hours, BeforeValidator(_hours), PlainSerializer(str)] | None = None

    @model_validator(mode="after")
    def _names_enough(self) -> "Rule":
        if len(set(self.of)) != len(self.of):
            raise ValueError("of: names a person twice")
        if self.of and len(self.of) < self.need:
            raise ValueError(f"of: names {len(self.of)}, and need is {self.need}")
        return self

    @property
    def quorum(self) -> Quorum:
        """What the rule asks for."""
        return Quorum(need=self.need, of=tuple(sorted(self.of)), requester_may=self.requester_may)

    def applies(self, facts: "Facts", policy: "Policy") -> bool:
        """Whether the payment meets every condition."""
        return (
            self.rail in {None, facts.rail}
            and (self.over is None or facts.money.amount > self.over.get(facts.money.currency, -1))
            and (facts.first_payment or not self.first_payment)
            and (self.hours is None or self.hours.contains(facts.at, read_zone(policy.time_zone)))
        )


class Policy(Document):
    """The rules, all of which count; and up to which amounts the weaker proofs may confirm live money.

    :param totp_up_to: minor units that a code of an authenticator app may confirm. Without it, none.
    :param sms_up_to: minor units that a bound code in a text message may confirm. Without it, none.
    """

    rules: Annotated[tuple[Rule, ...], Field(strict=False)] = ()
    totp_up_to: AmountsByCurrency | None = None
    sms_up_to: AmountsByCurrency | None = None
    time_zone: Annotated[str, AfterValidator(_zone_name)] = ""

    @model_validator(mode="after")
    def _has_a_time_zone(self) -> "Policy":
        if not self.time_zone and any(rule.hours is not None for rule in self.rules):
            raise ValueError("time_zone: is missing, and a rule names hours")
        return self


ONE_DECISION = Rule(need=1, requester_may=True)
"""What holds without a rule: one person with one machine decides about their own payments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the policy looks at: the payment, and the moment at which it is asked for or decided."""

    rail: str
    money: Money
    live: bool
    first_payment: bool
    at: datetime


def read_policy(table: Mapping[str, Any]) -> Policy:
    """The policy as an operator writes it, in TOML.

    :raises ValueError: every fault, with its place and without its value.
    """
    try:
        return Policy.model_validate(table)
    except ValidationError as failure:
        errors = [_sentence(error) for error in failure.errors(include_url=False, include_input=False)]
    raise ValueError("; ".join(dict.fromkeys(errors)))


def requirement(policy: Policy | None, facts: Facts, version: int = 0) -> Requirement:
    """What the payment needs by this policy: one decision, and what every rule says that applies.

    :param version: that of the policy, 0 where there is none.
    """
    policy = policy or Policy()
    rules = [ONE_DECISION, *(rule for rule in policy.rules if rule.applies(facts, policy))]
    return Requirement(
        quorums=without_implied(rule.quorum for rule in rules),
        proofs=tuple(sorted(_proofs(policy, facts))),
        asked_at=facts.at,
        policy_version=version,
    )


def approvals_needed_for_changes(policy: Policy | None) -> int:
    """How many admins change people and policy: two where any payment needs two decisions."""
    return 2 if policy is not None and any(rule.need >= 2 for rule in policy.rules) else 1


def unmet(policy: Policy | None, people: People) -> str:
    """Why no live payment of some rule could ever be approved, in one sentence; empty where each can.

    It stops the start, and such a policy is not set.
    """
    policy = policy or Policy()
    for heading, rule in _numbered(policy):
        able = [one.name for one in people.having(Role.APPROVER) if _may_decide(one, rule, policy)]
        requesters = [] if rule.requester_may else [one.name for one in people.having(Role.REQUESTER)]
        most = max((len(set(able) - {requester}) for requester in requesters), default=len(able))
        if most < rule.need:
            among = f" of {', '.join(rule.of)}" if rule.of else ""
            asking = "" if rule.requester_may else ", besides the person who asks,"
            return (
                f"{heading} needs {rule.need} decision{'s' * (rule.need > 1)}{among}, and only {most} living "
                f"approver{'s' * (most != 1)}{asking} can give one: enroll and activate a passkey for more people, or "
                "change the policy"
            )
    needed = approvals_needed_for_changes(policy)
    if len(people.admins) < needed:
        return (
            f"people and policy change by {needed} admin{'s' * (needed > 1)} with an active passkey, and there "
            f"{'is' if len(people.admins) == 1 else 'are'} {len(people.admins)}: add one, or change the policy"
        )
    return ""


def _numbered(policy: Policy) -> Iterator[tuple[str, Rule]]:
    yield "a live payment", ONE_DECISION
    yield from ((f"rule number {n} of the policy", rule) for n, rule in enumerate(policy.rules, 1))


def _may_decide(person: Person, rule: Rule, policy: Policy) -> bool:
    """Whether the person can prove a decision about some payment of the rule."""
    kinds = {one.kind for one in person.active}
    least = {currency: amount + 1 for currency, amount in (rule.over or {}).items()}
    by_message = any(amount >= least.get(currency, 1) for currency, amount in (policy.sms_up_to or {}).items())
    return (not rule.of or person.name in rule.of) and ("passkey" in kinds or ("phone" in kinds and by_message))


def _proofs(policy: Policy, facts: Facts) -> Iterator[How]:
    money = facts.money
    yield "passkey"
    if money.amount <= (policy.sms_up_to or {}).get(money.currency, 0):
        yield "bound_code"
    if not facts.first_payment and money.amount <= (policy.totp_up_to or {}).get(money.currency, 0):
        yield "totp"
    if not facts.live:
        yield "click"


def _sentence(error: ErrorDetails) -> str:
    steps = [step for step in error["loc"] if step != "[key]"]
    message = error["msg"].removeprefix("Value error, ")
    numbered = [f"number {step + 1}" if isinstance(step, int) else str(step) for step in steps]
    in_rule = steps[:1] == ["rules"] and len(steps) > 1
    heading = f"[[policy.rules]] {numbered[1]}" if in_rule else "[policy]"
    name = " ".join(numbered[2 if in_rule else 0 :])
    match error["type"]:
        case "extra_forbidden":
            known = (Rule if in_rule else Policy).model_fields
            return f"{heading} has an unknown key {name!r}{did_you_mean(name, known)}"
        case "missing":
            message = "is missing"
        case "model_type" | "model_attributes_type" | "dict_type":
            message = "must be a table"
        case "tuple_type":
            message = "must be a list"
        case "too_short":
            message = "is empty: fill it, or take it out"
        case "int_type":
            message = "must be a whole number, without point or quotes (amounts are minor units)"
        case "bool_type":
            message = "must be true or false, without quotes"
        case "string_pattern_mismatch":
            message = "must be the name of a person"
    where = f"{heading} {name}" if name else heading
    return f"{where}: {message[:1].lower()}{message[1:]}"
