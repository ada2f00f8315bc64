"""Whether the payee's name that the receiving bank reports may be the name that was sent.

SPEI credits an account, never a name, and banks abbreviate, swap surnames and cut: so words are compared, not texts,
and a difference is a warning and never a failure.
"""

import re
import unicodedata
from typing import Literal, TypeAlias

NameMatch: TypeAlias = Literal["same", "partly", "different", "unknown"]
"""``same``: every word of the shorter name is in the longer one. ``unknown``: one of them has no such word."""

MAX_CARRIED = 40
"""How many characters of a name SPEI carries."""

STOP_WORDS = {
    *("a", "al", "da", "de", "del", "e", "en", "i", "la", "las", "los", "mi", "of", "the", "y"),
    *("cv", "rl", "sa", "sab", "sapi", "sc"),
    *("na", "nd"),
}
"""Particles, legal forms, and the marks of a missing value: shared by strangers, dropped by banks."""

CONTRACTIONS = {
    "fco": "francisco",
    "fdez": "fernandez",
    "glez": "gonzalez",
    "gpe": "guadalupe",
    "hdez": "hernandez",
    "ma": "maria",
    "mtz": "martinez",
    "rdz": "rodriguez",
}
"""How names are usually shortened in Mexico."""

MIN_PREFIX = 3


def names_match(sent: str, reported: str) -> NameMatch:
    """Compare two names word by word, in any order."""
    shorter, longer = sorted((_words(sent), _words(reported)), key=len)
    if not shorter:
        return "unknown"
    unmatched = list(longer)
    shared = 0
    for word in sorted(shorter, key=len, reverse=True):  # the least ambiguous word chooses first
        twin = next((w for w in unmatched if w == word), None) or next(
            (w for w in unmatched if _is_prefix(w, word)), None
        )
        if twin is not None:
            unmatched.remove(twin)
            shared += 1
    if shared == 0:
        return "different"
    enough = len(shorter) > 1 or len(longer) == 1  # a first name alone is shared by many
    return "same" if shared == len(shorter) and enough else "partly"


def _words(name: str) -> list[str]:
    """The words of the part of a name that SPEI carries, without particles, initials and legal forms."""
    words = _plain(re.sub(r"[.'\u2019]", "", name)[:MAX_CARRIED]).split()
    return [CONTRACTIONS.get(w, w) for w in words if len(w) > 1 and w not in STOP_WORDS]


def _is_prefix(one: str, other: str) -> bool:
    """Whether one word is the other with its end cut off."""
    short, long = sorted((one, other), key=len)
    return len(short) >= MIN_PREFIX and long.startswith(short)


def _plain(text: str) -> str:
    """The words of ``text`` in ASCII letters and digits: ``"Búsqueda; Año"`` is ``"busqueda ano"``."""
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return " ".join(re.findall(r"[a-z0-9]+", bare))
