"""Every code an agent can meet is explained once: what it means, what helps, and whether another try may."""

import ast
from pathlib import Path

import pytest

import rail_spei
import riel_mexico
from rail_spei.codes import CODES, ERRORS, REFUSALS
from rail_spei.stp.causes import CAUSES
from rail_spei.stp.refusals import CATALOGUE
from rail_spei.stp.states import STATES

# The codes of the tools, and whether the same call may succeed later; written down here a second time.
PROMISED: dict[str, bool] = {
    "SPEI_INVALID_CLABE": False,
    "SPEI_UNKNOWN_INSTITUTION": False,
    "SPEI_INSTITUTION_INACTIVE": False,
    "SPEI_ACCOUNT_TYPE_NOT_SUPPORTED": False,
    "SPEI_INVALID_AMOUNT": False,
    "SPEI_INVALID_CONCEPT": False,
    "SPEI_INVALID_RECIPIENT_NAME": False,
    "SPEI_INVALID_TRACKING_KEY": False,
    "SPEI_INVALID_FIELD": False,
    "SPEI_SAME_ACCOUNT": False,
    "SPEI_SOURCE_ACCOUNT_REJECTED": False,
    "SPEI_COMPLIANCE_REJECTED": False,
    "SPEI_DUPLICATE_TRACKING_KEY": False,
    "SPEI_DUPLICATE_REQUEST": False,
    "SPEI_SIGNATURE_REJECTED": False,
    "SPEI_PROVIDER_ACCESS_DENIED": False,
    "SPEI_PROVIDER_MAINTENANCE": True,
    "SPEI_PROVIDER_UNAVAILABLE": True,
    "SPEI_OUTCOME_UNKNOWN": False,
    "SPEI_RETURNED": False,
    "SPEI_RETURN_AT_CUTOFF": True,
    "SPEI_REJECTED": False,
    "SPEI_CANCELLED": False,
    "SPEI_NOT_FOUND": False,
    "SPEI_REFUND_NOT_POSSIBLE": False,
}


def test_the_codes_are_the_promised_ones() -> None:
    assert {code: known.retryable for code, known in CODES.items()} == PROMISED


@pytest.mark.parametrize("native", ERRORS)
def test_every_word_of_stp_leads_to_one_of_them(native: str) -> None:
    known = ERRORS[native]
    assert known.retryable == CODES[known.code].retryable
    for sentence in (known.message, known.remedy):
        assert sentence.endswith(".")
        assert "|" not in sentence, "it stands in a table"
        assert sentence.isprintable()


def test_ids_states_causes_and_our_own_names_do_not_take_each_others_place() -> None:
    ours = [code.removeprefix("SPEI_").lower() for code in CODES]
    theirs = [row.provider_code for row in CATALOGUE]
    states = [state.provider_code for state in STATES.values() if state.provider_code]
    causes = [cause.provider_code for cause in CAUSES.values()]
    names = [*ours, *theirs, *states, *causes]
    assert len(set(names)) == len(names)
    assert set(names) <= set(ERRORS)


def test_an_unknown_outcome_or_a_used_key_is_never_a_refusal() -> None:
    assert not {"0", "0:no_answer", "0:no_entity", "-1", "-2", "5", "-100", "outcome_unknown"} & REFUSALS
    assert set(ERRORS) >= REFUSALS
    assert not any(ERRORS[native].code == "SPEI_OUTCOME_UNKNOWN" for native in REFUSALS)


def test_no_word_of_stp_can_be_taken_for_an_error_of_a_validator() -> None:
    for native in REFUSALS - {"duplicate_tracking_key"}:
        assert native.lstrip("-")[0].isdigit() or ":" in native


def test_what_our_validators_refuse_is_explained() -> None:
    source = Path(rail_spei.__file__).parent
    refused = {
        call.args[0].value
        for room in (source / "fields", source / "institutions", Path(riel_mexico.__file__).parent)
        for file in room.glob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "PydanticCustomError"
        and isinstance(call.args[0], ast.Constant)
    }
    assert {"invalid_clabe", "unknown_institution", "institution_inactive"} <= refused
    unexplained = refused - set(ERRORS)
    assert unexplained <= {"participant"}, "only a row of the operator's own table is not for an agent"
