"""Each country's payment is checked before anybody is asked; one account and one holder are always written alike."""

from typing import Any

import pytest
from pydantic import ValidationError

from rail_fintoc.codes import ERRORS
from rail_fintoc.models import CancelRefund, FintocPayment, FintocReceipt, FintocRefund, RefundOfPayment, Return
from riel import Payee

from .harness_support import CHILE, MEXICO, PAYEE, FintocBank

CARD, PHONE = "4111111111111111", "5512345678"


def paying(base: Any = MEXICO, **change: Any) -> FintocPayment:
    said = {**base, **change}
    return FintocPayment.model_validate({name: value for name, value in said.items() if value is not ...})


def refusal(base: Any = MEXICO, **change: Any) -> tuple[str, str]:
    """The type of the first error, and our code for it."""
    with pytest.raises(ValidationError) as refused:
        paying(base, **change)
    error = refused.value.errors(include_context=False)[0]
    assert not any(str(value) in str(refused.value) for value in change.values() if len(str(value)) > 6)
    known = ERRORS.get(error["type"])
    return error["type"], known.code if known else ""


@pytest.mark.parametrize(
    ("written", "account"),
    [(PAYEE, PAYEE), ("014 027 00000555555 8", PAYEE), ("014-027-00000555555-8", PAYEE)],
)
def test_a_clabe_is_always_written_alike(written: str, account: str) -> None:
    payment = paying(accountNumber=written)
    assert payment.account_number == account
    assert payment.payee() == Payee(account, name="José Núñez", institution="Santander")
    assert payment.purpose() == "Factura 42"


@pytest.mark.parametrize("number", [CARD, PHONE])
def test_a_card_or_a_telephone_needs_its_institution(number: str) -> None:
    assert paying(accountNumber=number, institutionId="40012").payee().institution == "BBVA México"
    assert refusal(accountNumber=number) == ("invalid_institution", "FINTOC_INVALID_INSTITUTION")
    assert refusal(accountNumber=number, institutionId="cl_banco_estado")[0] == "invalid_institution"


@pytest.mark.parametrize("written", ["11.111.111-1", "11111111-1", "111111111", "0011.111.111-1"])
def test_a_rut_is_always_written_alike(written: str) -> None:
    assert paying(CHILE, holderId=written).holder_id == "111111111"


@pytest.mark.parametrize("written", ["12345678", "12 345 678", "12.345.678", "1234-5678"])
def test_a_number_of_chile_is_always_written_alike(written: str) -> None:
    payment = paying(CHILE, accountNumber=written)
    assert payment.payee() == Payee("12345678", name="Juan Pérez", institution="BancoEstado")


# Whose payment, what is changed in it, and the code that the agent reads.
WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (MEXICO, {"accountNumber": "014027000005555559"}, "FINTOC_INVALID_CLABE"),
    (MEXICO, {"accountNumber": "1234"}, "FINTOC_INVALID_ACCOUNT_NUMBER"),
    (MEXICO, {"accountNumber": "4111111111111112", "institutionId": "40012"}, "FINTOC_INVALID_ACCOUNT_NUMBER"),
    (MEXICO, {"institutionId": "40012"}, "FINTOC_INVALID_INSTITUTION"),
    (MEXICO, {"institutionId": "cl_banco_estado"}, "FINTOC_INVALID_INSTITUTION"),
    (MEXICO, {"accountType": "checking_account"}, "FINTOC_INVALID_ACCOUNT_TYPE"),
    (MEXICO, {"comment": "x" * 41}, "FINTOC_INVALID_COMMENT"),
    (MEXICO, {"comment": ""}, "FINTOC_INVALID_COMMENT"),
    (MEXICO, {"referenceId": "0123"}, "FINTOC_INVALID_REFERENCE_ID"),
    (MEXICO, {"referenceId": "12345678"}, "FINTOC_INVALID_REFERENCE_ID"),
    (CHILE, {"holderId": "11.111.111-2"}, "FINTOC_INVALID_RUT"),
    (CHILE, {"holderId": ...}, "FINTOC_INVALID_HOLDER_ID"),
    (CHILE, {"accountType": ...}, "FINTOC_INVALID_ACCOUNT_TYPE"),
    (CHILE, {"institutionId": ...}, "FINTOC_INVALID_INSTITUTION"),
    (CHILE, {"institutionId": "40012"}, "FINTOC_INVALID_INSTITUTION"),
    (CHILE, {"accountNumber": "no number"}, "FINTOC_INVALID_ACCOUNT_NUMBER"),
    (CHILE, {"amount": 7_000_001}, "FINTOC_AMOUNT_ABOVE_CAP"),
]


