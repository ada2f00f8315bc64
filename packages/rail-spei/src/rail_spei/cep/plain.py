"""Text as it is compared: no accents, no case, no punctuation, single spaces."""

import re
import unicodedata


def plain(text: str) -> str:
    """The words of ``text`` in ASCII letters and digits: ``"Búsqueda; Año"`` is ``"busqueda ano"``."""
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return " ".join(re.findall(r"[a-z0-9]+", bare))
