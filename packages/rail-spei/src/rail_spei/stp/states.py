"""The meaning of ``estado``, STP's state of an order. An unexplained state is ``pending``, and an operator is alerted.

The names are those of STP's catalogue of states.
"""

from dataclasses import dataclass
from typing import Literal

from rail_spei.stp.parser import displayable
from riel import Status

MAX_CODE = 20

StateKind = Literal["pending", "success", "returned", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class OrderState:
    """One state of an order.

    Only a received payment has an ``inbound`` state. An ``ambiguous`` state is final by one reading of its name, so the
    order is looked up a second time. An ``alert`` state is not explained, and an operator has to ask STP.
    """

    code: str
    name: str
    kind: StateKind
    inbound: bool = False
    ambiguous: bool = False
    alert: bool = False

    @property
    def status(self) -> Status:
        """The core's status for this state."""
        return _STATUSES[self.kind]

    @property
    def provider_code(self) -> str:
        """The code under which the rail's table of errors explains it; empty where nothing went wrong."""
        return "" if self.kind in {"pending", "success"} else f"state:{self.code}"


_STATUSES: dict[StateKind, Status] = {
    "pending": Status.PENDING,
    "success": Status.SETTLED,
    "returned": Status.RETURNED,
    "cancelled": Status.REJECTED,
    "failed": Status.REJECTED,
}

STATES: dict[str, OrderState] = {
    state.code: state
    for state in (
        OrderState("C", "capturada", "pending"),
        OrderState("PL", "pendiente liberar", "pending"),
        OrderState("L", "liberada", "pending"),
        OrderState("PA", "pendiente autorizar", "pending"),
        OrderState("A", "autorizada", "pending"),
        OrderState("E", "enviada", "pending"),
        OrderState("EA", "enviada adapter", "pending"),
        OrderState("EP", "exportación POA", "pending"),
        OrderState("EC", "exportación CEP", "pending"),
        OrderState("R", "recibida", "pending"),
        OrderState("XC", "por cancelar", "pending"),
        OrderState("XD", "por devolver", "pending"),
        OrderState("XR", "por retornar", "pending"),
        OrderState("TC", "traspaso capturado", "pending"),
        OrderState("TL", "traspaso liberado", "pending"),
        OrderState("TA", "traspaso autorizado", "pending"),
        OrderState("LQ", "liquidada", "success"),
        OrderState("TLQ", "traspaso liquidado", "success"),
        OrderState("D", "devuelta", "returned"),
        OrderState("TD", "traspaso devuelto", "returned"),
        OrderState("RE", "retornada", "returned"),
        OrderState("CN", "cancelada", "cancelled"),
        OrderState("TCL", "traspaso cancelado", "cancelled"),
        OrderState("CA", "cancelada adapter", "cancelled"),
        OrderState("CR", "cancelada rechazada", "cancelled", ambiguous=True),
        OrderState("CL", "cancelada local", "cancelled"),
        OrderState("RL", "rechazada local", "failed"),
        OrderState("RA", "rechazada adapter", "failed"),
        OrderState("RB", "rechazada Banxico", "failed"),
        OrderState("EL", "eliminada", "failed"),
        OrderState("CXO", "por enviar confirmación", "pending", inbound=True),
        OrderState("CCE", "confirmación enviada", "pending", inbound=True),
        OrderState("CCO", "confirmada", "success", inbound=True),
        OrderState("CCR", "confirmación rechazada", "failed", inbound=True),
    )
}


def state_of(code: str, *, sent: bool = True) -> OrderState:
    """Return the state for ``estado`` of a query, of an order that was sent or of a payment that was received.

    A state of received payments makes no sense on one that was sent: there it counts as unexplained.
    """
    known = STATES.get(code.strip())
    if known is None or (sent and known.inbound):
        return OrderState(displayable(code)[:MAX_CODE], "", "pending", alert=True)
    return known
