"""What the pretend STP's queries and webhooks tell of an order, in STP's own fields."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from rail_spei.sandbox.ledger import BACK, SETTLED, Book, Change, Entry
from rail_spei.sandbox.refusals import STP

CEP_LINK = "https://cep.invalid/cep/go"
"""Where a link to a CEP leads: to no place that exists, since Banxico has no receipt of play money."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number(centavos: int) -> float:
    """An amount as STP writes it, a JSON number in pesos; up to 15 digits its shortest text is exact."""
    return centavos / 100


def milliseconds(at: datetime | None) -> int | None:
    """A time as STP writes it."""
    return None if at is None else (at - EPOCH) // timedelta(milliseconds=1)


def order(entry: Entry, at: datetime, hidden: timedelta) -> dict[str, Any]:
    """An order as the query services tell it. ``hidden``: for how long the time of a settlement may be missing."""
    said, state = entry.said, entry.now(at)
    settled = entry.settled_at(at)
    told = settled is not None
    between_our_own = str(said.get("institucionContraparte")) == STP
    if settled is not None and entry.fate.hides_time and at < settled + hidden:
        settled = None
    fields: dict[str, Any] = {
        "idEF": entry.id,
        "claveRastreo": entry.key,
        "conceptoPago": said.get("conceptoPago"),
        "cuentaBeneficiario": said.get("cuentaBeneficiario"),
        "cuentaOrdenante": said.get("cuentaOrdenante"),
        "empresa": entry.empresa,
        "estado": state.state,
        "fechaOperacion": int(f"{entry.day:%Y%m%d}"),
        "institucionContraparte": _whole(said.get("institucionContraparte")),
        "institucionOperante": int(STP),
        "medioEntrega": 3,
        "monto": number(entry.amount),
        "nombreBeneficiario": said.get("nombreBeneficiario"),
        "nombreOrdenante": said.get("nombreOrdenante"),
        "nombreCep": (entry.fate.payee or str(said.get("nombreBeneficiario", "")).upper()) if told else None,
        "rfcCep": (said.get("rfcCurpBeneficiario") or "ND") if told else None,
        "sello": _seal(entry) if told and entry.fate.sealed and not between_our_own else None,
        "rfcCurpBeneficiario": said.get("rfcCurpBeneficiario"),
        "rfcCurpOrdenante": said.get("rfcCurpOrdenante"),
        "referenciaNumerica": _whole(said.get("referenciaNumerica")),
        "tipoCuentaBeneficiario": 40,
        "tipoCuentaOrdenante": 40,
        "tipoPago": _whole(said.get("tipoPago", 1)),
        "tsCaptura": milliseconds(entry.at),
        "tsLiquidacion": milliseconds(settled),
        "causaDevolucion": state.cause,
        "urlCEP": f"{CEP_LINK}?i={STP}&s={entry.day:%Y%m%d}&d={_opaque(entry)}"
        if told and not between_our_own
        else None,
    }
    return strings(fields) if entry.fate.answer == "strings" else fields


def listed(entry: Entry, at: datetime, hidden: timedelta, book: Book) -> dict[str, Any]:
    """An order as the list of a day tells it."""
    back = book.returned.get(entry.number)
    return order(entry, at, hidden) | {"claveRastreoDevolucion": back.key if back else None}


def older(entry: Entry, at: datetime, hidden: timedelta) -> dict[str, Any]:
    """An order as the older queries tell it."""
    returned = next((change.at for change in entry.life if change.at <= at and change.state in BACK), None)
    settled = milliseconds(entry.settled_at(at))
    times = {
        "tsAcuseBanxico": settled,
        "tsEntrega": settled,
        "tsDevolucion": None,
        "tsDevolucionRecibida": milliseconds(returned),
    }
    return (
        order(entry, at, hidden)
        | times
        | {"folioOrigen": entry.said.get("folioOrigen"), "idCliente": None, "usuario": None}
    )


def event(entry: Entry, change: Change, words: str) -> dict[str, Any]:
    """A change of state as the webhook tells it."""
    settled = entry.settled_at(change.at)
    if words == "older":
        return {"id": entry.id, "Estado": state_word(change.state, "events"), "Detalle": cause_word(change.cause)}
    return {
        "id": entry.id,
        "empresa": entry.empresa,
        "folioOrigen": entry.said.get("folioOrigen") or "",
        "claveRastreo": entry.key,
        "estado": state_word(change.state, words),
        "causaDevolucion": cause_word(change.cause),
        "tsLiquidacion": str(milliseconds(settled) or 0),
    }


WORDS = {
    "events": ("LIQUIDACION", "DEVOLUCION", "CANCELACION"),
    "participles": ("Liquidada", "Devuelta", "Cancelada"),
    "english": ("Success", "Refund", "Cancel"),
    "states": ("LQ", "D", "CN"),
}


def state_word(state: str, words: str) -> str:
    """A state in one of the vocabularies that webhooks have used."""
    return WORDS[words][0 if state in SETTLED else 1 if state in BACK else 2]


def cause_word(cause: int | None) -> str | None:
    """A cause as webhooks write it: in words, where there are any."""
    return {1: "Cuenta inexistente", 16: "Tipo de operacion erronea"}.get(
        cause or 0, None if cause is None else str(cause)
    )


def strings(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with every number as a string, which STP has been seen to do."""
    return {name: str(value) if isinstance(value, int | float) else value for name, value in fields.items()}


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _seal(entry: Entry) -> str:
    return base64.b64encode(hashlib.sha512(f"{entry.id}{entry.key}".encode()).digest()).decode()


def _opaque(entry: Entry) -> str:
    return hashlib.sha256(f"{entry.id}{entry.key}".encode()).hexdigest()


def deposit(entry: Entry) -> dict[str, Any]:
    """A received payment as the webhook tells it (``sendAbono``)."""
    said = entry.said
    return {
        "id": entry.id,
        "fechaOperacion": int(f"{entry.day:%Y%m%d}"),
        "institucionOrdenante": _whole(said.get("institucionContraparte")),
        "institucionBeneficiaria": int(STP),
        "claveRastreo": entry.key,
        "monto": number(entry.amount),
        "nombreOrdenante": said.get("nombreOrdenante"),
        "tipoCuentaOrdenante": 40,
        "cuentaOrdenante": said.get("cuentaOrdenante"),
        "rfcCurpOrdenante": said.get("rfcCurpOrdenante"),
        "nombreBeneficiario": said.get("nombreBeneficiario"),
        "tipoCuentaBeneficiario": 40,
        "cuentaBeneficiario": said.get("cuentaBeneficiario"),
        "nombreBeneficiario2": "",
        "tipoCuentaBeneficiario2": "",
        "cuentaBeneficiario2": "",
        "rfcCurpBeneficiario": said.get("rfcCurpBeneficiario"),
        "conceptoPago": said.get("conceptoPago"),
        "referenciaNumerica": _whole(said.get("referenciaNumerica")),
        "empresa": entry.empresa,
        "tipoPago": 1,
        "tsLiquidacion": str(milliseconds(entry.at)),
        "folioCodi": "",
    }
