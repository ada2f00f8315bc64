"""A statement says one thing: no field, and no kind of statement, can be taken for another."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.confirm.statements import (
    NONCE_BYTES,
    admin_statement,
    decision_statement,
    enrolment_statement,
    replay_key,
    sign_in_statement,
)

NONCE = bytes(range(NONCE_BYTES))
DECISION: dict[str, Any] = {
    "challenge_id": "ch-1",
    "digest": bytes(32),
    "policy_version": 3,
    "approver": "ana",
    "verdict": "yes",
}
ENROLMENT: dict[str, Any] = {"control": "people", "person": "ana"}
CHANGE: dict[str, Any] = {
    "admin": "ana",
    "action": "revoke luis",
    "control": "people",
    "version": 4,
    "document": '{"people":[]}',
}
OTHER: dict[str, Any] = {
    "challenge_id": "ch-2",
    "digest": bytes([1] * 32),
    "policy_version": 4,
    "approver": "luis",
    "verdict": "no",
    "control": "people.rehearsal",
    "person": "luis",
    "admin": "luis",
    "action": "add luis",
    "version": 5,
    "document": "{}",
}


def test_a_statement_is_the_same_for_the_same_fields() -> None:
    assert decision_statement(NONCE, **DECISION) == decision_statement(NONCE, **DECISION)
    assert len(decision_statement(NONCE, **DECISION)) == 32


@pytest.mark.parametrize(
    ("make", "fields"),
    [(decision_statement, DECISION), (enrolment_statement, ENROLMENT), (admin_statement, CHANGE)],
)
def test_a_statement_changes_with_every_field_and_with_the_nonce(
    make: Callable[..., bytes], fields: dict[str, Any]
) -> None:
    variants = [make(NONCE, **fields), make(bytes(NONCE_BYTES), **fields)]
    variants += [make(NONCE, **fields | {name: OTHER[name]}) for name in fields]
    assert len(set(variants)) == len(fields) + 2


def test_no_kind_of_statement_is_another() -> None:
    made = {
        decision_statement(NONCE, **DECISION),
        sign_in_statement(NONCE),
        enrolment_statement(NONCE, **ENROLMENT),
        admin_statement(NONCE, **CHANGE),
    }
    assert len(made) == 4


@pytest.mark.parametrize("nonce", [b"", NONCE[1:], NONCE + b"x"])
def test_a_nonce_has_one_length(nonce: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sign_in_statement(nonce)


def test_a_nonce_is_taken_once_whatever_it_was_made_for() -> None:
    assert replay_key(NONCE) == "nonce:" + NONCE.hex()


@given(st.tuples(st.text(max_size=4), st.text(max_size=4)), st.tuples(st.text(max_size=4), st.text(max_size=4)))
def test_no_two_statements_are_written_alike(one: tuple[str, str], other: tuple[str, str]) -> None:
    def said(fields: tuple[str, str]) -> bytes:
        control, person = fields
        return enrolment_statement(NONCE, control=control, person=person)

    assert (said(one) == said(other)) == (one == other)
