"""The amounts on which the pretend STP does something else than settle: their centavos choose the fate.

Every other amount settles. ``.60`` and up are refusals, one for each id that STP has. A third-party stub began it with
``.00`` to ``.10``; those mean here what they mean there.
"""

from dataclasses import dataclass
from typing import Literal

from rail_spei.sandbox.refusals import CATALOGUE, HOSTILE, UNSIGNED, Refused

Wire = Literal["whole", "slow", "forbidden", "bad gateway", "garbage", "cut", "late", "strings"]
Life = Literal["settles", "stays", "cancelled", "returned", "unheard of"]
Telling = Literal["in time", "before the answer", "twice", "backwards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of an order and of the answer to it.

    ``stored`` says whether STP has the order afterwards, whatever it answered: that is what decides where the money is.
    ``once`` is a fate of the first request of a tracking key; its copies meet the ordinary one.
    """

    what: str
    answer: Wire = "whole"
    refused: Refused | None = None
    stored: bool = True
    stored_within_stp: bool = False
    once: bool = False
    life: Life = "settles"
    cause: int | None = None
    telling: Telling = "in time"
    payee: str = ""
    sealed: bool = True
    hides_time: bool = False
    foreign: bool = False
    adds: int = 0
    listed: bool = True


ORDINARY = Fate(what="accepted, settles (`LQ`; `TLQ` between two accounts of STP)")


def _duplicate(what: str, of: int = -1) -> Fate:
    return Fate(what=what, refused=CATALOGUE[of])


FATES: dict[int, Fate] = {
    0: ORDINARY,
    1: _duplicate("id -1, although it is this order that STP has: a proxy sent it twice"),
    2: Fate(what="refused: id -200", refused=CATALOGUE[-200], stored=False),
    3: Fate(what="refused: id -30, maintenance", refused=CATALOGUE[-30], stored=False),
    4: Fate(what="settles, later `D` with cause 1: DEVOLUCION after LIQUIDACION", life="returned", cause=1),
    5: Fate(what="accepted, cancelled (`CN`)", life="cancelled"),
    6: Fate(what="accepted, stays in state `A`", life="stays"),
    7: Fate(what="settles, and the payee's bank reports another name (`nombreCep`)", payee="OTRA PERSONA SA DE CV"),
    8: Fate(what="settles without a seal (`sello` null)", sealed=False),
    10: Fate(what="stored, answered after `slow_seconds`: a time-out", answer="slow"),
    11: Fate(what="never stored, answered 504 after `slow_seconds`: a time-out", answer="slow", stored=False),
    12: Fate(what='`{"id": 3}` without a text; not stored', refused=Refused(3, None), stored=False),
    13: Fate(what="id 0 without a text; stored", refused=Refused(0, None)),
    14: Fate(what="HTTP 403 with a page of HTML; not stored", answer="forbidden", stored=False),
    15: Fate(what="HTTP 502; not stored", answer="bad gateway", stored=False),
    16: Fate(what="HTTP 502; stored", answer="bad gateway"),
    17: Fate(what="settles; every number in an answer is a string", answer="strings"),
    18: Fate(what="settles; `tsLiquidacion` is null for `hidden_seconds` after `LQ`", hides_time=True),
    19: Fate(what="settles at once, and the webhook comes before the answer", telling="before the answer"),
    21: Fate(what="settles; every webhook comes twice", telling="twice"),
    22: Fate(
        what="settles, later `D`; DEVOLUCION comes before LIQUIDACION", life="returned", cause=1, telling="backwards"
    ),
    23: Fate(what="id -1: another company used the key; a query finds none of ours", foreign=True, stored=False),
    24: Fate(what="id 0 `No se recibió respuesta del servicio`; stored", refused=CATALOGUE[0]),
    25: Fate(what="id 0 `No se recibió respuesta del servicio`; not stored", refused=CATALOGUE[0], stored=False),
    26: Fate(what="id -30 the first time, then accepted", refused=CATALOGUE[-30], stored=False, once=True),
    27: Fate(what="an id that is in no catalogue; stored", refused=Refused(-777, "Error no catalogado")),
    28: Fate(what="an answer that is not JSON; stored", answer="garbage"),
    29: Fate(what="stored, and the connection breaks before the answer", answer="cut"),
    30: Fate(what="504 at once, and the order arrives `late_seconds` later", answer="late", stored=False, once=True),
    31: Fate(
        what="id -31; to an account of STP the money moves nevertheless, as has been reported",
        refused=CATALOGUE[-31],
        stored=False,
        stored_within_stp=True,
    ),
    32: Fate(what="settles, later `D` with a cause that is in no table", life="returned", cause=99),
    33: Fate(what="accepted, and then in a state that is in no table (`ZZ`)", life="unheard of"),
    34: Fate(what="id -200 in words meant to trick an agent", refused=Refused(-200, HOSTILE), stored=False),
    35: Fate(what="settles with one centavo more than ordered", adds=1),
    36: Fate(what="settles, and is missing from the statement of its day", listed=False),
}
FATES |= {
    60: _duplicate("id -2, although it is this order that STP has", -2),
    61: _duplicate("id 5, although it is this order that STP has", 5),
    62: Fate(what="id 0 `Error validando la firma`; not stored", refused=UNSIGNED, stored=False),
    63: Fate(
        what="id 0 `El campo conceptoPago es obligatorio`; not stored",
        refused=Refused(0, "El campo conceptoPago es obligatorio"),
        stored=False,
    ),
    64: Fate(what="id 0 with a text that is in no table; stored", refused=Refused(0, "Otros")),
}
_BY_ID = (1, 2, 3, 4, 6, 7, 8, -3, -5, -6, -7, -9, -10, -11, -12, -13, -14, -16, -17, -18, -20, -21, -22, -23, -24, -26)
FATES |= {
    centavos: Fate(what=f"refused: id {id_}", refused=CATALOGUE[id_], stored=False)
    for centavos, id_ in enumerate((*_BY_ID, -34), 65)
}


def fate_of(centavos: int) -> Fate:
    """What becomes of an order for so many centavos."""
    return FATES.get(centavos % 100, ORDINARY)
