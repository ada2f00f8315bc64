"""What STP's word for where an order stands means. A word that nobody explained is ``pending``, and an operator looks.

The names are those of STP's catalogue of states. ``proven`` are the states on which a licensed operator has relied in
production for years; the others mean what their names say.
"""

from dataclasses import dataclass
from typing import Literal

from rail_spei.stp.parser import shown
from riel import Status

LONGEST_CODE = 20

Word = Literal["pending", "success", "returned", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class State:
    """One state of an order.

    ``inbound`` is one that only a received payment has. ``ambiguous`` is final by one reading of its name: ask a second
    time before it is believed. ``alert`` is one that nobody explained, for an operator.
    """

    code: str
    name: str
    word: Word
    proven: bool = False
    inbound: bool = False
    ambiguous: bool = False
    alert: bool = False

    @property
    def status(self) -> Status:
        """The same in the core's words."""
        return _STATUSES[self.word]

    @property
    def native(self) -> str:
        """The code under which the rail's table of errors explains it; empty where nothing went wrong."""
        return "" if self.word in {"pending", "success"} else f"state:{self.code}"


_STATUSES: dict[Word, Status] = {
    "pending": Status.PENDING,
    "success": Status.SETTLED,
    "returned": Status.RETURNED,
    "cancelled": Status.REJECTED,
    "failed": Status.REJECTED,
}

STATES: dict[str, State] = {
    state.code: state
    for state in (
        State("C", "capturada", "pending"),
        State("PL", "pendiente liberar", "pending"),
        State("L", "liberada", "pending"),
        State("PA", "pendiente autorizar", "pending"),
        State("A", "autorizada", "pending"),
        State("E", "enviada", "pending"),
        State("EA", "enviada adapter", "pending"),
        State("EP", "exportación POA", "pending"),
        State("EC", "exportación CEP", "pending"),
        State("R", "recibida", "pending"),
        State("XC", "por cancelar", "pending"),
        State("XD", "por devolver", "pending"),
        State("XR", "por retornar", "pending"),
        State("TC", "traspaso capturado", "pending"),
        State("TL", "traspaso liberado", "pending"),
        State("TA", "traspaso autorizado", "pending"),
        State("LQ", "liquidada", "success", proven=True),
        State("TLQ", "traspaso liquidado", "success", proven=True),
        State("D", "devuelta", "returned", proven=True),
        State("TD", "traspaso devuelto", "returned"),
        State("RE", "retornada", "returned"),
        State("CN", "cancelada", "cancelled", proven=True),
        State("TCL", "traspaso cancelado", "cancelled", proven=True),
        State("CA", "cancelada adapter", "cancelled", proven=True),
        State("CR", "cancelada rechazada", "cancelled", proven=True, ambiguous=True),
        State("CL", "cancelada local", "cancelled"),
        State("RL", "rechazada local", "failed"),
        State("RA", "rechazada adapter", "failed"),
        State("RB", "rechazada Banxico", "failed"),
        State("EL", "eliminada", "failed"),
        State("CXO", "por enviar confirmación", "pending", inbound=True),
        State("CCE", "confirmación enviada", "pending", inbound=True),
        State("CCO", "confirmada", "success", proven=True, inbound=True),
        State("CCR", "confirmación rechazada", "failed", inbound=True),
    )
}

# The words of the webhooks differ from one contract to the next. "Liberada" is no "Liquidada", so one letter is not
# enough: the words begin with these.
_BEGINNINGS: dict[str, str] = {
    "liquid": "LQ",
    "success": "LQ",
    "devol": "D",
    "devuel": "D",
    "refund": "D",
    "cancel": "CN",
}


def state_of(code: str, *, sent: bool = True) -> State:
    """What ``estado`` of a query means, for an order that was sent or for a payment that was received.

    A state of received payments makes no sense on one that was sent: there it counts as unexplained.
    """
    known = STATES.get(code.strip())
    if known is None or (sent and known.inbound):
        return State(shown(code)[:LONGEST_CODE], "", "pending", alert=True)
    return known


def state_told(word: str) -> State:
    """What the state of a webhook means: a code, or one of the words that STP has used there."""
    plain = word.strip().casefold()
    known = next((code for beginning, code in _BEGINNINGS.items() if plain.startswith(beginning)), "")
    return STATES[known] if known else state_of(word)
