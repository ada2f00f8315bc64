"""Bad input never reaches the bank: it is refused here, with a code and a place."""

from typing import Any

import pytest
from pydantic import ValidationError

from rail_mock.codes import ERRORS
from rail_mock.models import MockLookup, MockPayment, MockReceipt, MockRefund

GOOD: dict[str, Any] = {
    "account": "0123456789",
    "amount": 50_000,
    "concept": "Invoice 42",
    "recipientName": "Empresa Demo SA de CV",
}


def refusal(model: type[Any], arguments: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(arguments)
    (error,) = refused.value.errors()
    for value in arguments.values():
        assert str(value) not in str(refused.value) or len(str(value)) < 4
    return str(error["loc"][0]), error["type"]


def test_a_good_payment_says_who_is_paid_and_what_for() -> None:
    payment = MockPayment.model_validate(GOOD)
    assert (payment.payee().account, payment.payee().name) == ("0123456789", "Empresa Demo SA de CV")
    assert payment.purpose() == "Invoice 42"


@pytest.mark.parametrize(
    "account", ["012345678", "01234567890", "012345678a", "", "٠١٢٣٤٥٦٧٨٩", "0123456789\n", " 123456789"]
)
def test_an_account_that_is_not_ten_digits_has_a_code_of_its_own(account: str) -> None:
    assert refusal(MockPayment, GOOD | {"account": account}) == ("account", "invalid_account")
    assert ERRORS["invalid_account"].code == "MOCK_INVALID_ACCOUNT"


@pytest.mark.parametrize("amount", [0, -1, 1.0, 500.5, True, "500", None, 10**30, float("nan"), float("inf")])
def test_an_amount_is_a_positive_integer_of_centavos(amount: object) -> None:
    place, _ = refusal(MockPayment, GOOD | {"amount": amount})
    assert place == "amount"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concept", ""),
        ("concept", "x" * 41),
        ("concept", "two\nlines"),
        ("concept", "turned \u202earound"),
        ("recipientName", "x" * 61),
        ("recipientName", "null\x00byte"),
    ],
)
def test_text_is_short_and_shows_all_it_holds(name: str, value: str) -> None:
    assert refusal(MockPayment, GOOD | {name: value})[0] == name


def test_unknown_fields_are_refused() -> None:
    assert refusal(MockPayment, GOOD | {"clabe": "014027000005555558"}) == ("clabe", "extra_forbidden")


def test_the_schema_shows_what_is_wanted_of_every_field() -> None:
    for model in (MockPayment, MockLookup, MockRefund):
        for name, schema in model.model_json_schema()["properties"].items():
            assert schema.get("description"), f"{model.__name__}.{name}"
    account = MockPayment.model_json_schema()["properties"]["account"]
    assert account["type"] == "string"
    assert account["pattern"] == "^[0-9]{10}$"
    assert MockPayment.model_json_schema()["required"] == ["amount", "account", "concept", "recipientName"]
    assert MockRefund.model_json_schema()["required"] == ["reason", "trackingKey"]


def test_a_refund_may_be_whole_or_in_part() -> None:
    whole = {"trackingKey": "MOCK1", "reason": "Sent twice"}
    assert MockRefund.model_validate(whole).amount is None
    assert MockRefund.model_validate(whole | {"amount": 1}).amount == 1


def test_a_reference_of_another_form_may_be_looked_up() -> None:
    assert MockLookup.model_validate({"trackingKey": "pay_5f0c-x"}).tracking_key == "pay_5f0c-x"


def test_a_receipt_has_the_reference_and_the_banks_own_number() -> None:
    receipt = MockReceipt.model_validate({"status": "success", "trackingKey": "MOCK1", "bankReference": "P-00000001"})
    assert receipt.model_dump(by_alias=True, exclude_none=True) == {
        "status": "success",
        "trackingKey": "MOCK1",
        "bankReference": "P-00000001",
    }
