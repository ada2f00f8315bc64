"""Which decisions count, and when they are enough: for people as they are now, and never more for having lost some."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.confirm.decisions import Decision, Weighing, objection, shortfall, weigh
from riel.confirm.people import People
from riel.confirm.people_changes import (
    ChangeRefused,
    activate,
    change_roles,
    change_subjects,
    enroll,
    revoke_credential,
    revoke_person,
)
from riel.confirm.requirement import How, Quorum, Requirement, stricter, without_implied

from .people_support import (
    ADMIN,
    APPROVER,
    AUDITOR,
    MINUTE,
    NOW,
    REQUESTER,
    armed,
    credential,
    first_admin,
    joined,
)

LATER = NOW + MINUTE


def team() -> People:
    """Ana is admin and asks through ``bot``; luis and eva decide; max reads the record."""
    people = joined(first_admin(subjects=["bot"]), "luis", APPROVER, ADMIN)
    people = joined(people, "eva", APPROVER, REQUESTER)
    return joined(people, "max", AUDITOR)


TEAM = team()


def needing(need: int = 1, *of: str, requester_may: bool = False, proofs: Sequence[How] = ("passkey",)) -> Requirement:
    quorum = Quorum(need=need, of=tuple(sorted(of)), requester_may=requester_may)
    return Requirement(quorums=(quorum,), proofs=tuple(sorted(proofs)), asked_at=NOW)


def said(approver: str, verdict: Any = "yes", how: How = "passkey", **changes: Any) -> Decision:
    decision = Decision(
        challenge_id="ch-1",
        approver=approver,
        verdict=verdict,
        how=how,
        credential=f"{approver}-{'phone' if how == 'bound_code' else how}" if how != "click" else "",
        replay_key=f"nonce-of-{approver}",
        policy_version=1,
        at=LATER,
    )
    return replace(decision, **changes)


def weighed(requirement: Requirement, *decisions: Decision, people: People = TEAM, requester: str = "bot") -> Weighing:
    """The weighing; an objection to any of the decisions agrees with what they count for."""
    result = weigh(requirement, decisions, people, requester)
    for one in decisions:
        if one.verdict == "yes":
            assert (objection(one, requirement, people, requester) == "") == (one.approver in result.approvers)
    return result


def test_one_decision_is_enough_where_one_is_needed() -> None:
    assert weighed(needing(), said("luis")) == Weighing(approvers=("luis",), need=1, approved=True)


def test_nothing_is_approved_without_a_decision() -> None:
    assert weighed(needing()) == Weighing(approvers=(), need=1, approved=False)


def test_two_people_are_needed_and_not_two_decisions_of_one() -> None:
    people = armed(TEAM, "luis", "totp")
    both = needing(2, proofs=["passkey", "totp"])
    result = weighed(both, said("luis"), said("luis", how="totp"), people=people)
    assert result == Weighing(approvers=("luis",), need=2, approved=False)
    assert weighed(both, said("luis"), said("eva"), people=people).approved


def test_the_requester_decides_only_where_the_policy_says_so() -> None:
    assert not weighed(needing(), said("ana")).approved
    assert weighed(needing(requester_may=True), said("ana")).approved
    assert "ana may not decide about a payment that was asked for on their own behalf" in objection(
        said("ana"), needing(), TEAM, "bot"
    )


def test_the_requester_is_known_by_name_and_by_every_machine_of_theirs() -> None:
    for requester in ("ana", "bot"):
        assert not weighed(needing(), said("ana"), requester=requester).approved


def test_where_the_requester_may_not_decide_an_unknown_requester_is_approved_by_nobody() -> None:
    assert not weighed(needing(), said("luis"), requester="stranger").approved
    assert "not known on whose behalf" in objection(said("luis"), needing(), TEAM, "stranger")
    assert weighed(needing(requester_may=True), said("luis"), requester="stranger").approved


def test_only_those_whom_the_rule_names_count() -> None:
    assert not weighed(needing(1, "luis"), said("eva")).approved
    assert weighed(needing(1, "luis"), said("luis"), said("eva")) == Weighing(
        approvers=("luis",), need=1, approved=True
    )


def test_every_quorum_must_be_reached_and_one_decision_may_count_for_several() -> None:
    quorums = without_implied([Quorum(need=1, of=("eva",)), Quorum(need=2, requester_may=True)])
    requirement = Requirement(quorums=quorums, proofs=("passkey",), asked_at=NOW)
    assert weighed(requirement, said("ana"), said("luis")) == Weighing(
        approvers=("ana", "luis"), need=3, approved=False
    )
    assert weighed(requirement, said("ana"), said("eva")) == Weighing(approvers=("ana", "eva"), need=2, approved=True)


def test_one_no_ends_it_whatever_the_others_say() -> None:
    result = weigh(needing(), [said("luis"), said("eva", "no")], TEAM, "bot")
    assert (result.approved, result.declined, result.declined_by) == (False, True, "eva")
    assert result.approvers == ("luis",)


def test_a_no_stays_a_no_when_its_approver_is_revoked_or_loses_the_role() -> None:
    decisions = [said("luis"), said("eva", "no")]
    for people in (revoke_person(TEAM, "eva", LATER), change_roles(TEAM, "eva", [], LATER)):
        assert weigh(needing(), decisions, people, "bot").declined_by == "eva"


def test_a_no_needs_no_proof_but_an_approver_or_the_one_who_asked() -> None:
    no = said("eva", "no", how="click")
    assert objection(no, needing(1, "luis"), TEAM, "bot") == ""
    assert objection(replace(no, approver="ana"), needing(), change_roles(TEAM, "ana", [ADMIN], NOW), "bot") == ""
    for nobody in ("max", "stranger"):
        assert objection(replace(no, approver=nobody), needing(), TEAM, "bot") == f"{nobody} is no approver"
    assert objection(no, needing(), revoke_person(TEAM, "eva", NOW), "bot") == "eva is no approver"
    assert objection(replace(no, approver="local"), needing(), TEAM, "local") == "local is no approver"


def test_an_approver_revoked_between_the_first_and_the_second_decision_counts_no_more() -> None:
    decisions = [said("luis"), said("eva")]
    assert weighed(needing(2), *decisions).approved
    for people in (
        revoke_person(TEAM, "luis", LATER),
        revoke_credential(TEAM, "luis-passkey", LATER),
        change_roles(TEAM, "luis", [ADMIN], LATER),
    ):
        assert weighed(needing(2), *decisions, people=people) == Weighing(approvers=("eva",), need=2, approved=False)


@pytest.mark.parametrize(
    ("people", "decision", "why"),
    [
        (TEAM, said("stranger"), "stranger is no approver"),
        (TEAM, said("max"), "max is no approver"),
        (TEAM, said("luis", credential="eva-passkey"), "luis has no such credential"),
        (TEAM, said("luis", credential=""), "luis has no such credential"),
        (TEAM, said("luis", how="totp"), "this payment is not confirmed by a totp"),
        (TEAM, said("luis", how="bound_code"), "this payment is not confirmed by a bound code"),
        (TEAM, said("luis", how="click"), "this payment is not confirmed by a click"),
        (
            enroll(TEAM, "luis", credential("new")),
            said("luis", credential="new"),
            "this credential of luis is inactive",
        ),
        (
            revoke_credential(TEAM, "luis-passkey", NOW),
            said("luis"),
            "this credential of luis is revoked",
        ),
        (
            activate(enroll(TEAM, "luis", credential("new")), "new", "ana", LATER + MINUTE),
            said("luis", credential="new"),
            "this credential of luis was not active yet",
        ),
        (
            joined(TEAM, "leo", APPROVER, at=LATER + MINUTE),
            said("leo"),
            "leo is no approver",
        ),
    ],
)
def test_a_decision_counts_only_from_a_living_approver_with_a_credential_in_force(
    people: People, decision: Decision, why: str
) -> None:
    assert objection(decision, needing(), people, "bot") == why
    assert weighed(needing(), decision, people=people) == Weighing(approvers=(), need=1, approved=False)


def test_a_right_counts_from_the_moment_at_which_it_was_given() -> None:
    people = joined(TEAM, "leo", APPROVER, at=LATER)
    assert weighed(needing(), said("leo", at=LATER), people=people).approved
    assert not weighed(needing(), said("leo", at=LATER - MINUTE / 60), people=people).approved
    assert weighed(needing(2), said("leo"), said("luis"), people=joined(TEAM, "leo", APPROVER, at=NOW)).approved


def test_a_passkey_is_not_taken_for_a_code_nor_a_code_for_a_passkey() -> None:
    people, both = armed(TEAM, "luis", "totp"), needing(proofs=["passkey", "totp"])
    assert weighed(both, said("luis", how="totp"), people=people).approved
    assert not weighed(both, said("luis", how="totp", credential="luis-passkey"), people=people).approved
    assert not weighed(both, said("luis", credential="luis-totp"), people=people).approved


def test_where_two_are_needed_people_who_came_after_the_question_do_not_count() -> None:
    late = joined(TEAM, "leo", APPROVER, at=NOW + MINUTE / 2)
    assert not weighed(needing(2), said("luis"), said("leo"), people=late).approved
    assert weighed(needing(1), said("leo"), people=late).approved
    new_passkey = activate(enroll(TEAM, "eva", credential("new")), "new", "ana", NOW + MINUTE / 2)
    assert not weighed(needing(2), said("luis"), said("eva", credential="new"), people=new_passkey).approved
    assert weighed(needing(1), said("eva", credential="new"), people=new_passkey).approved


def test_in_a_rehearsal_whoever_sits_at_the_machine_decides_with_one_click() -> None:
    rehearsal = needing(requester_may=True, proofs=["click", "passkey"])
    assert weighed(rehearsal, said("local", how="click"), people=People(), requester="local").approved
    assert not weighed(rehearsal, said("other", how="click"), people=People(), requester="local").approved
    assert not weighed(rehearsal, said("local"), people=People(), requester="local").approved
    assert objection(said("local", "no", "click"), rehearsal, People(), "local") == ""
    assert objection(said("other", "no", "click"), rehearsal, People(), "local") == "other is no approver"


def test_in_a_rehearsal_with_people_a_click_is_an_approvers() -> None:
    rehearsal = needing(2, proofs=["click"])
    assert weighed(rehearsal, said("luis", how="click"), said("eva", how="click")).approved
    assert not weighed(rehearsal, said("luis", how="click"), said("max", how="click")).approved


def test_a_click_never_counts_for_live_money_also_where_there_is_nobody() -> None:
    assert not weighed(
        needing(requester_may=True), said("local", how="click"), people=People(), requester="local"
    ).given


def test_what_nobody_can_approve_is_said_when_it_is_asked() -> None:
    assert shortfall(needing(2), TEAM, "bot", LATER) == ""
    assert "this payment needs 2 approvals, and only 1 of the people" in shortfall(
        needing(2, "ana", "luis"), TEAM, "bot", LATER
    )
    assert shortfall(needing(2, "ana", "luis"), TEAM, "eva", LATER) == ""
    assert "needs 1 approval, and only 0" in shortfall(needing(), TEAM, "stranger", LATER)
    assert "needs 1 approval, and only 0" in shortfall(needing(requester_may=True), People(), "local", LATER)
    assert shortfall(needing(requester_may=True, proofs=["click"]), People(), "local", LATER) == ""
    assert "only 0" in shortfall(needing(proofs=["totp"]), TEAM, "bot", LATER)


def test_of_all_pairs_in_a_small_world_the_stricter_never_approves_what_either_refuses() -> None:
    kinds = [(1, (), True), (1, (), False), (1, ("eva",), False), (2, (), True), (2, ("eva", "luis"), False)]
    quorums = [Quorum(need=need, of=of, requester_may=may) for need, of, may in kinds]
    every = [
        Requirement(quorums=(quorum,), proofs=proofs, asked_at=asked)
        for quorum in quorums
        for proofs in (("passkey",), ("passkey", "totp"))
        for asked in (NOW - 300 * MINUTE, NOW)
    ]
    yes = [said("ana"), said("eva"), said("luis"), said("eva", how="totp"), said("luis", how="totp")]
    given_ = [[one] for one in yes] + [[one, other] for one in yes for other in yes if one.approver < other.approver]
    alone = {one.to_json(): [weigh(one, decided, FULL, "bot").approved for decided in given_] for one in every}
    assert any(map(any, alone.values()))
    for one, other in combinations_with_replacement(every, 2):
        both = [weigh(stricter(one, other), decided, FULL, "bot").approved for decided in given_]
        for together, *apart in zip(both, alone[one.to_json()], alone[other.to_json()], strict=True):
            assert all(apart) or not together


# Properties: whatever was decided, and whatever became of the people.

NAMES = ("ana", "luis", "eva", "max")
decisions = st.lists(
    st.builds(
        said,
        st.sampled_from([*NAMES, "stranger"]),
        st.sampled_from(["yes"] * 9 + ["no"]),
        how=st.sampled_from(["passkey", "totp", "click"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one.approver,
)
some_quorums = st.builds(
    Quorum,
    need=st.sampled_from([1, 1, 2, 3]),
    of=st.just(()) | st.sets(st.sampled_from(NAMES), min_size=1).map(lambda found: tuple(sorted(found))),
    requester_may=st.booleans(),
)
requirements = st.builds(
    lambda quorums, proofs, asked: Requirement(
        quorums=without_implied(quorums), proofs=tuple(sorted({"passkey", *proofs})), asked_at=asked
    ),
    st.lists(some_quorums, min_size=1, max_size=2),
    st.sets(st.sampled_from(["totp", "click"])),
    st.sampled_from([NOW - 300 * MINUTE, NOW]),
)
requesters = st.sampled_from(["bot", "luis", "eva", "stranger"])
withdrawals: st.SearchStrategy[list[Callable[[People], People]]] = st.lists(
    st.sampled_from(
        [lambda people, name=name: revoke_person(people, name, LATER) for name in NAMES]
        + [lambda people, name=name: revoke_credential(people, f"{name}-passkey", LATER) for name in NAMES]
        + [lambda people, name=name: change_roles(people, name, [AUDITOR], LATER) for name in NAMES]
        + [lambda people: change_subjects(people, "ana", [])]
    ),
    max_size=3,
)
FULL = armed(armed(TEAM, "luis", "totp"), "eva", "totp")


def without(people: People, changes: Sequence[Callable[[People], People]]) -> People:
    for change in changes:
        try:
            people = change(people)
        except ChangeRefused:
            continue
    return people


@given(requirements, requirements, decisions, requesters)
def test_a_stricter_requirement_never_approves_what_a_looser_one_refuses(
    one: Requirement, other: Requirement, given_: list[Decision], requester: str
) -> None:
    if weigh(stricter(one, other), given_, FULL, requester).approved:
        assert weigh(one, given_, FULL, requester).approved
        assert weigh(other, given_, FULL, requester).approved


@given(requirements, decisions, requesters, withdrawals)
def test_taking_a_right_away_approves_nothing(
    requirement: Requirement, given_: list[Decision], requester: str, changes: list[Callable[[People], People]]
) -> None:
    before = weigh(requirement, given_, FULL, requester)
    after = weigh(requirement, given_, without(FULL, changes), requester)
    assert before.approved or not after.approved
    assert set(after.approvers) <= set(before.approvers)
    assert before.declined == after.declined


@given(requirements, decisions, requesters, st.randoms(use_true_random=False))
def test_the_order_of_decisions_does_not_matter(
    requirement: Requirement, given_: list[Decision], requester: str, random: Any
) -> None:
    shuffled = list(given_)
    random.shuffle(shuffled)
    assert weigh(requirement, given_, FULL, requester) == weigh(requirement, shuffled, FULL, requester)


@given(requirements, decisions, requesters)
def test_a_decision_counts_exactly_where_nothing_is_said_against_it(
    requirement: Requirement, given_: list[Decision], requester: str
) -> None:
    weighed(requirement, *given_, people=FULL, requester=requester)


@given(requirements, decisions, requesters)
def test_what_is_approved_has_enough_people_none_of_whom_said_no(
    requirement: Requirement, given_: list[Decision], requester: str
) -> None:
    result = weigh(requirement, given_, FULL, requester)
    if result.approved:
        assert {one.verdict for one in given_} == {"yes"}
        assert result.need == result.given >= requirement.need
        assert not shortfall(requirement, FULL, requester, LATER)


@given(requirements, decisions, requesters)
def test_one_more_no_approves_nothing(requirement: Requirement, given_: list[Decision], requester: str) -> None:
    assert not weigh(requirement, [*given_, said("max", "no")], FULL, requester).approved
