"""Every status and every reason of Fintoc's, under all the names it ever had, is what an agent reads of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rail_fintoc.codes import CODES, ERRORS
from rail_fintoc.mapping import created_at, failed_return, json_object, matches_order, to_answer
from rail_fintoc.models import CancelRefund, RefundOfPayment, Return, Verification
from rail_fintoc.orders import TRANSFER
from riel import Money, NothingLearned, Order, Payee, Status

from .harness_support import PAYEE

AT = datetime(2026, 3, 4, 18, tzinfo=UTC)
ORDER = Order(
    kind="payment",
    id="pay_1",
    reference="RIEL1",
    money=Money(50_000, "MXN"),
    payee=Payee(PAYEE),
    body=b"{}",
    created_at=AT,
)


def row(status: str, **said: Any) -> dict[str, Any]:
    return {
        "id": "tr_1",
        "status": status,
        "amount": 50_000,
        "currency": "MXN",
        "transaction_date": "2026-03-04T18:00:00Z",
        "counterparty": {"account_number": PAYEE, "holder_id": "RFC", "holder_name": "Jon Snow"},
    } | said


# The states of 10.3, of 9.7 and of 10.6, and what the core hears of each kind of order in them.
STATES: dict[str, dict[str, Status]] = {
    TRANSFER: {
        "pending": Status.PENDING,
        "succeeded": Status.SETTLED,
        "rejected": Status.REJECTED,
        "failed": Status.REJECTED,
        "returned": Status.RETURNED,
        "return_pending": Status.PENDING,
        "reject_failed": Status.PENDING,
        "of_tomorrow": Status.PENDING,
        "": Status.PENDING,
    },
    Return.OPERATION: {
        "pending": Status.PENDING,
        "return_pending": Status.PENDING,
        "returned": Status.SETTLED,
        "of_tomorrow": Status.PENDING,
    },
    RefundOfPayment.OPERATION: {
        "created": Status.PENDING,
        "pending": Status.PENDING,
        "in_progress": Status.PENDING,
        "succeeded": Status.SETTLED,
        "failed": Status.REJECTED,
        "rejected": Status.REJECTED,
        "canceled": Status.REJECTED,
        "of_tomorrow": Status.PENDING,
    },
    CancelRefund.OPERATION: {
        "created": Status.PENDING,
        "pending": Status.PENDING,
        "canceled": Status.SETTLED,
        "rejected": Status.SETTLED,
        "in_progress": Status.REJECTED,
        "succeeded": Status.REJECTED,
        "failed": Status.REJECTED,
        "of_tomorrow": Status.PENDING,
    },
    Verification.OPERATION: {
        "pending": Status.PENDING,
        "succeeded": Status.SETTLED,
        "failed": Status.REJECTED,
        "of_tomorrow": Status.PENDING,
    },
}


@pytest.mark.parametrize(
    ("operation", "told", "heard"),
    [(operation, told, heard) for operation, each in STATES.items() for told, heard in each.items()],
)
def test_each_status_is_one_of_the_cores(operation: str, told: str, heard: Status) -> None:
    said = to_answer(row(told), ORDER, operation)
    assert (said.status, said.provider_id) == (heard, "tr_1")
    assert (said.settled_at == AT) == (heard is Status.SETTLED)
    ended = heard in {Status.REJECTED, Status.RETURNED}
    assert bool(said.provider_code) == ended
    assert not ended or said.provider_code in ERRORS


OTHER, LATER, OURS = "PAYEE_ACCOUNT_REJECTED", "PAYEE_LIMIT_REACHED", "INVALID_FIELD"
# 10.7 line by line: Banxico's number, every name that Fintoc has given it, and our code.
SPEI: list[tuple[str, str, str]] = [
    ("01", "non_existing_account non_existent_account", OTHER),
    ("02", "blocked_account", OTHER),
    ("03", "canceled_account", OTHER),
    ("05", "wrong_currency account_in_different_currency", OTHER),
    ("06", "non_fintoc_account account_does_not_belong_to_receiving_participant", OTHER),
    ("14", "missing_mandatory_information_to_complete_payment", OURS),
    ("15", "incorrect_payment_type", OURS),
    ("16", "wrong_operation_type incorrect_operation_type", OURS),
    ("17", "account_type_does_not_correspond operation_type_does_not_correspond", OTHER),
    ("19", "invalid_character", OURS),
    ("20", "exceeds_account_limit exceeds_authorized_account_balance_limit", LATER),
    ("21", "exceeds_account_monthly_payments_limit exceeds_allowed_deposit_limit_for_the_month", LATER),
    ("22", "non_registered_mobile_phone mobile_phone_line_number_not_registered", OTHER),
    ("23", "additional_account_does_not_accept_non_banxico_payments", OTHER),
    ("24", "incorrect_additional_information_structure", OURS),
    (
        "25",
        (
            "missing_payment_instruction_due_to_balance_limit_reached account_with_restriction_for_spei_payments "
            "missing_instruction_to_disperse_resources_due_to_balance_limit"
        ),
        OTHER,
    ),
    (
        "26",
        (
            "sender_client_protection_agreement recipient_participant_has_decided_not_to_accept_payments "
            "resolution_from_collaboration_agreement_for_issuer_protection"
        ),
        OTHER,
    ),
    (
        "27",
        "optional_payment_not_accepted_by_recipient_institution optional_payment_not_accepted_by_receiving_participant",
        OTHER,
    ),
    ("28", "codi_payment_without_notification_in_reduced_time", LATER),
    ("30", "duplicate_tracking_key_by_issuer_and_operation_day", OURS),
    ("31", "issuer_certificate_expired", OURS),
]
# 10.8: only the first two pass by themselves.
CCA: list[tuple[str, str]] = [
    ("recipient_institution_timeout", "PAYEE_BANK_UNAVAILABLE"),
    ("recipient_institution_unavailable", "PAYEE_BANK_UNAVAILABLE"),
    ("invalid_recipient_account", OTHER),
    ("recipient_account_not_found", OTHER),
    ("recipient_account_closed", OTHER),
    ("invalid_recipient_holder_id", OTHER),
    ("invalid_holder_id_account_relationship", OTHER),
    ("account_type_not_enabled", OTHER),
    ("recipient_account_disabled_for_tef", OTHER),
    ("product_account_not_enabled", OTHER),
]


@pytest.mark.parametrize("field", ["return_reason", "rejected_reason"])
@pytest.mark.parametrize(("number", "names", "code"), SPEI, ids=[line[0] for line in SPEI])
@pytest.mark.parametrize("status", ["rejected", "returned"])
def test_each_reason_of_spei_is_understood_by_all_its_names(
    field: str, status: str, number: str, names: str, code: str
) -> None:
    for name in (*names.split(), number):
        said = to_answer(row(status, **{field: name}), ORDER, TRANSFER)
        explained = ERRORS[said.provider_code]
        assert explained.code == f"FINTOC_{code}"
        assert explained.retryable == (code == LATER)
        assert said.provider_message == name, "and it is kept as Fintoc wrote it"
        assert said.provider_code == to_answer(row(status, **{field: names.split()[0]}), ORDER, TRANSFER).provider_code


@pytest.mark.parametrize(("name", "code"), CCA)
def test_each_reason_of_chile_is_understood(name: str, code: str) -> None:
    said = to_answer(row("failed", currency="CLP", error_reason=name), ORDER, TRANSFER)
    assert ERRORS[said.provider_code].code == f"FINTOC_{code}"
    assert ERRORS[said.provider_code].retryable == (code == "PAYEE_BANK_UNAVAILABLE")
    assert said.provider_message == name


def test_every_reason_says_something_of_its_own() -> None:
    meanings = {
        ERRORS[to_answer(row("rejected", return_reason=names.split()[0]), ORDER, TRANSFER).provider_code].message
        for _, names, _ in SPEI
    }
    assert len(meanings) == len(SPEI)


@pytest.mark.parametrize("status", ["rejected", "failed", "returned"])
def test_a_reason_of_no_list_is_kept_as_it_was_written_and_the_end_is_told(status: str) -> None:
    for field in ("return_reason", "error_reason"):
        said = to_answer(row(status, **{field: "brand_new_reason"}), ORDER, TRANSFER)
        assert (said.provider_code, said.provider_message) == (f"status:{status}", "brand_new_reason")
        assert ERRORS[said.provider_code].code == f"FINTOC_{status.upper()}"


@pytest.mark.parametrize(
    ("status", "failure_code", "code"),
    [
        ("failed", "fraud_risk", "REFUND_REFUSED"),
        ("failed", "insufficient_funds", "INSUFFICIENT_BALANCE"),
        ("failed", None, "REFUND_FAILED"),
        ("failed", "brand_new", "REFUND_FAILED"),
        ("rejected", None, "REFUND_FAILED"),
        ("canceled", None, "REFUND_CANCELED"),
    ],
)
def test_how_a_refund_ended_is_told(status: str, failure_code: str | None, code: str) -> None:
    said = to_answer(row(status, failure_code=failure_code), ORDER, RefundOfPayment.OPERATION)
    assert ERRORS[said.provider_code] is CODES[f"FINTOC_{code}"]


def test_a_refund_that_is_under_way_can_no_longer_be_taken_back() -> None:
    for status in ("in_progress", "succeeded", "failed"):
        assert (
            ERRORS[to_answer(row(status), ORDER, CancelRefund.OPERATION).provider_code] is CODES["FINTOC_NOT_POSSIBLE"]
        )


def test_a_return_that_failed_is_told() -> None:
    said = failed_return(row("succeeded"))
    assert (said.status, said.provider_id) == (Status.REJECTED, "tr_1")
    assert ERRORS[said.provider_code] is CODES["FINTOC_RETURN_FAILED"]


def test_a_failed_verification_tells_speis_reason() -> None:
    said = to_answer(row("failed", reason="canceled_account"), ORDER, Verification.OPERATION)
    assert (said.provider_code, said.provider_message) == ("return:canceled_account", "canceled_account")


def test_what_fintoc_echoes_goes_along_to_be_compared() -> None:
    said = to_answer(row("pending"), ORDER, TRANSFER)
    assert (said.amount, said.currency, said.account) == (50_000, "MXN", PAYEE)
    assert to_answer(row("pending", currency="mxn"), ORDER, TRANSFER).currency == "MXN"
    of_a_refund = to_answer(row("pending"), ORDER, RefundOfPayment.OPERATION)
    assert (of_a_refund.amount, of_a_refund.account) == (50_000, None)
    of_a_verification = to_answer(row("succeeded"), ORDER, Verification.OPERATION)
    assert (of_a_verification.amount, of_a_verification.currency, of_a_verification.account) == (None, None, PAYEE)
    assert of_a_verification.facts["holderName"] == "Jon Snow"
    assert of_a_verification.facts["holderId"] == "RFC"
    assert "holderName" not in said.facts, "that of a transfer is what we wrote ourselves"


def test_facts_that_fintoc_does_not_tell_are_not_there() -> None:
    assert to_answer(row("pending", tracking_key=None, receipt_url=7), ORDER, TRANSFER).facts == {"fintocId": "tr_1"}
    said = to_answer(
        row("succeeded", tracking_key="2026", receipt_url="https://x", transaction_date="soon"), ORDER, TRANSFER
    )
    assert said.facts == {"fintocId": "tr_1", "trackingKey": "2026", "receiptUrl": "https://x"}
    assert said.settled_at is None


@pytest.mark.parametrize("answered", [None, [], "x", 1])
def test_what_is_no_object_teaches_nothing(answered: Any) -> None:
    with pytest.raises(NothingLearned):
        json_object(answered)


@pytest.mark.parametrize("named", ["transaction_date", "created_at"])
def test_when_a_row_was_made_is_read_and_never_guessed(named: str) -> None:
    assert created_at({named: "2026-03-04T15:00:00-03:00"}) == AT
    for nothing in (None, 1_772_647_200):
        assert created_at({named: nothing}) is None
    for odd in ("soon", "2026-03-04T18:00:00"):
        with pytest.raises(NothingLearned, match="Fintoc tells a time"):
            created_at({named: odd})


OURS = {"metadata": {"riel_reference": "RIEL1"}}


@pytest.mark.parametrize(
    "said",
    [
        {},
        OURS | {"metadata": {"riel_reference": "RIEL2"}},
        OURS | {"id": None},
        OURS | {"id": "../v1/refunds"},
        OURS | {"amount": "50000"},
        OURS | {"amount": None},
        OURS | {"currency": None},
    ],
)
def test_an_answer_about_another_order_or_without_what_is_compared_proves_nothing(said: dict[str, Any]) -> None:
    assert matches_order(row("succeeded", **OURS), ORDER, TRANSFER, "")
    assert not matches_order(row("succeeded", **said), ORDER, TRANSFER, "")
    assert not matches_order("succeeded", ORDER, TRANSFER, "")


def test_what_acts_on_one_object_is_answered_with_that_object() -> None:
    assert matches_order(row("returned"), ORDER, Return.OPERATION, "tr_1")
    assert not matches_order(row("returned", id="tr_2"), ORDER, Return.OPERATION, "tr_1")


def test_a_verification_is_that_of_the_account_that_was_asked_about() -> None:
    assert matches_order({"id": "accv_1", "counterparty": {"account_number": PAYEE}}, ORDER, Verification.OPERATION, "")
    other = {"id": "accv_1", "counterparty": {"account_number": "1"}}
    assert not matches_order(other, ORDER, Verification.OPERATION, "")
