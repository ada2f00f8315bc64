"""Where an order stands is what STP's word for it says, and what nobody explained is neither paid nor failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_spei.codes import ERRORS
from rail_spei.stp.states import STATES, state_of, state_told
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
    assert (state.code, state.word, state.status, state.alert) == (code, word, status, False)
    assert state_of(f" {code} ") == state
    assert state_of(code, sent=False) == state
    assert (ERRORS[state.native].code if state.native else "") == error


@pytest.mark.parametrize(("code", "word"), INBOUND.items())
def test_a_state_of_received_payments_explains_nothing_about_a_sent_one(code: str, word: str) -> None:
    assert state_of(code, sent=False).word == word
    sent = state_of(code)
    assert (sent.word, sent.status, sent.alert, sent.native) == ("pending", Status.PENDING, True, "")


def test_no_state_is_untested() -> None:
    assert {code for code, *_ in SENT} | set(INBOUND) == set(STATES)


@pytest.mark.parametrize("code", ["", "LQX", "L Q", "LIQ", "ZZ", "0", "LQ;D", "lq", "liquidada", "x" * 1000])
def test_a_state_that_nobody_explained_is_pending_and_an_operator_looks(code: str) -> None:
    state = state_of(code)
    assert (state.word, state.status, state.alert, state.native) == ("pending", Status.PENDING, True, "")


@given(st.text())
def test_only_the_catalogue_says_more_than_pending(code: str) -> None:
    state = state_of(code)
    assert state.word == "pending" or code.strip() in STATES
    assert state_told(code).word in {"pending", "success", "returned", "cancelled", "failed"}


def test_rejected_by_an_ambiguous_name_asks_for_a_second_look() -> None:
    assert [code for code, state in STATES.items() if state.ambiguous] == ["CR"]


def test_what_was_relied_on_in_production_is_marked() -> None:
    assert {code for code, state in STATES.items() if state.proven} == {
        "LQ",
        "TLQ",
        "D",
        "CN",
        "TCL",
        "CA",
        "CR",
        "CCO",
    }


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("LQ", "LQ"),
        ("D", "D"),
        ("CN", "CN"),
        ("TLQ", "TLQ"),
        ("Liquidada", "LQ"),
        ("LIQUIDACION", "LQ"),
        ("liquidación", "LQ"),
        ("Success", "LQ"),
        ("Devuelta", "D"),
        ("DEVOLUCION", "D"),
        ("Refund", "D"),
        ("Cancelada", "CN"),
        ("CANCELACION", "CN"),
        ("Cancel", "CN"),
        (" cancelada ", "CN"),
    ],
)
def test_the_words_of_a_webhook_mean_a_state(word: str, code: str) -> None:
    assert state_told(word) == STATES[code]


@pytest.mark.parametrize("word", ["L", "Liberada", "C", "Capturada", "", "Nueva", "desconocida", "registrada"])
def test_a_webhook_that_says_anything_else_settles_nothing(word: str) -> None:
    assert state_told(word).status is Status.PENDING
