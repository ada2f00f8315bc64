"""An RFC or CURP is looked at for its form: its check digit is wrong in too many good ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from stdnum.exceptions import InvalidChecksum, InvalidComponent
from stdnum.mx import curp, rfc

from rail_spei.fields import Taxpayer, taxpayer

TAXPAYER: TypeAdapter[str] = TypeAdapter(Taxpayer)

RFCS = ["GODE561231GR8", "TCU200828RX8", "GAJH931011I41", "BIN940223KE0", "GBM060502345"]
RFCS_WITH_A_WRONG_DIGIT = ["ABC200101AB0", "ELRT920605TS8", "XAXX010101000", "XEXX010101000"]
CURPS = ["BOXW310820HNERXN09", "LOHF890619HCSPRL05", "PEPJ800101HCSPRL02", "GAJH931011MMCRRJ06", "TATV730615HDFPCC01"]
CURPS_WITH_A_WRONG_DIGIT = ["SAHE800416HDFABC01"]


@pytest.mark.parametrize("number", [*RFCS, *RFCS_WITH_A_WRONG_DIGIT, *CURPS, *CURPS_WITH_A_WRONG_DIGIT, "ND"])
def test_what_real_orders_carry_is_taken(number: str) -> None:
    assert taxpayer(number) == number
    assert TAXPAYER.validate_python(number) == number


@pytest.mark.parametrize("number", RFCS_WITH_A_WRONG_DIGIT)
def test_a_check_digit_of_an_rfc_would_refuse_good_ones(number: str) -> None:
    with pytest.raises((InvalidChecksum, InvalidComponent)):
        rfc.validate(number, validate_check_digits=True)


@pytest.mark.parametrize("number", CURPS_WITH_A_WRONG_DIGIT)
def test_a_check_digit_of_a_curp_would_refuse_good_ones(number: str) -> None:
    with pytest.raises(InvalidChecksum):
        curp.validate(number)


@pytest.mark.parametrize("number", RFCS)
def test_the_other_rfcs_have_a_right_digit(number: str) -> None:
    assert rfc.validate(number, validate_check_digits=True) == number


@pytest.mark.parametrize("number", CURPS)
def test_the_other_curps_have_a_right_digit(number: str) -> None:
    assert curp.validate(number) == number


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("gode561231gr8", "GODE561231GR8"),
        ("GODE-561231-GR8", "GODE561231GR8"),
        (" GODE 561231 GR8 ", "GODE561231GR8"),
        ("ñuñ&200101ab1", "ÑUÑ&200101AB1"),
        ("N\u0303&A200101AB1", "Ñ&A200101AB1"),
        ("nd", "ND"),
        ("boxw310820hnerxn09", "BOXW310820HNERXN09"),
    ],
)
def test_a_number_is_written_as_the_tax_office_does(written: str, number: str) -> None:
    assert taxpayer(written) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "N",
        "N/A",
        "COMG600703",  # an RFC without the part that the tax office gives
        "GODE561331GR8",  # month 13
        "GODE561231GR",
        "GODE561231GR88",
        "GODE561231GR_",
        "GODE561231|R8",
        "\uff27\uff2f\uff24\uff25561231GR8",
        "BOXW310820HNERXN0",
        "BOXW310820XNERXN09",  # neither H nor M
        "BOXW310820HXXRXN09",  # no such state
        "BOXW310820HNERXN0A",
        "ND ND",
        "x" * 10_000_000,
    ],
    ids=ascii,
)
def test_what_is_neither_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TAXPAYER.validate_python(text)
    (error,) = refused.value.errors()
    assert error["type"] == "invalid_taxpayer"
    assert len(text) < 4 or text not in error["msg"]


@given(st.text())
def test_whatever_comes_is_in_form_or_refused(text: str) -> None:
    try:
        number = taxpayer(text)
    except PydanticCustomError:
        return
    assert set(number) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZÑ&0123456789")
    assert len(number) in (2, 12, 13, 18)


def test_the_schema_says_what_it_is() -> None:
    assert "RFC" in TAXPAYER.json_schema()["description"]
