"""Text from outside: ours to refuse where an agent wrote it, ours to clean where a bank did."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from riel.text import MAX_LINE, MAX_TEXT, SingleLine, clean_text, hidden, replace_number

LINE: TypeAdapter[str] = TypeAdapter(SingleLine)

UNSEEN = {
    "null": "\x00",
    "tab": "\t",
    "line feed": "\n",
    "carriage return": "\r",
    "escape": "\x1b",
    "delete": "\x7f",
    "next line": "\x85",
    "soft hyphen": "\u00ad",
    "arabic letter mark": "\u061c",
    "zero-width space": "\u200b",
    "zero-width non-joiner": "\u200c",
    "zero-width joiner": "\u200d",
    "left-to-right mark": "\u200e",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "left-to-right override": "\u202d",
    "right-to-left override": "\u202e",
    "word joiner": "\u2060",
    "invisible separator": "\u2063",
    "left-to-right isolate": "\u2066",
    "pop isolate": "\u2069",
    "byte order mark": "\ufeff",
    "interlinear anchor": "\ufff9",
    "language tag": "\U000e0001",
    "tag a": "\U000e0061",
    "private use": "\ue000",
    "unassigned": "\u0378",
    "combining grapheme joiner": "\u034f",
    "hangul filler": "\u3164",
    "half-width hangul filler": "\uffa0",
    "mongolian vowel separator": "\u180e",
    "blank braille": "\u2800",
    "variation selector 16": "\ufe0f",
    "variation selector 256": "\U000e01ef",
    "half a pair": "\ud83d",
    "the other half": "\udc00",
}
SEEN = [
    "Renta de marzo",
    "Peñón & Hijos S.A. de C.V.",
    "Pen\u0303o\u0301n",
    "株式会社",
    "مؤسسة",
    "ไทย",
    "100% — «sí»",
    "👍🏽",
]


@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_seen_is_refused_and_named(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LINE.validate_python(f"Renta{UNSEEN[name]}marzo")
    (error,) = refused.value.errors(include_input=False)
    assert error["type"] == "hidden_character"
    assert f"U+{ord(UNSEEN[name]):04X}" in error["msg"]
    assert "Renta" not in error["msg"]


@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_seen_is_cleaned_from_what_a_bank_says(name: str) -> None:
    assert clean_text(f" Pago{UNSEEN[name]}  rechazado{UNSEEN[name]}") == "Pago rechazado"


@pytest.mark.parametrize("text", SEEN)
def test_every_script_is_plain_text(text: str) -> None:
    assert LINE.validate_python(text) == text
    assert clean_text(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", [" a", "a ", "\u00a0a", "a\u3000"])
def test_a_line_neither_begins_nor_ends_with_a_space(text: str) -> None:
    with pytest.raises(ValidationError, match="begins or ends with a space"):
        LINE.validate_python(text)


def test_what_a_bank_says_is_one_line_within_bounds() -> None:
    assert clean_text("Fondos\r\n\t insuficientes\u2028 ") == "Fondos insuficientes"
    assert clean_text("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert clean_text("x" * (MAX_TEXT + 1)) == "x" * (MAX_TEXT - 1) + "…"
    assert clean_text("", 10) == ""
    assert clean_text("abcdef", 3) == "ab…"


def test_a_line_of_megabytes_is_refused_before_it_is_looked_at() -> None:
    assert LINE.validate_python("x" * MAX_LINE) == "x" * MAX_LINE
    with pytest.raises(ValidationError, match="is far too long: 10000000 characters"):
        LINE.validate_python("\u200b" * 10_000_000)


def test_megabytes_of_nothing_are_cut_like_anything_else() -> None:
    assert clean_text("\u200b" * 10_000_000 + "Fondos") == "…"
    assert len(clean_text("Fondos " * 1_000_000)) == MAX_TEXT


@pytest.mark.parametrize("written", ["012180001234567895", "0121 8000-1234.5678_95", "0121\u00a080001234567895"])
def test_a_number_is_hidden_however_it_is_written(written: str) -> None:
    assert replace_number(f"cuenta {written} cerrada", "012180001234567895", "****7895") == "cuenta ****7895 cerrada"
    assert replace_number("cuenta 123456", "123456", "****") == "cuenta 123456", (
        "what short numbers hide is too much else"
    )
    assert replace_number("ANA@Example.com", "ana@example.com", r"\1") == r"\1"


@given(st.text(), st.integers(1, 50))
def test_whatever_comes_is_clean_and_bounded(text: str, most: int) -> None:
    clean = clean_text(text, most)
    assert len(clean) <= most
    assert not any(hidden(character) for character in clean)
    assert clean == " ".join(clean.split()) or clean.endswith(" …")
    assert clean_text(clean, most) == clean


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_a_line_is_taken_as_it_is_or_not_at_all(text: str) -> None:
    try:
        assert LINE.validate_python(text) == text
    except ValidationError:
        assert text != text.strip() or any(hidden(character) for character in text)
    else:
        assert not any(unicodedata.category(character)[0] == "C" for character in text)


PILE = "Z" + "\u0335" * 59


def test_a_letter_keeps_two_marks_at_most() -> None:
    assert clean_text(f"Ana {PILE}a") == "Ana Z\u0335\u0335a"
    assert clean_text("Pen\u0303a") == "Pe\u00f1a"
    assert clean_text("Nguye\u0302\u0303n") == "Nguy\u1ec5n"


def test_an_argument_with_a_pile_of_marks_is_refused_and_every_real_name_is_taken() -> None:
    with pytest.raises(ValidationError, match="more than two marks on one letter"):
        TypeAdapter(SingleLine).validate_python(PILE)
    for name in ("Pen\u0303a", "Nguye\u0302\u0303n", "\u0e17\u0e35\u0e48", "\u05e9\u05bc\u05c1"):
        assert TypeAdapter(SingleLine).validate_python(name) == name