@pytest.mark.parametrize(("base", "change", "code"), WRONG, ids=lambda value: str(value)[:30])
def test_what_is_wrong_has_its_own_code_and_is_not_repeated(base: Any, change: dict[str, Any], code: str) -> None:
    assert refusal(base, **change)[1] == code


def test_the_cap_is_chiles_alone_and_includes_its_own_amount() -> None:
    assert paying(CHILE, amount=7_000_000).amount == 7_000_000
    assert paying(MEXICO, amount=700_000_001).amount == 700_000_001


@pytest.mark.parametrize("amount", [0, -1, 1.0, "100", True, None, 10**30])
@pytest.mark.parametrize("base", [MEXICO, CHILE])
def test_an_amount_is_a_whole_number_of_minor_units(base: Any, amount: Any) -> None:
    with pytest.raises(ValidationError):
        paying(base, amount=amount)


@pytest.mark.parametrize("currency", ["mxn", "USD", "", None, "CLF"])
def test_two_currencies_are_moved(currency: Any) -> None:
    with pytest.raises(ValidationError):
        paying(currency=currency)


@pytest.mark.parametrize("name", ["recipientName", "comment", "holderId"])
def test_text_shows_all_that_it_holds(name: str) -> None:
    for text in ("a\u202eb", "a\nb", " a", "a\x00"):
        with pytest.raises(ValidationError):
            paying(**{name: text})


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(ValidationError):
        paying(email="a@b.cl")


@pytest.mark.parametrize("unset", ["jws_private_key", "account_id"])
def test_a_payment_that_this_server_cannot_send_is_refused_at_the_question(unset: str) -> None:
    settings = FintocBank(overrides={unset: ...}).settings
    with pytest.raises(ValidationError, match=f"RIEL_FINTOC_{unset.upper()} is not set") as refused:
        FintocPayment.model_validate(dict(MEXICO), context=settings)
    assert ERRORS[refused.value.errors()[0]["type"]].code == "FINTOC_NOT_SET_UP"


def test_taking_a_refund_back_is_a_request_and_the_others_are_payments() -> None:
    assert CancelRefund.kind == "request"
    assert {FintocPayment.kind, Return.kind, RefundOfPayment.kind} == {"payment"}


def test_a_refund_says_of_what_and_why() -> None:
    assert FintocRefund.model_validate({"reference": "pi_1", "reason": "late"}).amount is None
    for wrong in ({"reference": "pi_1"}, {"reference": "", "reason": "x"}, {"reference": "pi_1", "reason": "x" * 141}):
        with pytest.raises(ValidationError):
            FintocRefund.model_validate(wrong)


def test_a_receipt_takes_whatever_fintoc_brings() -> None:
    told = FintocReceipt.model_validate({"status": "success", "fintocId": "tr_1", "brand_new": {"a": 1}})
    assert told.model_dump(exclude_none=True, by_alias=True) == {"status": "success", "fintocId": "tr_1"}


def test_the_person_reads_whatever_the_payee_would_see() -> None:
    told = paying(referenceId="123", holderId="LFHU290523OG0")
    assert (told.purpose(), dict(told.details())) == ("Factura 42 (LFHU290523OG0)", {"Reference": "123"})
    assert paying().purpose() == "Factura 42"


@pytest.mark.parametrize("kind", ["checking_account", "sight_account", "savings_account"])
def test_the_person_reads_which_of_the_holders_accounts_is_paid_in_chile(kind: str) -> None:
    told = paying(CHILE, accountType=kind).details()
    assert told["Account type"].startswith(kind.replace("_", " "))
    assert told["Holder's RUT"]
    assert "Account type" not in paying().details()
