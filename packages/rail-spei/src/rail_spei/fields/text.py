"""Texts as SPEI carries them: letters and digits of the Latin alphabet and single spaces.

A person confirms the text as it was written, so the types keep it; :func:`spei_text` converts it for the order.
"""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from riel import SingleLine

MAX_CARRIED = 40
"""Characters of a concept and of a name, in SPEI and in STP's order."""

MAX_WRITTEN = 120
"""The most characters that a person has to read, and the most that SPEI carries of a payer's name."""

_ALIKE = str.maketrans(
    "ßẞæÆœŒøØđĐðÐþÞłŁħĦıŋŊŧŦ",
    "sSaAoOoOdDdDtTlLhHinNtT",
)
"""Letters that Unicode does not take apart, one for one as in the conversion table of the European Payments Council."""

_APOSTROPHES = frozenset("'`\u00b4\u02bc\u2018\u2019")
_INITIAL = re.compile(r"(?<![A-Za-z0-9])([A-Za-z])\.")


def spei_text(text: str) -> str:
    """``text`` as SPEI carries it: only ``A-Z a-z 0-9`` and single spaces inside; perhaps nothing at all.

    It is never longer than ``text``, and folding it once more changes nothing. One character becomes one at most:
    ß is an s and ﬁ an f, and ½ is a space, since neither 1 nor 12 would be true. Accents and apostrophes go, also the
    point of an initial (S.A. is SA); whatever else SPEI might not carry parts the words on its sides.
    """
    carried = "".join(_spei_character(character) for character in text)
    return " ".join(_INITIAL.sub(r"\1", carried).replace(".", " ").split())


def spei_name(name: str) -> str:
    """A recipient's name as the order carries it: folded and cut at 40, without the space that a cut may leave."""
    return spei_text(name)[:MAX_CARRIED].rstrip()


def _spei_character(character: str) -> str:
    """One character that SPEI carries, a point, a space, or nothing."""
    if character in _APOSTROPHES or unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}:
        return ""
    parts = unicodedata.normalize("NFKD", character.translate(_ALIKE))
    if parts == ".":
        return parts
    plain = [part for part in parts if part.isascii() and part.isalnum()]
    if len(plain) == 1 or (plain and character.isalpha()):  # a ligature keeps its first letter; ½, ™ and № say no word
        return plain[0]
    return " "


def _concept(text: str) -> str:
    length = len(spei_text(text))
    if length == 0:
        raise PydanticCustomError("invalid_concept", "holds nothing that SPEI carries: write letters or digits")
    if length > MAX_CARRIED or len(text) > MAX_WRITTEN:
        raise PydanticCustomError("invalid_concept", "is too long for SPEI: write 40 characters at most")
    return text


def _recipient_name(text: str) -> str:
    if not spei_text(text):
        raise PydanticCustomError(
            "invalid_recipient_name", "holds nothing that SPEI carries: write it with letters of the Latin alphabet"
        )
    if len(text) > MAX_WRITTEN:
        raise PydanticCustomError("invalid_recipient_name", "is too long: write 120 characters at most")
    return text


Concept = Annotated[
    SingleLine,
    AfterValidator(_concept),
    Field(
        description="What it is for, as the payee reads it. SPEI drops accents and punctuation.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_CARRIED},
    ),
]
"""A concept as it was written. The schema limits the written text, and the check limits the converted one."""

RecipientName = Annotated[
    SingleLine,
    AfterValidator(_recipient_name),
    Field(
        description="Full name of the account's holder. SPEI carries its first 40 characters.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_WRITTEN},
    ),
]
"""A name as it was written; :func:`spei_name` converts it for the order."""
