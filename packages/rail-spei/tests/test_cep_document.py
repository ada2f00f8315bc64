"""A CEP is read whole or refused, and nothing of a forged one gets through."""

import logging
from contextlib import suppress
from datetime import date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rail_spei.cep import Cep, NotACep, read_cep
from rail_spei.operating import MEXICO_CITY

from .cep_support import PAYEE, PAYER, ROOT, SEAL, document, sealed

PERSONAL = [
    *(PAYEE["Nombre"], PAYEE["Cuenta"], PAYEE["RFC"], PAYEE["Concepto"], "9858", "985870"),
    *(PAYER["Nombre"], PAYER["Cuenta"], PAYER["RFC"], SEAL[:20]),
]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_cep_is_read_by_the_names_of_its_children_in_any_order(swapped: bool) -> None:
    cep = read_cep(document(swapped=swapped))
    assert cep.tracking_key == "TIENDA241108ABCDEF0123456789"
    assert cep.operating_date == date(2024, 11, 8)
    assert cep.credited_at == datetime(2024, 11, 7, 18, 2, 30, tzinfo=MEXICO_CITY)
    assert cep.credited_at.utcoffset() == timedelta(hours=-6)
    assert cep.receiver == "40014"
    assert cep.payment_type == 1
    assert (cep.amount, cep.iva) == (985_870, 0)
    assert (cep.payee.institution, cep.payee.name, cep.payee.kind) == ("SANTANDER", "Ana Soto Ruiz", 40)
    assert (cep.payee.account, cep.payee.taxpayer) == ("014027000005555558", "SORA900101MDFTZN05")
    assert (cep.payer.institution, cep.payer.name) == ("STP", "Tienda Grande")
    assert cep.payer.account == "646180110400000007"
    assert cep.concept == "Factura 42"


def test_a_cep_is_unverified_unless_it_is_said_to_come_from_banxico() -> None:
    assert read_cep(document()).source == "unverified"
    assert read_cep(document(), source="banxico").source == "banxico"


@pytest.mark.parametrize(
    ("text", "centavos"), [("9858.7", 985_870), ("9858.70", 985_870), ("300", 30_000), ("0.01", 1)]
)
def test_amounts_are_whole_centavos(text: str, centavos: int) -> None:
    cep = read_cep(document({"cadenaCDA": sealed(p19=text)}, {"MontoPago": text}))
    assert cep.amount == centavos
    assert type(cep.amount) is int


@pytest.mark.parametrize(
    "text", ["", "NaN", "1e3", "-1.00", "+1", "1,000.00", "0.001", "1.", ".5", " 1", "٣", "9" * 30]
)
def test_what_is_no_amount_of_centavos_is_refused(text: str) -> None:
    with pytest.raises(NotACep):
        read_cep(document({"cadenaCDA": sealed(p19=text)}, {"MontoPago": text}))


def test_what_is_not_available_is_empty() -> None:
    """An indirect payment (type 31): the payee is missing, its kind is -1 here and NA in the sealed string."""
    sealed_so = sealed(p2="31", p13="NA", p14="NA", p15="NA", p16="NA")
    missing = {"Nombre": "NA", "TipoCuenta": "-1", "Cuenta": "NA", "RFC": "NA", "IVA": "NA"}
    cep = read_cep(document({"cadenaCDA": sealed_so}, missing))
    assert (cep.payee.name, cep.payee.kind, cep.payee.account, cep.payee.taxpayer) == ("", None, "", "")
    assert cep.iva is None
    assert cep.payment_type == 31


def test_a_kind_of_account_of_one_digit_has_two_in_the_sealed_string() -> None:
    assert read_cep(document({"cadenaCDA": sealed(p14="06")}, {"TipoCuenta": "6"})).payee.kind == 6


def test_what_strangers_wrote_is_cleaned_and_cut() -> None:
    cep = read_cep(document(payee={"Concepto": "Ignore\u202e all\u200b of it " + "x" * 500}))
    assert cep.concept.startswith("Ignore all of it xxx")
    assert len(cep.concept) <= 120


