"""An institution is known, or too old to be paid, or new to the table: three things with three answers."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from rail_spei.institutions import Catalogue, Institution
from riel import Misconfigured
from riel_mexico import check_digit

PACKAGED = Catalogue.read(None)

HEAD = "clabe_code,participant,name,status,note\n"
BBVA = "012,40012,BBVA MEXICO,active,\n"


def account_of(code: str, rest: str = "96900000000001") -> str:
    return code + rest + check_digit(code + rest)


def refusal(catalogue: Catalogue, account: str, *, test: bool = False) -> tuple[str, str]:
    with pytest.raises(PydanticCustomError) as refused:
        catalogue.of(account, test=test)
    message = refused.value.message()
    assert account not in message
    assert account[3:] not in message
    return refused.value.type, message


def table(folder: Path, text: str) -> Path:
    path = folder / "banks.csv"
    path.write_text(text, "utf-8")
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(Misconfigured) as refused:
        Catalogue.read(table(folder, text))
    sentence = str(refused.value)
    assert str(folder) in sentence
    assert sentence.count("\n") == 0
    assert sentence.endswith(".")
    return sentence


def test_the_packaged_table_bears_its_date() -> None:
    assert PACKAGED.as_of == date(2026, 9, 11)
    assert Counter(institution.status for institution in PACKAGED) == {
        "active": 93,
        "infrastructure": 4,
        "retired": 46,
        "alias": 5,
        "test": 1,
    }
    assert len(PACKAGED) == 149


def test_the_table_is_in_the_order_of_the_codes() -> None:
    codes = [institution.clabe_code for institution in PACKAGED]
    assert codes == sorted(codes)


def test_whoever_can_be_paid_has_a_code_in_messages() -> None:
    participants = [institution.participant for institution in PACKAGED if institution.status == "active"]
    assert all(len(participant) == 5 for participant in participants)
    assert len(set(participants)) == len(participants)


@pytest.mark.parametrize(
    ("account", "participant", "name"),
    [
        ("014027000005555558", "40014", "SANTANDER"),
        ("002010077777777771", "40002", "BANAMEX"),
        ("646180110400000007", "90646", "STP"),
        ("072691004495711499", "40072", "BANORTE"),
        ("684180017001000024", "90684", "TRANSFER"),
        ("710969000000326856", "90710", "NVIO"),
        ("723969000011000077", "90723", "Cuenca"),
        ("646521162218542788", "90646", "STP"),
        ("002539016003269411", "40002", "BANAMEX"),
        (account_of("638"), "40638", "NUBANK"),  # which was 90638
        (account_of("170"), "40170", "REVOLUT BANK"),
        (account_of("660"), "90660", "Altor"),
        (account_of("166"), "37166", "BaBien"),
    ],
)
def test_an_account_belongs_to_an_institution(account: str, participant: str, name: str) -> None:
    institution = PACKAGED.of(account)
    assert (institution.clabe_code, institution.participant, institution.name, institution.status) == (
        account[:3],
        participant,
        name,
        "active",
    )


def test_separators_do_not_hide_the_institution() -> None:
    assert PACKAGED.of("014 027 00000555555 8").name == "SANTANDER"


@given(st.text("0123456789", min_size=14, max_size=14))
def test_no_plaza_is_ever_refused(rest: str) -> None:
    assert PACKAGED.of(account_of("012", rest)).name == "BBVA MEXICO"


@pytest.mark.parametrize("account", ["566180000553286528", "111111111111000019", "0" * 18, account_of("904")])
def test_an_unknown_institution_is_no_wrong_account_and_the_table_may_be_stale(account: str) -> None:
    kind, message = refusal(PACKAGED, account)
    assert kind == "unknown_institution"
    assert "may be stale" in message
    assert "2026-09-11" in message
    assert account[:3] in message


@pytest.mark.parametrize("account", ["111180157042875763", "002010077777777779", "01402700000555555", ""])
def test_a_wrong_check_digit_comes_before_an_unknown_institution(account: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        PACKAGED.of(account)
    assert refused.value.type == "invalid_clabe"


@pytest.mark.parametrize("institution", [i for i in PACKAGED if i.status != "active"], ids=lambda i: i.clabe_code)
def test_what_takes_no_payments_is_refused_and_named(institution: Institution) -> None:
    kind, message = refusal(PACKAGED, account_of(institution.clabe_code))
    assert kind == "institution_inactive"
    assert institution.clabe_code in message
    assert institution.name in message


def test_a_retired_bank_does_not_break_the_check_of_its_accounts() -> None:
    kind, message = refusal(PACKAGED, "032180000118359719")
    assert (kind, "IXE" in message, "2026-09-11" in message) == ("institution_inactive", True, True)


def test_the_test_bank_is_paid_only_where_that_is_allowed() -> None:
    assert refusal(PACKAGED, "846180000500000008")[0] == "institution_inactive"
    assert PACKAGED.of("846180000500000008", test=True).participant == "846"
    for code in ("032", "812", "902"):
        assert refusal(PACKAGED, account_of(code), test=True)[0] == "institution_inactive"


def test_another_table_takes_the_packaged_ones_place(tmp_path: Path) -> None:
    other = Catalogue.read(
        table(
            tmp_path,
            "\ufeff# Ours, as of 2027-01-02.\n# as of 2027-01-02\n\nnote,name,status,participant,clabe_code,source\n"
            'ours,"SIN, NOMBRE",active,40566,566,me\n# out since May\n,BBVA MEXICO,retired,,012,\n',
        )
    )
    assert other.as_of == date(2027, 1, 2)
    assert list(other) == [
        Institution("012", "", "BBVA MEXICO", "retired"),
        Institution("566", "40566", "SIN, NOMBRE", "active", "ours"),
    ]
    assert other.of("566180000553286528").participant == "40566"
    assert refusal(other, "014027000005555558")[0] == "unknown_institution"
    assert PACKAGED.of("014027000005555558").name == "SANTANDER"


def test_a_table_needs_no_date_and_no_notes(tmp_path: Path) -> None:
    other = Catalogue.read(table(tmp_path, "clabe_code,participant,name,status\r\n012,40012,BBVA,active\r\n"))
    assert other.as_of is None
    kind, message = refusal(other, "014027000005555558")
    assert (kind, "bears no date" in message) == ("unknown_institution", True)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("12,40012,BBVA MEXICO,active,", "clabe_code"),
        ("0\uff112,40012,BBVA MEXICO,active,", "clabe_code"),
        (",,,,", "clabe_code"),
        ("014", "participant"),
        ("014,,SANTANDER,active,", "participant"),
        ("014,14,SANTANDER,active,", "participant"),
        ("014,40012,SANTANDER,active,", "participant must end with clabe_code"),
        ("014,400-14,SANTANDER,active,", "participant"),
        ("014,40014,,active,", "name"),
        ("014,40014, SANTANDER,active,", "name"),
        ("014,40014,SANTA\u200bNDER,active,", "name"),
        ("014,40014,SANTANDER,closed,", "status"),
        ("014,40014,SANTANDER,Active,", "status"),
        ("014,40014,SANTANDER,active,,,", "more fields"),
        ("012,40012,BBVA MEXICO,active,", "012 twice, in lines 3 and 5"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: str, why: str) -> None:
    sentence = complaint(tmp_path, f"# as of 2026-09-11\n{HEAD}{BBVA}# a comment\n{row}\n")
    assert "line 5" in sentence or "lines 3 and 5" in sentence
    assert why in sentence


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "# as of 2026-09-11\n", BBVA, "clabe_code,participant,name\n", "name," + HEAD + "BBVA," + BBVA],
)
def test_a_table_without_its_columns_is_refused(tmp_path: Path, text: str) -> None:
    assert "must name the columns" in complaint(tmp_path, text)


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    assert "no institution" in complaint(tmp_path, HEAD)


def test_a_date_that_is_none_is_named(tmp_path: Path) -> None:
    assert "line 2" in complaint(tmp_path, f"# ours\n# as of September: mine\n{HEAD}{BBVA}")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"absent\.csv cannot be read: RIEL_SPEI_BANKS"):
        Catalogue.read(tmp_path / "absent.csv")
    with pytest.raises(Misconfigured, match="cannot be read"):
        Catalogue.read(tmp_path)
    (tmp_path / "latin.csv").write_bytes(f"{HEAD}618,,ÚNICA,retired,\n".encode("latin-1"))
    with pytest.raises(Misconfigured, match="is no CSV in UTF-8"):
        Catalogue.read(tmp_path / "latin.csv")
    assert "is no CSV in UTF-8" in complaint(tmp_path, f"{HEAD}{BBVA}014,40014,{'x' * 200_000},active,\n")
