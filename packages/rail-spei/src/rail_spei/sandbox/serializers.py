"""Orders as JSON in STP's own fields, for the queries and the webhooks of the pretend STP."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.ledger import RETURNED, SETTLED, LedgerOrder, StateChange, StpLedger
from rail_spei.sandbox.refusals import STP, StpContract

CEP_LINK = "https://cep.invalid/cep/go"
"""The address of CEP links. It does not exist, since Banxico has no receipt of a pretend payment."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def pesos_number(centavos: int) -> float:
    """An amount as STP writes it, a JSON number in pesos; up to 15 digits its shortest text is exact."""
    return centavos / 100


def pesos_text(centavos: int) -> str:
    """An amount as STP writes it in totals: text in pesos with two decimals."""
    return f"{centavos // 100}.{centavos % 100:02d}"


def milliseconds(at: datetime | None) -> int | None:
    """A time in STP's form: milliseconds since 1970."""
    return None if at is None else (at - EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class OrderSerializer:
    """Orders in STP's own fields, as they stand at a time."""

    behaviour: StpBehaviour
    contract: StpContract
    ledger: StpLedger

    def order(self, entry: LedgerOrder, at: datetime) -> dict[str, Any]:
        """An order in the form of the query service.

        STP writes the name and RFC of the account's holder as those of the payer, whatever the order says. The payee's
        bank reports the payee's name a while after the settlement. An order within STP has no seal.
        """
        sent, state = entry.fields, entry.change_at(at)
        settled = entry.settled_at(at)
        is_sent, within_stp = entry.direction == "E", str(sent.get("institucionContraparte")) == STP
        reported = settled is not None and at >= settled + timedelta(seconds=self.behaviour.cep_seconds)
        payee_name = entry.scenario.payee_name or str(sent.get("nombreBeneficiario", "")).upper()
        hidden = timedelta(seconds=self.behaviour.hidden_seconds) if entry.scenario.hides_time else timedelta(0)
        told = settled if settled is not None and at >= settled + hidden else None
        link = f"{CEP_LINK}?i={STP}&s={entry.day:%Y%m%d}&d={_opaque(entry)}"
        fields: dict[str, Any] = {
            "idEF": entry.id,
            "claveRastreo": entry.key,
            "conceptoPago": sent.get("conceptoPago"),
            "cuentaBeneficiario": sent.get("cuentaBeneficiario"),
            "cuentaOrdenante": sent.get("cuentaOrdenante"),
            "empresa": entry.empresa,
            "estado": state.state,
            "fechaOperacion": int(f"{entry.day:%Y%m%d}"),
            "institucionContraparte": _int(sent.get("institucionContraparte")),
            "institucionOperante": int(STP),
            "medioEntrega": 3,
            "monto": pesos_number(entry.amount),
            "nombreBeneficiario": sent.get("nombreBeneficiario"),
            "nombreOrdenante": self.contract.holder if is_sent else sent.get("nombreOrdenante"),
            "nombreCep": payee_name if reported else None,
            "rfcCep": (sent.get("rfcCurpBeneficiario") or "ND") if reported else None,
            "sello": _seal(entry) if entry.scenario.sealed and not within_stp else None,
            "rfcCurpBeneficiario": sent.get("rfcCurpBeneficiario"),
            "rfcCurpOrdenante": self.contract.holder_rfc if is_sent else sent.get("rfcCurpOrdenante"),
            "referenciaNumerica": _int(sent.get("referenciaNumerica")),
            "tipoCuentaBeneficiario": 40,
            "tipoCuentaOrdenante": 40,
            "tipoPago": _int(sent.get("tipoPago", 1)),
            "tsCaptura": milliseconds(entry.at),
            "tsLiquidacion": milliseconds(told),
            "causaDevolucion": state.cause,
            "urlCEP": link if settled is not None else None,
        }
        return numbers_as_strings(fields) if entry.scenario.answer == "strings" else fields

    def list_row(self, entry: LedgerOrder, at: datetime) -> dict[str, Any]:
        """An order in the form of the list of a day."""
        return_order = self.ledger.returns.get(entry.number)
        return self.order(entry, at) | {"claveRastreoDevolucion": return_order.key if return_order else None}

    def legacy_order(self, entry: LedgerOrder, at: datetime) -> dict[str, Any]:
        """An order in the form of the older queries, where some of the times are durations in milliseconds."""
        returned = next((change.at for change in entry.changes if change.at <= at and change.state in RETURNED), None)
        settled = entry.settled_at(at)
        times = {
            "tsAcuseBanxico": milliseconds(settled),
            "tsEntrega": _duration(entry.at, settled),
            "tsDevolucion": _duration(settled, returned),
            "tsDevolucionRecibida": milliseconds(returned),
        }
        other = {"folioOrigen": entry.fields.get("folioOrigen"), "idCliente": None, "usuario": None}
        return self.order(entry, at) | times | other

    def legacy_row(self, entry: LedgerOrder, at: datetime) -> dict[str, Any]:
        """An order in a list of the older queries: of one that has not settled, its number and empty fields are left
        out."""
        row = self.legacy_order(entry, at)
        if entry.settled_at(at) is not None:
            return row
        return {name: value for name, value in row.items() if value is not None and name != "idEF"}


def _duration(since: datetime | None, until: datetime | None) -> int | None:
    return None if since is None or until is None else (until - since) // timedelta(milliseconds=1)


def state_webhook(entry: LedgerOrder, change: StateChange, words: str) -> dict[str, Any]:
    """The webhook of a change of state."""
    settled = entry.settled_at(change.at)
    if words == "older":
        return {"id": entry.id, "Estado": state_word(change.state, "events"), "Detalle": cause_word(change.cause)}
    return {
        "id": entry.id,
        "empresa": entry.empresa,
        "folioOrigen": entry.fields.get("folioOrigen") or "",
        "claveRastreo": entry.key,
        "estado": state_word(change.state, words),
        "causaDevolucion": cause_word(change.cause),
        "tsLiquidacion": str(milliseconds(settled) or 0),
    }


VOCABULARIES = {
    "events": ("LIQUIDACION", "DEVOLUCION", "CANCELACION"),
    "participles": ("Liquidada", "Devuelta", "Cancelada"),
    "english": ("Success", "Refund", "Cancel"),
    "states": ("LQ", "D", "CN"),
}


def state_word(state: str, words: str) -> str:
    """The word for a state in one of the vocabularies that STP's webhooks have used."""
    return VOCABULARIES[words][0 if state in SETTLED else 1 if state in RETURNED else 2]


def cause_word(cause: int | None) -> str | None:
    """The text for a cause in a webhook: words where STP has them, else the number."""
    return {1: "Cuenta inexistente", 16: "Tipo de operacion erronea"}.get(
        cause or 0, None if cause is None else str(cause)
    )


def numbers_as_strings(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields with every number as a string: STP has sent such answers."""
    return {name: str(value) if isinstance(value, int | float) else value for name, value in fields.items()}


def _int(value: Any) -> int | None:
    return None if value is None else int(value)


def _seal(entry: LedgerOrder) -> str:
    return base64.b64encode(hashlib.sha512(f"{entry.id}{entry.key}".encode()).digest()).decode()


def _opaque(entry: LedgerOrder) -> str:
    return hashlib.sha256(f"{entry.id}{entry.key}".encode()).hexdigest()


def deposit_webhook(entry: LedgerOrder) -> dict[str, Any]:
    """The webhook of a received payment (``sendAbono``)."""
    sent = entry.fields
    return {
        "id": entry.id,
        "fechaOperacion": int(f"{entry.day:%Y%m%d}"),
        "institucionOrdenante": _int(sent.get("institucionContraparte")),
        "institucionBeneficiaria": int(STP),
        "claveRastreo": entry.key,
        "monto": pesos_number(entry.amount),
        "nombreOrdenante": sent.get("nombreOrdenante"),
        "tipoCuentaOrdenante": 40,
        "cuentaOrdenante": sent.get("cuentaOrdenante"),
        "rfcCurpOrdenante": sent.get("rfcCurpOrdenante"),
        "nombreBeneficiario": sent.get("nombreBeneficiario"),
        "tipoCuentaBeneficiario": 40,
        "cuentaBeneficiario": sent.get("cuentaBeneficiario"),
        "nombreBeneficiario2": "",
        "tipoCuentaBeneficiario2": "",
        "cuentaBeneficiario2": "",
        "rfcCurpBeneficiario": sent.get("rfcCurpBeneficiario"),
        "conceptoPago": sent.get("conceptoPago"),
        "referenciaNumerica": _int(sent.get("referenciaNumerica")),
        "empresa": entry.empresa,
        "tipoPago": 1,
        "tsLiquidacion": str(milliseconds(entry.at)),
        "folioCodi": "",
    }