BOMB = """<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
FILE = """<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>"""
OUTSIDE = """<!DOCTYPE b SYSTEM "http://127.0.0.1:1/evil.dtd">"""
PARAMETER = """<!DOCTYPE b [<!ENTITY % a "<!ENTITY b 'c'>"> %a;]>"""


@pytest.mark.parametrize("doctype", [BOMB, FILE, OUTSIDE, PARAMETER, "<!DOCTYPE SPEI_Tercero>", "<!DOCTYPE b []>"])
def test_a_dtd_is_refused_with_or_without_entities(doctype: str) -> None:
    for payee in ({}, {"Concepto": "&a;"}, {"Concepto": "&b;"}):
        with pytest.raises(NotACep, match="DTD"):
            read_cep(document(payee=payee, prologue=doctype))


@pytest.mark.parametrize(
    ("prologue", "encoding"),
    [
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "latin-1"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "utf-8"),
        ("<?xml version='1.0' encoding='UTF-7'?>", "utf-8"),
        ('<?xml version="1.0" encoding="UTF-16"?>', "utf-16"),
        ("", "utf-16-le"),
        ("", "utf-32"),
        ('<?xml version="1.0" encoding="UTF-8"?>', "latin-1"),
    ],
)
def test_any_encoding_but_utf8_is_refused(prologue: str, encoding: str) -> None:
    text = document(payee={"Concepto": "Año"}, prologue=prologue).decode()
    with pytest.raises(NotACep):
        read_cep(text.encode(encoding))


def test_utf8_is_read_with_and_without_a_declaration_or_a_mark() -> None:
    for prologue in ("", "\ufeff", '<?xml version="1.0" encoding="utf-8"?>', '<?xml version="1.0"?>'):
        assert read_cep(document(payee={"Concepto": "Año"}, prologue=prologue)).concept == "Año"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"<html><body>404</body></html>",
        b"<SPEI_Tercero/>",
        document()[:-10],
        document() + document(),
        document().replace(b"SPEI_Tercero", b"SPEI_Cuarto"),
        document().replace(b"Ordenante", b"Otro"),
        document().replace(b"<Ordenante", b"<Beneficiario/><Ordenante"),
        document().replace(b"<Ordenante", b"<x/>" * 20 + b"<Ordenante"),
        document(prologue=" " * 70_000),
        b"<a>" * 20_000,
        document(payee={"Concepto": "&unknown;"}),
        document(payee={"Concepto": "&#0;"}),
    ],
)
def test_what_is_no_cep_is_refused(broken: bytes) -> None:
    with pytest.raises(NotACep):
        read_cep(broken)


@pytest.mark.parametrize("name", [*ROOT, "Cuenta", "MontoPago", "Nombre"])
def test_what_a_payment_is_known_by_must_be_there(name: str) -> None:
    root, payee = ({name: None}, {}) if name in ROOT else ({}, {name: None})
    with pytest.raises(NotACep):
        read_cep(document(root, payee))


@pytest.mark.parametrize(
    "cadena",
    [
        "",
        "|" * 45,
        "|" * 46,
        "|" * 47,
        sealed() + "|",
        "|".join(sealed().split("|")[:-1]),
        sealed(p45="x"),
        sealed(p1="x"),
    ]
    + [sealed(p3=day) for day in ("31022024", "8112024", "2024-11-08", "aaaaaaaa", "٠٨١١٢٠٢٤")]
    + [sealed(p5=time) for time in ("246000", "1802", "18:02:30", "")]
    + [sealed(p2=kind) for kind in ("", "x", "123")],
)
def test_a_sealed_string_of_another_form_is_refused(cadena: str) -> None:
    with pytest.raises(NotACep):
        read_cep(document({"cadenaCDA": cadena}))


@pytest.mark.parametrize(
    ("root", "payee"),
    [
        ({"FechaOperacion": "2024-11-07"}, {}),
        ({"Hora": "18:02:31"}, {}),
        ({"ClaveSPEI": "40012"}, {}),
        ({"numeroCertificado": "00000100000100012346"}, {}),
        ({"sello": SEAL[::-1]}, {}),
        ({}, {"MontoPago": "9858.8"}),
        ({}, {"Cuenta": "014027000005555559"}),
        ({}, {"Nombre": "Pedro Paramo"}),
        ({}, {"TipoCuenta": "3"}),
    ],
)
def test_xml_that_contradicts_its_sealed_string_is_refused(root: dict[str, str], payee: dict[str, str]) -> None:
    with pytest.raises(NotACep, match="contradicts"):
        read_cep(document(root, payee))


@pytest.mark.parametrize("seal", ["", "NA", "AAAA", SEAL[:-4], "*" * len(SEAL)])
def test_a_cep_without_a_seal_is_refused(seal: str) -> None:
    with pytest.raises(NotACep):
        read_cep(document({"sello": seal, "cadenaCDA": sealed(p46=seal)}))


def test_nothing_personal_is_in_a_repr_an_error_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [repr(read_cep(document()))]
    for broken in (document({"Hora": "x"}), document(payee={"MontoPago": "x"}), document()[:-10]):
        with pytest.raises(NotACep) as caught:
            read_cep(broken)
        texts.append(f"{caught.value} {caught.value.__cause__!r}")
    for personal in PERSONAL:
        assert not any(personal in text for text in [*texts, caplog.text])


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xff\xfe<\x00")
@example("<a b='\U0010ffff'/>".encode())
def test_any_bytes_are_a_cep_or_refused(data: bytes) -> None:
    with suppress(NotACep):
        assert isinstance(read_cep(data), Cep)


ANY = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='<&"'), max_size=60)


@given(
    st.dictionaries(st.sampled_from(sorted(ROOT)), ANY, max_size=3),
    st.dictionaries(st.sampled_from(sorted(PAYEE)), ANY, max_size=3),
    st.dictionaries(st.integers(0, 46).map("p{}".format), ANY, max_size=3),
)
def test_any_attributes_are_a_cep_or_refused(
    root: dict[str, str], payee: dict[str, str], parts: dict[str, str]
) -> None:
    try:
        cep = read_cep(document({"cadenaCDA": sealed(**parts)} | root, payee))
    except NotACep:
        return
    assert type(cep.amount) is int
    assert len(cep.concept) <= 120


@given(st.integers(0, len(document()) - 1), st.binary(max_size=3))
def test_a_damaged_cep_tells_the_same_payment_or_is_refused(at: int, put: bytes) -> None:
    whole = document()
    try:
        cep = read_cep(whole[:at] + put + whole[at + 1 :])
    except NotACep:
        return
    assert cep.amount == 985_870
    assert cep.payee.account == "014027000005555558"
