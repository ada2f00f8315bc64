"""What an agent may write: each refusal has its code, shows no account, and costs nothing."""

from typing import Any

import pytest
from pydantic import ValidationError

from rail_spei.codes import ERRORS
from rail_spei.models import SpeiLookup, SpeiPayment, SpeiReceipt, SpeiRefund, SpeiReturn
from riel import Payment
from riel_mexico import check_digit

from .rail_support import AT_STP, rail_fixture
from .sandbox_support import PAYEE

TEST_BANK, UNKNOWN, RETIRED = "846180000500000008", "566180000553286528", "032180000118359719"
CENTRAL = "00118000000000000" + check_digit("00118000000000000")
ARGUMENTS: dict[str, Any] = {
    "clabe": PAYEE,
    "amount": 50_000,
    "concept": "Factura 42",
    "recipientName": "Ricardo Sánchez",
}


@pytest.fixture(scope="module")
def settings() -> Any:
    return rail_fixture().settings


def paying(settings: Any = None, **change: Any) -> SpeiPayment:
    arguments = {name: value for name, value in (ARGUMENTS | change).items() if value is not ...}
    return SpeiPayment.model_validate(arguments, context=settings, by_alias=True, by_name=False)


def refused(settings: Any = None, **change: Any) -> str:
    """The type of the only error, which is what a code is looked up by."""
    with pytest.raises(ValidationError) as wrong:
        paying(settings, **change)
    ((error),) = wrong.value.errors(include_input=False)
    for value in change.values():
        assert not isinstance(value, str) or len(value) < 12 or value not in str(wrong.value)
    return error["type"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"clabe": PAYEE[:-1] + "0"}, "SPEI_INVALID_CLABE"),
        ({"clabe": "014027000005555559"}, "SPEI_INVALID_CLABE"),
        ({"clabe": PAYEE[:-1]}, "SPEI_INVALID_CLABE"),
        ({"clabe": ""}, "SPEI_INVALID_CLABE"),
        ({"clabe": UNKNOWN}, "SPEI_UNKNOWN_INSTITUTION"),
        ({"clabe": RETIRED}, "SPEI_INSTITUTION_INACTIVE"),
        ({"clabe": CENTRAL}, "SPEI_INSTITUTION_INACTIVE"),
        ({"clabe": "646180110400000007"}, "SPEI_SAME_ACCOUNT"),
        ({"clabe": "6461 8011 0400 0000 07"}, "SPEI_SAME_ACCOUNT"),
        ({"concept": "¡¿!?"}, "SPEI_INVALID_CONCEPT"),
        ({"concept": "a" * 41}, "SPEI_INVALID_CONCEPT"),
        ({"recipientName": "日本"}, "SPEI_INVALID_RECIPIENT_NAME"),
        ({"recipientName": "a" * 121}, "SPEI_INVALID_RECIPIENT_NAME"),
    ],
)
def test_each_refusal_has_its_code(settings: Any, change: dict[str, Any], code: str) -> None:
    assert ERRORS[refused(settings, **change)].code == code


@pytest.mark.parametrize("amount", [0, -1, 1.5, 500.0, "50000", True, None, 10**16])
def test_an_amount_is_a_positive_integer_of_centavos(settings: Any, amount: Any) -> None:
    with pytest.raises(ValidationError):
        paying(settings, amount=amount)


@pytest.mark.parametrize("argument", list(ARGUMENTS))
def test_nothing_may_be_missing_and_nothing_more_be_said(settings: Any, argument: str) -> None:
    assert refused(settings, **{argument: ...}) == "missing"
    assert refused(settings, iva=1) == "extra_forbidden"


def test_a_clabe_is_always_written_alike() -> None:
    assert paying(clabe=f"{PAYEE[:3]} {PAYEE[3:6]}-{PAYEE[6:]}").payee() == paying().payee()


def test_the_payee_is_the_account_its_holder_and_the_bank_behind_it(settings: Any) -> None:
    payee = paying(settings).payee()
    assert (payee.account, payee.name, payee.institution) == (PAYEE, "Ricardo Sánchez", "BANORTE")
    assert paying(settings).purpose() == "Factura 42"


