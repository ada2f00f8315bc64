"""Text from outside is data: refused when it is ours to refuse, cleaned and bounded when it comes from a bank."""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_SURROGATES_AND_CONTROLS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_BLANKS = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
        ),
    )
)
"""Marks and letters that show nothing, though their category is a visible one: Unicode's Default_Ignorable_Code_Point
and the blank braille pattern. Whole sentences have been hidden in variation selectors."""

MAX_TEXT = 200
MAX_LINE = 10_000
_SCAN_FACTOR = 20
"""How many times what is kept is looked at, where much of it may be invisible: a bank can write megabytes."""


def hidden(character: str) -> bool:
    """Whether a character shows nothing or changes how others are shown: controls, bidirectional marks, surrogates."""
    return unicodedata.category(character) in _SURROGATES_AND_CONTROLS or character in _BLANKS


MAX_COMBINING_MARKS = 2
"""The most marks that one letter has in any language that is written in a name; more of them cover what stands near."""


def without_piles(text: str) -> str:
    """``text`` in composed letters (NFC), with at most two combining marks on each."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks <= MAX_COMBINING_MARKS:
            kept.append(character)
    return "".join(kept)


def _one_line(value: str) -> str:
    if len(value) > MAX_LINE:  # each character costs a look, and megabytes of them would stop everything else
        raise PydanticCustomError("too_long", "is far too long: {length} characters", {"length": len(value)})
    for character in value:
        if hidden(character):
            raise PydanticCustomError(
                "hidden_character",
                "holds a character that cannot be seen (U+{code_point}); write plain text on one line",
                {"code_point": f"{ord(character):04X}"},
            )
    if value != value.strip():
        raise PydanticCustomError("outer_space", "begins or ends with a space")
    if without_piles(value) != unicodedata.normalize("NFC", value):
        raise PydanticCustomError("too_many_marks", "has more than two marks on one letter; write plain text")
    return value


SingleLine = Annotated[str, AfterValidator(_one_line)]
"""Text on one line that shows all it holds: control, bidirectional and other invisible characters are refused."""


def clean_text(text: str, most: int = MAX_TEXT) -> str:
    """What a bank or a payee wrote, as data: invisible characters and piles of marks gone, letters composed, spaces
    folded, cut at ``most`` characters."""
    if len(text) <= most and text.isascii() and text.isprintable():  # as nearly everything is
        return " ".join(text.split())
    looked_at = text[: most * _SCAN_FACTOR]
    clean = " ".join(without_piles("".join(" " if hidden(c) else c for c in looked_at)).split())
    if len(clean) <= most and len(looked_at) == len(text):
        return clean
    return clean[: most - 1] + "…"


def escape_controls(text: str) -> str:
    """``text`` for a terminal: a character that changes how others are shown is written as an escape, ``\\r``.

    Line feeds and tabs stay.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(c if c in "\n\t" or not hidden(c) else c.encode("unicode_escape").decode("ascii") for c in text)


_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u2032\u2035\u02bc\u00b4\uff07"
_DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u301d\u301e\uff02"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_MARKS = str.maketrans(
    {**dict.fromkeys(_SINGLE_QUOTES, "'"), **dict.fromkeys(_DOUBLE_QUOTES, '"'), **dict.fromkeys(_DASHES, "-")}
)
"""Quotation marks and dashes, each as the one that a keyboard has."""


def fold_text(text: str) -> str:
    """``text`` in one spelling for all that a person reads alike: composed letters, one kind of space and of marks."""
    if text.isascii():
        return " ".join(text.split())
    return " ".join(unicodedata.normalize("NFC", text).translate(_MARKS).split())


def replace_number(text: str, number: str, shown: str) -> str:
    """``text`` with ``shown`` in place of ``number``, however its characters are set apart there."""
    characters = [c for c in number if c.isalnum()]
    if len(characters) <= 6 or len(text) < len(characters):
        return text
    return re.sub(r"[\W_]*".join(map(re.escape, characters)), lambda _: shown, text, flags=re.IGNORECASE)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean <the nearest>?``, or nothing where none of ``known`` is near ``name``."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
