"""Which state may follow which: the whole table, said once more and in other words than the code's."""

from typing import get_args

import pytest

from riel.journal.events import TOPICS
from riel.journal.records import State
from riel.journal.transitions import BY_AN_OPERATOR, ON_EVIDENCE, WITH_THE_LEASE, allowed
from riel.rail import Kind

S = State

TABLE = """
             sending  pending  settled  returned unknown  rejected review
    sending  lease    any      any      any      lease    lease    lease
    pending  -        -        any      any      -        lease    lease
    settled  -        -        -        any      -        -        lease
    returned -        -        -        -        -        -        -
    unknown  lease    any      any      any      -        lease    lease
    rejected -        any      any      any      -        -        lease
    review   -        any      any      any      -        -        -
"""
"""From each row to each column: whoever brings the proof, only with the newest lease, or never."""


def rows() -> list[tuple[State, State, str]]:
    head, *lines = [line.split() for line in TABLE.strip().splitlines()]
    return [(S(before), S(after), word) for before, *words in lines for after, word in zip(head, words, strict=True)]


@pytest.mark.parametrize(("before", "after", "authority"), rows())
def test_a_step_has_the_authority_of_the_table(before: State, after: State, authority: str) -> None:
    assert allowed(before, after, leased=False) == (authority == "any")
    assert allowed(before, after, leased=True) == (authority in {"any", "lease"})


def test_every_state_is_in_every_table() -> None:
    assert set(ON_EVIDENCE) == set(WITH_THE_LEASE) == {before for before, _, _ in rows()} == set(S)


def test_nobody_concludes_a_no_without_the_lease() -> None:
    negative = {S.REJECTED, S.UNKNOWN, S.REVIEW, S.SENDING}
    assert not any(after in negative for reached in ON_EVIDENCE.values() for after in reached)


def test_proof_that_money_moved_is_never_turned_away() -> None:
    for before in set(S) - {S.SETTLED, S.RETURNED}:
        assert {S.SETTLED, S.RETURNED} <= ON_EVIDENCE[before]


def test_what_settled_never_becomes_unpaid() -> None:
    for before in (S.SETTLED, S.RETURNED):
        assert not {S.SENDING, S.PENDING, S.UNKNOWN, S.REJECTED} & (ON_EVIDENCE[before] | WITH_THE_LEASE[before])


def test_an_operator_decides_what_is_in_review_and_decides_it_for_good() -> None:
    assert {S.REVIEW: {S.SETTLED, S.REJECTED}} == BY_AN_OPERATOR


def test_others_are_told_of_every_end() -> None:
    ends = {S.SETTLED, S.RETURNED, S.REJECTED, S.REVIEW}
    assert set(TOPICS) == {(kind, state) for kind in get_args(Kind) for state in ends}
    assert all(topic == f"{kind}.{state}" for (kind, state), topic in TOPICS.items())
