"""What a page of Banxico's form says. It answers 200 to everything, so its sentences are read.

The sentences stand in HTML with accents as letters or as entities, in either case, in UTF-8 and once in Latin-1; the
same sentences also stand in comments, where they say nothing. No parser is brought in for that: the standard one takes
minutes for some texts of this length, and lxml is a large dependency for five sentences.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rail_spei.cep.answers import StateAtBanxico
from rail_spei.cep.plain import plain

Says: TypeAlias = Literal["rate_limited", "captcha", "not_matched", "not_received", "not_generated", "nothing_known"]

SENTENCES: tuple[tuple[Says, str], ...] = (
    ("rate_limited", "ha excedido el numero maximo de consultas"),
    ("captcha", "la imagen de seguridad no fue ingresada correctamente"),
    ("not_matched", "no se encontro ningun pago con la informacion proporcionada"),
    ("not_received", "el spei no ha recibido una orden de pago que cumpla con el criterio de busqueda"),
    ("not_generated", "con la informacion proporcionada se identifico el siguiente pago"),
)
"""As :func:`plain` writes them. What tells us to stop asking comes first."""

STATES: Mapping[str, StateAtBanxico] = {
    "en proceso": "in_process",
    "liquidado": "settled",
    "en proceso de devolucion": "returning",
    "devuelto": "returned",
    "cancelado": "cancelled",
    "rechazado": "rejected",
}

# Each of these passes over the text once, whatever the text: none of them can look for an end that is not there twice.
_NOT_SHOWN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_ROW = re.compile(r"<td[^<>]*>([^<]*)</td>[ \t\r\n]*<td[^<>]*>([^<]*)</td>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """What it says, and the rows of its table: names as :func:`plain` writes them, values as they stand."""

    says: Says
    rows: Mapping[str, str] = field(repr=False)

    @property
    def state(self) -> StateAtBanxico:
        """The payment's state at Banxico; whatever is not one of theirs is unknown."""
        return STATES.get(plain(self.words), "unknown")

    @property
    def words(self) -> str:
        """The state as Banxico writes it."""
        return self.rows.get("estado del pago en banxico", "")


def read_page(body: bytes) -> Page:
    """The page in ``body``, whatever that is: this never fails."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    shown = _NOT_SHOWN.sub(" ", text)
    words = plain(_letters(_TAG.sub(" ", shown)))
    says: Says = next((says for says, sentence in SENTENCES if sentence in words), "nothing_known")
    rows = {plain(_letters(name)): _letters(value).strip() for name, value in _ROW.findall(shown)}
    return Page(says, rows)


def _letters(text: str) -> str:
    """Entities become letters, unless one has more digits than Python reads."""
    try:
        return html.unescape(text)
    except ValueError:
        return text
