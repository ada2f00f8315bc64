"""The policy: what it asks for, how strictly it is read, and that it never asks for what nobody can give."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.confirm.people import People
from riel.confirm.people_changes import add_first_admin, change_roles, revoke_person
from riel.confirm.policy import Facts, Policy, approvals_needed_for_changes, read_policy, requirement, unmet
from riel.confirm.requirement import Quorum, Requirement, stricter, without_implied
from riel.money import Money

from .people_support import ADMIN, APPROVER, NOW, REQUESTER, first_admin, joined

WRITTEN = """
time_zone = "America/Mexico_City"
totp_up_to = { MXN = 100_000 }
sms_up_to = { MXN = 500_000 }

[[rules]]
rail = "spei"
over = { MXN = 5_000_000 }
need = 2
of = ["luis", "ana", "eva"]

[[rules]]
first_payment = true
need = 1
requester_may = false

[[rules]]
hours = "22:00-06:00"
need = 2
requester_may = true
"""

POLICY = read_policy(tomllib.loads(WRITTEN))
NOON = datetime(2026, 11, 30, 18, tzinfo=UTC)  # in Mexico City
MIDNIGHT = NOON + timedelta(hours=12)
FACTS = Facts(rail="spei", money=Money(100, "MXN"), live=True, first_payment=False, at=NOON)

ONE = Quorum(need=1, requester_may=True)


def quorums(facts: Facts, policy: Policy | None = POLICY) -> tuple[Quorum, ...]:
    return requirement(policy, facts).quorums


def test_without_a_policy_one_decision_is_needed_and_the_requester_may_give_it() -> None:
    for policy in (None, Policy()):
        assert quorums(replace(FACTS, money=Money(10**12, "MXN"), first_payment=True), policy) == (ONE,)
        assert requirement(policy, FACTS).proofs == ("passkey",)


def test_a_rule_applies_over_its_amount_and_not_at_it() -> None:
    large = Quorum(need=2, of=("ana", "eva", "luis"))
    assert quorums(replace(FACTS, money=Money(5_000_000, "MXN"))) == (ONE,)
    assert quorums(replace(FACTS, money=Money(5_000_001, "MXN"))) == (large,)


def test_a_currency_that_a_rule_does_not_name_is_over_its_amount() -> None:
    assert quorums(replace(FACTS, money=Money(1, "CLP"))) == (Quorum(need=2, of=("ana", "eva", "luis")),)


def test_a_rule_of_one_rail_says_nothing_about_another() -> None:
    assert quorums(replace(FACTS, rail="fintoc", money=Money(5_000_001, "MXN"))) == (ONE,)


def test_a_first_payment_needs_somebody_who_did_not_ask() -> None:
    assert quorums(replace(FACTS, first_payment=True)) == (Quorum(need=1, requester_may=False),)


def test_hours_are_those_of_the_policys_time_zone() -> None:
    assert quorums(replace(FACTS, at=MIDNIGHT)) == (Quorum(need=2, requester_may=True),)


def test_every_rule_that_applies_must_be_met() -> None:
    facts = replace(FACTS, money=Money(5_000_001, "MXN"), first_payment=True, at=MIDNIGHT)
    assert set(quorums(facts)) == {Quorum(need=2, of=("ana", "eva", "luis"))}  # it implies the two others
    other = read_policy({"rules": [{"need": 2, "of": ["ana", "luis"]}, {"need": 1, "of": ["eva"]}]})
    assert set(quorums(FACTS, other)) == {Quorum(need=1, of=("eva",)), Quorum(need=2, of=("ana", "luis"))}


@pytest.mark.parametrize(
    ("amount", "first", "live", "proofs"),
    [
        (100_000, False, True, ("bound_code", "passkey", "totp")),
        (100_001, False, True, ("bound_code", "passkey")),
        (100_000, True, True, ("bound_code", "passkey")),
        (500_000, True, True, ("bound_code", "passkey")),
        (500_001, False, True, ("passkey",)),
        (500_001, False, False, ("click", "passkey")),
    ],
)
def test_weaker_proofs_count_up_to_their_amounts_and_a_click_never_for_live_money(
    amount: int, first: bool, live: bool, proofs: tuple[str, ...]
) -> None:
    facts = replace(FACTS, money=Money(amount, "MXN"), first_payment=first, live=live)
    assert requirement(POLICY, facts).proofs == proofs


def test_a_currency_without_an_amount_takes_a_passkey_alone() -> None:
    assert requirement(POLICY, replace(FACTS, money=Money(1, "CLP"))).proofs == ("passkey",)


def test_a_requirement_remembers_when_it_was_asked_and_by_which_policy() -> None:
    asked = requirement(POLICY, FACTS, 7)
    assert (asked.asked_at, asked.policy_version) == (NOON, 7)
    assert Requirement.from_json(asked.to_json()) == asked
    later = requirement(None, replace(FACTS, at=MIDNIGHT), 8)
    assert stricter(asked, later).asked_at == NOON
    assert stricter(asked, later).policy_version == 8


def test_the_stricter_takes_only_the_proofs_that_both_take_and_needs_every_quorum() -> None:
    one = requirement(POLICY, replace(FACTS, money=Money(100_000, "MXN")))
    other = requirement(POLICY, replace(FACTS, money=Money(100_000, "MXN"), first_payment=True, live=False))
    assert stricter(one, other).proofs == ("bound_code", "passkey")
    both = read_policy({"rules": [{"need": 2, "of": ["ana", "luis"]}, {"need": 1, "of": ["eva"]}]})
    assert requirement(both, FACTS).need == 2
    assert stricter(one, requirement(both, FACTS)).quorums == requirement(both, FACTS).quorums


def test_two_admins_change_people_and_policy_where_any_payment_needs_two() -> None:
    assert approvals_needed_for_changes(None) == approvals_needed_for_changes(Policy()) == 1
    assert approvals_needed_for_changes(read_policy({"rules": [{"need": 1}]})) == 1
    assert approvals_needed_for_changes(read_policy({"rules": [{"need": 1}, {"need": 3, "rail": "x"}]})) == 2


def test_a_policy_is_the_same_text_for_the_same_rules() -> None:
    assert Policy.from_json(POLICY.to_json()) == POLICY
    assert Policy.from_json(Policy().to_json()) == Policy()
    assert '"hours":"22:00-06:00"' in POLICY.to_json()
    with pytest.raises(ValueError, match="not written as riel writes it"):
        Policy.from_json(POLICY.to_json().replace(",", ", ", 1))
    with pytest.raises(ValueError, match="extra_forbidden"):
        Policy.from_json('{"ruels":[]}')


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("ruels = []", "[policy] has an unknown key 'ruels'; did you mean rules?"),
        ("rules = 1", "[policy] rules: must be a list"),
        ("rules = [1]", "[[policy.rules]] number 1: must be a table"),
        ("[[rules]]\nneed = 1\n[[rules]]\nof = ['ana']", "[[policy.rules]] number 2 need: is missing"),
        ("[[rules]]\nneed = 0", "[[policy.rules]] number 1 need: input should be greater than or equal to 1"),
        ("[[rules]]\nneed = 2\nof = ['ana']", "[[policy.rules]] number 1: of: names 1, and need is 2"),
        ("[[rules]]\nneed = 2\nof = ['ana', 'ana']", "[[policy.rules]] number 1: of: names a person twice"),
        ("[[rules]]\nneed = 1\nof = ['Ana']", "[[policy.rules]] number 1 of number 1: must be the name of a person"),
        ("[[rules]]\nneed = 1\nof = [1]", "[[policy.rules]] number 1 of number 1: input should be a valid string"),
        ("[[rules]]\nneed = '2'", "[[policy.rules]] number 1 need: must be a whole number, without point or quotes"),
        ("[[rules]]\nneed = 1\nrequester_may = 1", "number 1 requester_may: must be true or false, without quotes"),
        ("[[rules]]\nneed = 1\nover = { MXN = 5.5 }", "[[policy.rules]] number 1 over MXN: must be a whole number"),
        ("[[rules]]\nneed = 1\nover = { MXP = 5 }", "[[policy.rules]] number 1 over MXP: is no currency of ISO 4217"),
        ("[[rules]]\nneed = 1\nover = {}", "[[policy.rules]] number 1 over: is empty: fill it, or take it out"),
        ("[[rules]]\nneed = 1\nrequester = true", "has an unknown key 'requester'; did you mean requester_may?"),
        ("[[rules]]\nneed = 1\nhours = '8-20'", "number 1 hours: must be a span of local time"),
        ("[[rules]]\nneed = 1\nhours = '08:00-20:00'", "[policy]: time_zone: is missing, and a rule names hours"),
        ("time_zone = 'Mexico'", "[policy] time_zone: is no time zone"),
        ("totp_up_to = 5", "[policy] totp_up_to: must be a table"),
    ],
)
def test_a_wrong_key_of_the_policy_is_named_in_one_sentence(written: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole sentence is compared
        read_policy(tomllib.loads(written))
    assert said in str(refused.value)


TWO = read_policy({"rules": [{"need": 2}]})
TWO_OF = read_policy({"rules": [{"need": 2, "of": ["ana", "luis"], "requester_may": True}]})


def test_a_policy_that_enough_approvers_can_meet_stops_nothing() -> None:
    assert unmet(None, first_admin()) == ""
    assert unmet(TWO_OF, joined(first_admin(), "luis", APPROVER, ADMIN)) == ""
    assert unmet(TWO, joined(joined(first_admin(), "luis", APPROVER, ADMIN), "eva", APPROVER)) == ""


@pytest.mark.parametrize(
    ("policy", "people", "said"),
    [
        (None, People(), "a live payment needs 1 decision, and only 0 living approvers can give one"),
        (None, add_first_admin(People(), "ana", language="es", at=NOW), "only 0 living approvers can give one"),
        (None, change_roles(first_admin(), "ana", [ADMIN], NOW), "only 0 living approvers can give one"),
        (None, joined(change_roles(first_admin(), "ana", [ADMIN], NOW), "l", APPROVER, kind="totp"), "only 0 living"),
        (None, joined(change_roles(first_admin(), "ana", [ADMIN], NOW), "l", APPROVER, kind="phone"), "only 0 living"),
        (TWO_OF, joined(first_admin(), "eva", APPROVER), "rule number 1 of the policy needs 2 decisions of ana, luis"),
        (TWO_OF, revoke_person(joined(first_admin(), "luis", APPROVER), "luis", NOW), "only 1 living approver can"),
        (TWO, joined(first_admin(), "luis", APPROVER), "only 1 living approver, besides the person who asks, can give"),
        (
            TWO_OF,
            joined(first_admin(), "luis", APPROVER),
            "people and policy change by 2 admins with an active passkey",
        ),
    ],
)
def test_fewer_living_approvers_than_a_rule_needs_is_one_sentence(
    policy: Policy | None, people: People, said: str
) -> None:
    assert said in unmet(policy, people)


def test_a_rule_may_exclude_one_requester_as_long_as_it_can_be_met_for_another() -> None:
    people = joined(joined(first_admin(), "luis", APPROVER, ADMIN), "bot-owner", REQUESTER, kind=None)
    assert unmet(TWO, people) == ""


def test_a_telephone_is_enough_where_text_messages_may_confirm() -> None:
    people = joined(change_roles(first_admin(), "ana", [ADMIN], NOW), "luis", APPROVER, kind="phone")
    assert unmet(read_policy({"sms_up_to": {"MXN": 1}}), people) == ""
    above = {"sms_up_to": {"MXN": 100}, "rules": [{"need": 1, "over": {"MXN": 100}, "requester_may": True}]}
    assert "rule number 1" in unmet(read_policy(above), people)


def test_a_quorum_that_another_implies_is_left_out() -> None:
    one, two = Quorum(need=1, of=("ana", "luis")), Quorum(need=2, of=("ana", "luis"))
    assert without_implied([one, two, one]) == (two,)
    assert without_implied([Quorum(need=1), Quorum(need=1, of=("ana",)), ONE]) == (Quorum(need=1, of=("ana",)),)
    apart = [Quorum(need=2, requester_may=True), Quorum(need=1)]
    assert set(without_implied(apart)) == set(apart)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"of":["ana","luis"]', '"of":["luis","ana"]'),
        ('"of":["ana","luis"]', '"of":["ana","ana"]'),
        ('["passkey","totp"]', '["totp","passkey"]'),
        ('["passkey","totp"]', '["passkey","sms"]'),
        ('"quorums":[', '"quorums":[{},'),
        ('"need":2', '"need":0'),
        ('"need":2', '"need":21'),
    ],
)
def test_a_requirement_that_riel_did_not_write_is_refused(before: str, after: str) -> None:
    quorum = Quorum(need=2, of=("ana", "luis"))
    written = Requirement(quorums=(quorum,), proofs=("passkey", "totp"), asked_at=NOW).to_json()
    assert before in written
    with pytest.raises(ValueError):  # noqa: PT011  # whatever the words: callers take it for tampered
        Requirement.from_json(written.replace(before, after))


# Properties

names = st.sampled_from(["ana", "eva", "luis"])
some_quorums = st.builds(
    Quorum,
    need=st.integers(1, 3),
    of=st.sets(names).map(lambda found: tuple(sorted(found))),
    requester_may=st.booleans(),
)
requirements = st.builds(
    lambda found, proofs, at, version: Requirement(
        quorums=without_implied(found), proofs=tuple(sorted(proofs)), asked_at=at, policy_version=version
    ),
    st.lists(some_quorums, min_size=1, max_size=3),
    st.sets(st.sampled_from(["passkey", "bound_code", "totp", "click"])),
    st.sampled_from([NOON, MIDNIGHT]),
    st.integers(0, 3),
)


@given(requirements, requirements, requirements)
def test_stricter_is_the_same_in_every_order_and_grouping(a: Requirement, b: Requirement, c: Requirement) -> None:
    assert stricter(a, b) == stricter(b, a)
    assert stricter(a, stricter(b, c)) == stricter(stricter(a, b), c)
    assert stricter(a, a) == a


@given(st.lists(some_quorums, min_size=1, max_size=4), st.sets(names), names)
def test_what_an_implied_quorum_would_refuse_the_others_refuse(
    found: list[Quorum], approving: set[str], requester: str
) -> None:
    def is_reached(quorum: Quorum) -> bool:
        counted = approving - (set() if quorum.requester_may else {requester})
        return len(counted & set(quorum.of) if quorum.of else counted) >= quorum.need

    assert all(map(is_reached, found)) == all(map(is_reached, without_implied(found)))
