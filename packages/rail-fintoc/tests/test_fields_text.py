"""Comments, references, metadata and amounts are what Fintoc takes, and statuses and reasons what it means."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from rail_fintoc.codes import CODES, ERRORS
from rail_fintoc.fields import (
    CLP_CAP,
    FILTERS,
    Comment,
    Metadata,
    ReferenceId,
    TransferState,
    reason_code,
    return_state,
    transfer_state,
    within_cap,
)
from rail_fintoc.fields.reasons import CHILE, MEXICO, Reason
from riel import Money, Status


def refused(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as failure:
        TypeAdapter(kind).validate_python(value, strict=True)
    return failure.value.errors()[0]["type"]


@pytest.mark.parametrize("text", ["x", "Pago de prueba", "ñ" * 40, "1" * 40])
def test_a_comment_stays_as_it_is_written(text: str) -> None:
    assert TypeAdapter[str](Comment).validate_python(text) == text


@pytest.mark.parametrize(
    ("text", "code"), [("", "invalid_comment"), ("x" * 41, "invalid_comment"), ("a\nb", "hidden_character")]
)
def test_a_comment_has_1_to_40_visible_characters(text: str, code: str) -> None:
    assert refused(Comment, text) == code


@pytest.mark.parametrize("text", ["1", "123456", "9999999"])
def test_a_reference_has_up_to_seven_digits(text: str) -> None:
    assert TypeAdapter[str](ReferenceId).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "0", "0123", "12345678", "12a", "-1", "\uff11", "1\n", " 1"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    assert refused(ReferenceId, text) == "invalid_reference_id"


GOOD_METADATA: list[dict[str, Any]] = [
    {},
    {"order": "A-1", "count": 3, "paid": True},
    {f"k{number}": "v" for number in range(49)},
    {"k" * 40: "v" * 500},
]
BAD_METADATA: dict[str, dict[str, Any]] = {
    "50 keys": {f"k{number}": "v" for number in range(50)},
    "an empty key": {"": "v"},
    "a long key": {"k" * 41: "v"},
    "a long value": {"k": "v" * 501},
}


@pytest.mark.parametrize("given", GOOD_METADATA)
def test_metadata_stays_what_it_is(given: dict[str, Any]) -> None:
    taken = TypeAdapter[dict[str, Any]](Metadata).validate_python(given, strict=True)
    assert taken == given
    assert [type(value) for value in taken.values()] == [type(value) for value in given.values()]


@pytest.mark.parametrize("name", BAD_METADATA)
def test_metadata_is_no_more_than_fintoc_takes(name: str) -> None:
    assert refused(Metadata, BAD_METADATA[name]) == "invalid_metadata"


@pytest.mark.parametrize("value", [{"a": 1}, [1], None, b"x", 0.5])
def test_metadata_is_never_nested_and_holds_no_float(value: object) -> None:
    refused(Metadata, {"k": value})


@pytest.mark.parametrize(
    "money", [Money(1, "CLP"), Money(CLP_CAP, "CLP"), Money(7_000_001, "MXN"), Money(2**53 - 1, "MXN")]
)
def test_chile_has_a_cap_and_mexico_has_none(money: Money) -> None:
    assert within_cap(money) is money


@pytest.mark.parametrize(
    ("money", "code"),
    [(Money(7_000_001, "CLP"), "amount_above_cap"), (Money(100, "USD"), "unsupported_currency")],
)
def test_what_one_transfer_cannot_carry_is_refused(money: Money, code: str) -> None:
    with pytest.raises(PydanticCustomError) as failure:
        within_cap(money)
    assert failure.value.type == code
    assert code != "amount_above_cap" or "CLP 7,000,000" in failure.value.message()


# Section 10.3 of the specification, written down here a second time.
PAYING_OUT = {
    "pending": TransferState(Status.PENDING),
    "succeeded": TransferState(Status.SETTLED),
    "rejected": TransferState(Status.REJECTED),
    "failed": TransferState(Status.REJECTED),
    "returned": TransferState(Status.RETURNED),
    "return_pending": TransferState(Status.PENDING, unexpected=True),
    "reject_failed": TransferState(Status.PENDING, unexpected=True),
}
GIVING_BACK = {
    "return_pending": TransferState(Status.PENDING),
    "returned": TransferState(Status.SETTLED),
}


def test_every_status_means_what_fintoc_says() -> None:
    assert set(FILTERS) == set(PAYING_OUT)
    assert {word: transfer_state(word) for word in FILTERS} == PAYING_OUT
    strange = TransferState(Status.PENDING, unexpected=True)
    assert {word: return_state(word) for word in FILTERS} == dict.fromkeys(FILTERS, strange) | GIVING_BACK


@pytest.mark.parametrize("word", ["", "settled", "SUCCEEDED", "brand_new"])
def test_a_status_that_nobody_knows_is_pending_and_strange(word: str) -> None:
    assert transfer_state(word) == return_state(word) == TransferState(Status.PENDING, unexpected=True)


@pytest.mark.parametrize("reason", MEXICO, ids=lambda reason: reason.number)
def test_a_reason_of_mexico_is_the_same_under_all_its_names_and_its_number(reason: Reason) -> None:
    natives = {reason_code("returned", name, None) for name in (*reason.names, reason.number)}
    (native,) = natives
    assert ERRORS[native].message == reason.meaning


@pytest.mark.parametrize("reason", CHILE, ids=lambda reason: reason.names[0])
def test_a_reason_of_chile_is_explained(reason: Reason) -> None:
    assert ERRORS[reason_code("failed", None, reason.names[0])].message == reason.meaning


def test_no_name_of_a_reason_stands_for_two() -> None:
    names = [name for reason in (*MEXICO, *CHILE) for name in reason.names]
    assert len(set(names)) == len(names) == 34 + 10


@pytest.mark.parametrize(
    ("status", "code"),
    [("rejected", "FINTOC_REJECTED"), ("failed", "FINTOC_FAILED"), ("returned", "FINTOC_RETURNED")],
)
@pytest.mark.parametrize("reason", [None, "", "brand_new", 7, {"a": 1}, "99"])
def test_without_a_known_reason_the_status_is_explained(status: str, code: str, reason: object) -> None:
    assert ERRORS[reason_code(status, reason, reason)].code == code


def test_the_same_name_means_one_thing_in_an_error_and_another_in_a_reason() -> None:
    assert "invalid_recipient_account" in ERRORS
    assert ERRORS["failed:invalid_recipient_account"].message != ERRORS["invalid_recipient_account"].message


@pytest.mark.parametrize(
    ("name", "later"),
    [
        ("exceeds_account_limit", True),
        ("exceeds_allowed_deposit_limit_for_the_month", True),
        ("blocked_account", False),
        ("wrong_operation_type", False),
    ],
)
def test_only_a_limit_may_be_gone_later(name: str, later: bool) -> None:
    assert ERRORS[reason_code("returned", name, None)].retryable is later


def test_of_chiles_reasons_only_a_bank_that_was_away_may_be_there_later() -> None:
    later = {reason.names[0] for reason in CHILE if ERRORS[f"failed:{reason.names[0]}"].retryable}
    assert later == {"recipient_institution_timeout", "recipient_institution_unavailable"}


@pytest.mark.parametrize("native", ERRORS)
def test_every_word_of_fintoc_leads_to_a_code_that_is_explained(native: str) -> None:
    known = ERRORS[native]
    assert known.code in CODES
    for sentence in (known.message, known.remedy):
        assert sentence.endswith(".")
        assert "|" not in sentence, "it stands in a table"
        assert sentence.isprintable()
