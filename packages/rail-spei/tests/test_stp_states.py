"""Where an order stands is what STP's word for it says, and what nobody explained is neither paid nor failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_spei.codes import ERRORS
from rail_spei.stp.states import STATES, state_of
from riel import Status

# STP's catalogue of states, written down here a second time.
PENDING = ["C", "PL", "L", "PA", "A", "E", "EA", "EP", "EC", "R", "XC", "XD", "XR", "TC", "TL", "TA"]
SETTLED = ["LQ", "TLQ"]
RETURNED = ["D", "TD", "RE"]
CANCELLED = ["CN", "TCL", "CA", "CR", "CL"]
FAILED = ["RL", "RA", "RB", "EL"]
INBOUND = {"CXO": "pending", "CCE": "pending", "CCO": "success", "CCR": "failed"}

SENT = [
    *((code, "pending", Status.PENDING, "") for code in PENDING),
    *((code, "success", Status.SETTLED, "") for code in SETTLED),
    *((code, "returned", Status.RETURNED, "SPEI_RETURNED") for code in RETURNED),
    *((code, "cancelled", Status.REJECTED, "SPEI_CANCELLED") for code in CANCELLED),
    *((code, "failed", Status.REJECTED, "SPEI_REJECTED") for code in FAILED),
]


@pytest.mark.parametrize(("code", "word", "status", "error"), SENT)
def test_every_state_of_an_order_means_what_it_says(code: str, word: str, status: Status, error: str) -> None:
    state = state_of(code)
    assert (state.code, state.kind, state.status, state.alert) == (code, word, status, False)
    assert state_of(f" {code} ") == state
    assert state_of(code, sent=False) == state
    assert (ERRORS[state.provider_code].code if state.provider_code else "") == error


@pytest.mark.parametrize(("code", "word"), INBOUND.items())
def test_a_state_of_received_payments_explains_nothing_about_a_sent_one(code: str, word: str) -> None:
    assert state_of(code, sent=False).kind == word
    sent = state_of(code)
    assert (sent.kind, sent.status, sent.alert, sent.provider_code) == ("pending", Status.PENDING, True, "")


def test_no_state_is_untested() -> None:
    assert {code for code, *_ in SENT} | set(INBOUND) == set(STATES)


@pytest.mark.parametrize("code", ["", "LQX", "L Q", "LIQ", "ZZ", "0", "LQ;D", "lq", "liquidada", "x" * 1000])
def test_a_state_that_nobody_explained_is_pending_and_an_operator_looks(code: str) -> None:
    state = state_of(code)
    assert (state.kind, state.status, state.alert, state.provider_code) == ("pending", Status.PENDING, True, "")


@given(st.text())
def test_only_the_catalogue_says_more_than_pending(code: str) -> None:
    state = state_of(code)
    assert state.kind == "pending" or code.strip() in STATES


def test_rejected_by_an_ambiguous_name_asks_for_a_second_look() -> None:
    assert [code for code, state in STATES.items() if state.ambiguous] == ["CR"]
