"""A text is confirmed as it was written, and carried as SPEI takes it."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rail_spei.fields import Concept, RecipientName, spei_name, spei_text

CONCEPT: TypeAdapter[str] = TypeAdapter(Concept)
NAME: TypeAdapter[str] = TypeAdapter(RecipientName)

FOLDED = {
    "Prueba": "Prueba",
    "Peñón Ángel Núñez Güemes": "Penon Angel Nunez Guemes",
    "Pen\u0303o\u0301n": "Penon",
    "Empresa S.A. de C.V.": "Empresa SA de CV",
    "Grupo S.A.P.I. de C.V.": "Grupo SAPI de CV",
    "S. de R.L.": "S de RL",
    "Á.C.": "AC",
    "Srta.Ana P. López": "Srta Ana P Lopez",
    "D'Angelo O\u2019Brien": "DAngelo OBrien",
    "Factura 12-34/5": "Factura 12 34 5",
    "Anticipo 2.5%": "Anticipo 2 5",
    "A|B||C|": "A B C",
    "Uno & Dos, #3 (tres)": "Uno Dos 3 tres",
    "tab\tline\r\nnull\x00end": "tab line null end",
    "zero\u200bwidth soft\u00adhyphen": "zerowidth softhyphen",
    "  outer   and  inner\u00a0\u3000 ": "outer and inner",
    "Strauß Bjørn Łódź Þór Đorđe": "Straus Bjorn Lodz Tor Dorde",
    "Æsir œuvre": "Asir ouvre",
    "o\ufb01cina": "ofcina",
    "½ renta": "renta",
    "1½": "1",
    "Marca™ № 5": "Marca 5",
    "5º m²": "5o m2",
    "\uff21\uff22\uff23\uff11\uff12\uff13": "ABC123",
    "\uff21\uff22\uff5c\uff23": "AB C",
    "\U0001d411\U0001d41e\U0001d427\U0001d42d\U0001d41a": "Renta",
    "①": "1",
    "Renta 株式会社": "Renta",
    "\u0420\u0430ypal": "ypal",
    "👍🏽 ok": "ok",
    "…": "",
    "株式会社": "",
    "\u0301": "",
    "": "",
}
EXPANDING = "ßẞæÆœŒĳǄŉﬀﬁﬃﬅﬆ½¼⅓⑽⒈℡™№㏂㎏…ﷺ\u0390İ"

texts = st.one_of(st.text(), st.text(st.sampled_from("aZ9 .'|-\t\u0301\u200bñÁ" + EXPANDING)))


@pytest.mark.parametrize("text", FOLDED)
def test_a_text_folds_to_what_spei_carries(text: str) -> None:
    assert spei_text(text) == FOLDED[text]


@given(texts)
@example(EXPANDING)
def test_folding_never_grows(text: str) -> None:
    assert len(spei_text(text)) <= len(text)


def test_no_character_becomes_more_than_one() -> None:
    for character in map(chr, range(0x20000)):  # beyond are only rare Chinese characters and what nobody sees
        parted = spei_text(f"a{character}b")
        assert parted in {"ab", "a b"} or (len(parted) == 3 and parted.isascii() and parted[1].isalnum())


@given(texts)
def test_what_is_folded_holds_letters_digits_and_single_spaces_inside(text: str) -> None:
    assert re.fullmatch(r"([A-Za-z0-9]+( [A-Za-z0-9]+)*)?", spei_text(text))


@given(texts)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert spei_text(spei_text(text)) == spei_text(text)


@given(texts)
def test_a_carried_name_is_40_characters_at_most_and_trimmed(text: str) -> None:
    carried = spei_name(text)
    assert len(carried) <= 40
    assert spei_text(text).startswith(carried)
    assert carried == carried.strip()
    assert bool(carried) == bool(spei_text(text))


def test_a_cut_leaves_no_space_at_the_end() -> None:
    assert spei_name("x" * 39 + " y") == "x" * 39
    assert spei_name("x" * 40 + " y") == "x" * 40
    assert spei_name("María de los Ángeles Fernández de Córdova Ruiz") == "Maria de los Angeles Fernandez de Cordov"


def refused(of: TypeAdapter[str], text: str) -> str:
    with pytest.raises(ValidationError) as refusal:
        of.validate_python(text)
    (error,) = refusal.value.errors()
    assert not text or text not in error["msg"]
    return error["type"]


@pytest.mark.parametrize("text", ["Peñón, S.A. de C.V.", "x" * 40, "½ renta", "n\u0303" * 40, "A|B", "x"])
@pytest.mark.parametrize("of", [CONCEPT, NAME])
def test_a_text_is_kept_as_it_was_written(of: TypeAdapter[str], text: str) -> None:
    assert of.validate_python(text) == text


@pytest.mark.parametrize("text", ["", "|", "...", "株式会社", "👍"])
def test_a_text_of_which_nothing_is_left_is_refused(text: str) -> None:
    assert refused(CONCEPT, text) == "invalid_concept"
    assert refused(NAME, text) == "invalid_recipient_name"


@pytest.mark.parametrize("text", ["x" * 41, "ñ" * 41, "x " * 20 + "xx", "x" + "." * 120, "n\u0303" * 61])
def test_a_concept_is_never_cut_but_refused(text: str) -> None:
    assert refused(CONCEPT, text) == "invalid_concept"


def test_a_concept_is_counted_as_it_is_carried() -> None:
    written = "Renta de marzo, abril (2026), Hijos S.A. de C.V."
    assert len(written) > 40 >= len(spei_text(written))
    assert CONCEPT.validate_python(written) == written


def test_a_long_name_is_taken_whole_within_what_a_person_can_read() -> None:
    assert NAME.validate_python("x" * 120) == "x" * 120
    assert refused(NAME, "x" * 121) == "invalid_recipient_name"


@pytest.mark.parametrize("of", [CONCEPT, NAME])
def test_what_a_person_could_not_see_is_refused(of: TypeAdapter[str]) -> None:
    assert refused(of, "two\nlines") == "hidden_character"
    assert refused(of, "turned \u202earound") == "hidden_character"
    assert refused(of, "null\x00byte") == "hidden_character"
    assert refused(of, " Renta") == "outer_space"
    assert refused(of, "x" * 10_000_000) == "too_long"


@given(texts)
def test_a_text_that_is_taken_can_be_carried(text: str) -> None:
    for of, carried in ((CONCEPT, spei_text), (NAME, spei_name)):
        try:
            taken = of.validate_python(text)
        except ValidationError:
            continue
        assert taken == text
        assert 1 <= len(carried(taken)) <= 40


def test_the_schema_shows_a_length_that_always_fits() -> None:
    concept, name = CONCEPT.json_schema(), NAME.json_schema()
    assert (concept["type"], concept["minLength"], concept["maxLength"]) == ("string", 1, 40)
    assert (name["type"], name["minLength"], name["maxLength"]) == ("string", 1, 120)
    assert concept["description"]
    assert name["description"]