def test_without_settings_only_what_is_always_true_is_checked() -> None:
    assert paying(clabe=UNKNOWN).payee().institution == ""
    assert paying(clabe=RETIRED).payee().institution
    assert refused(clabe=PAYEE[:-1] + "0") == "invalid_clabe"


@pytest.mark.parametrize(("base", "able"), [("https://demo.stpmex.com", True), ("https://prod.stpmex.com", False)])
def test_the_bank_of_the_test_system_is_paid_in_the_test_system_only(settings: Any, base: str, able: bool) -> None:
    there = settings.model_copy(update={"base_url": base})
    there._is_published = able  # with the published key, no system is live
    if able:
        assert paying(there, clabe=TEST_BANK).payee().institution
    else:
        assert ERRORS[refused(there, clabe=TEST_BANK)].code == "SPEI_INSTITUTION_INACTIVE"


def test_the_table_of_the_settings_decides_and_names(settings: Any, tmp_path: Any) -> None:
    (table := tmp_path / "banks.csv").write_text("clabe_code,participant,name,status\n566,40566,NUEVO,active\n")
    other = settings.model_copy(update={"banks": table})
    assert paying(other, clabe=UNKNOWN).payee().institution == "NUEVO"
    assert ERRORS[refused(other)].code == "SPEI_UNKNOWN_INSTITUTION"


def test_another_account_at_stp_can_be_paid(settings: Any) -> None:
    assert paying(settings, clabe=AT_STP).payee().institution == "STP"


@pytest.mark.parametrize("key", ["058-25/08/2023/25-300CPWF924", "2370050", "DEMO260304ABCDEFGHIJKLMNOP", "a"])
def test_keys_of_other_banks_can_be_asked_after(key: str) -> None:
    assert SpeiLookup(tracking_key=key).tracking_key == key
    assert SpeiRefund(tracking_key=key, reason="Not ours").tracking_key == key


@pytest.mark.parametrize("key", ["", " A", "A B", "A" * 31, "Ñ", "A|B", "A\nB", "A\u200b"])
def test_what_is_no_tracking_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        SpeiLookup(tracking_key=key)


@pytest.mark.parametrize("reason", ["", "a" * 141, "two\nlines", 5])
def test_a_reason_is_one_line(reason: Any) -> None:
    with pytest.raises(ValidationError):
        SpeiRefund(tracking_key="A", reason=reason)


def test_a_refund_is_of_the_whole() -> None:
    assert set(SpeiRefund.model_fields) == {"tracking_key", "reason"}


def test_the_schema_tells_a_model_what_to_write() -> None:
    schema = SpeiPayment.model_json_schema(by_alias=True)
    assert list(schema["properties"]) == ["amount", "clabe", "concept", "recipientName"]
    assert schema["required"] == ["amount", "clabe", "concept", "recipientName"]
    assert schema["properties"]["clabe"]["pattern"] == "^[0-9]{18}$"
    assert schema["properties"]["concept"]["maxLength"] == 40
    assert "centavos" in schema["properties"]["amount"]["description"]
    assert schema["additionalProperties"] is False


def test_the_receipt_names_what_the_facts_bring() -> None:
    fields = set(SpeiReceipt.model_json_schema(by_alias=True)["properties"])
    assert fields >= {
        *("status", "amount", "currency", "settledAt", "trackingKey", "operationDate", "bankName", "cepUrl"),
        *("providerOrder", "providerState", "providerCode", "payeeNameAtBank", "nameMatches"),
    }


def test_a_return_is_a_payment_that_no_agent_writes() -> None:
    assert issubclass(SpeiReturn, Payment)
    assert SpeiReturn.OPERATION == "return"
    assert "MEANS" not in SpeiReturn.model_fields


def test_a_holder_who_is_not_the_recipient_is_said_in_words() -> None:
    def notice(matches: str) -> str:
        return SpeiReceipt.model_validate({"status": "success", "nameMatches": matches}).notice()

    assert "tell the person" in notice("different")
    assert notice("same") == notice("partly") == ""
