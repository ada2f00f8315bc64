"""The *cadena original*: one value makes both a request's body and the text that is signed.

STP signs no bytes of the body but a text of its fields: ``||a|b|…||``, in an order that belongs to the request, where a
field that is left out is empty, and 0 is not left out. Only ASCII passes: a pipe in a field would move every field
behind it and be signed all the same, and a character that STP folds would not be the one that was signed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Literal

from pydantic.alias_generators import to_camel

Value = str | int | date | None
Direction = Literal["E", "R"]  # enviada, recibida: orders that the company sent, or received
STP = "90646"

AMOUNTS = {"monto", "iva"}
UNSIGNED = {"latitud", "longitud"}


def pesos(centavos: int) -> str:
    """``centavos`` as STP signs an amount: pesos, a point, two decimals, nothing between the thousands."""
    if isinstance(centavos, bool) or not isinstance(centavos, int):
        raise TypeError("an amount is an integer of centavos")
    if centavos < 0:
        raise ValueError("an amount is not negative")
    return f"{centavos // 100}.{centavos % 100:02d}"


def _field_text(name: str, value: str | int | date) -> str | int:
    """``value`` as it stands in a signed text. An error names the field and never its value."""
    # A time is refused: its date does not tell the operating day to which it belongs.
    if isinstance(value, (bool, datetime)) or not isinstance(value, (str, int, date)):
        raise TypeError(f"{name} is neither text, nor an integer, nor a day")
    if isinstance(value, date):
        return f"{value:%Y%m%d}"
    if isinstance(value, str):
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"{name} holds a character that is not printable ASCII")
        if "|" in value:
            raise ValueError(f"{name} holds a pipe")
        if not value or value != value.strip():
            raise ValueError(f"{name} is empty, or has a space at an end: leave it out, or trim it")
    return value


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The fields of one request in the order in which they are signed, ``None`` where left out, and the unsigned ones.

    :raises ValueError, TypeError: where a field holds what could not be signed unmistakably.
    """

    signed: Mapping[str, Value]
    unsigned: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.json()

    def json(self) -> dict[str, str | int]:
        """The body without ``firma``. A field that is ``None`` is not in it."""
        sent = {**self.signed, **self.unsigned}
        return {name: _field_text(name, value) for name, value in sent.items() if value is not None}

    def body(self, firma: str) -> bytes:
        """The body with ``firma``, as it is sent: an amount is a JSON number with two decimals, as all recorded clients
        send it. It never passes through a binary float."""
        fields = {name: value if name in AMOUNTS else json.dumps(value) for name, value in self.json().items()}
        written = ",".join(f"{json.dumps(name)}:{value}" for name, value in fields.items())
        return f'{{{written},"firma":{json.dumps(firma)}}}'.encode()

    def cadena(self) -> str:
        """The text that is signed, made from the body."""
        sent = self.json()
        return f"||{'|'.join(str(sent.get(name, '')) for name in self.signed)}||"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOrder:
    """``PUT ordenPago/registra``: the 34 fields in the order of their signature, then those that are sent unsigned.

    The JSON has these names in camelCase. Amounts are centavos, and are signed and sent in pesos with two decimals.
    Without ``fecha_operacion`` STP gives the order its own operating day, which is how one is sent.

    :raises ValueError, TypeError: where a field holds what could not be signed unmistakably.
    """

    institucion_contraparte: str
    empresa: str
    fecha_operacion: date | None = None
    folio_origen: str | None = None
    clave_rastreo: str
    institucion_operante: str = STP
    monto: int
    tipo_pago: int = 1
    tipo_cuenta_ordenante: int = 40
    nombre_ordenante: str | None = None
    cuenta_ordenante: str
    rfc_curp_ordenante: str | None = None
    tipo_cuenta_beneficiario: int = 40
    nombre_beneficiario: str
    cuenta_beneficiario: str
    rfc_curp_beneficiario: str = "ND"
    email_beneficiario: str | None = None
    tipo_cuenta_beneficiario2: int | None = None
    nombre_beneficiario2: str | None = None
    cuenta_beneficiario2: str | None = None
    rfc_curp_beneficiario2: str | None = None
    concepto_pago: str
    concepto_pago2: str | None = None
    clave_cat_usuario1: str | None = None
    clave_cat_usuario2: str | None = None
    clave_pago: str | None = None
    referencia_cobranza: str | None = None
    referencia_numerica: int
    tipo_operacion: str | None = None
    topologia: str | None = None
    usuario: str | None = None
    medio_entrega: int = 3
    prioridad: int | None = None
    iva: int | None = None
    latitud: str | None = None
    longitud: str | None = None

    def __post_init__(self) -> None:
        if not self.monto:
            raise ValueError("monto is nothing")
        self.request()

    def request(self) -> SignedRequest:
        """The fields by STP's names, as they are written."""
        signed: dict[str, Value] = {}
        unsigned: dict[str, Value] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value is not None and one.name in AMOUNTS:
                value = pesos(value)
            (unsigned if one.name in UNSIGNED else signed)[to_camel(one.name)] = value
        return SignedRequest(signed, unsigned)

    def json(self) -> dict[str, str | int]:
        """The body without ``firma``."""
        return self.request().json()

    def cadena(self) -> str:
        """The text that is signed: 34 fields, 37 pipes."""
        return self.request().cadena()


TEMPLATE = tuple(to_camel(one.name) for one in fields(RegisterOrder) if one.name not in UNSIGNED)


def query(empresa: str, key: str, kind: Direction, day: date | None = None) -> SignedRequest:
    """``POST efws consultaOrden``: one order by its clave de rastreo; without ``day``, of the running operating day."""
    return SignedRequest({"empresa": empresa, "claveRastreo": key, "tipoOrden": kind, "fechaOperacion": day})


def reconciliation(empresa: str, kind: Direction, day: date | None = None, *, page: int = 0) -> SignedRequest:
    """``POST efws V2/conciliacion``: one page, counted from 0 and not signed, of all orders of an operating day."""
    return SignedRequest({"empresa": empresa, "tipoOrden": kind, "fechaOperacion": day}, {"page": page})


def legacy(
    *, empresa: str, day: date | None = None, key: str | None = None, institution: str | None = None
) -> SignedRequest:
    """The older queries at ``ordenPago``, signed with the 34 places of an order of which four are filled."""
    filled = {
        "empresa": empresa,
        "fechaOperacion": day,
        "claveRastreo": key,
        "institucionOperante": institution,
    }
    return SignedRequest({name: filled.get(name) for name in TEMPLATE})


def return_received(
    *, empresa: str, day: date, key: str, return_key: str, amount: int, institution: str = STP
) -> SignedRequest:
    """``PUT ordenPago/retornaOrden``: give back a payment that was received, whole (from a single source).

    :param day: the operating day of the received payment; ``key`` its clave de rastreo, ``amount`` its centavos.
    :param return_key: a new clave de rastreo, for the return itself.
    """
    if not amount:
        raise ValueError("monto is nothing")
    if key == return_key:
        raise ValueError("claveRastreoDevolucion is the key of the payment that is given back")
    return SignedRequest(
        {
            "fechaOperacion": day,
            "institucionOperante": institution,
            "claveRastreo": key,
            "monto": pesos(amount),
            "digitoIdentificadorBeneficiario": 2,
            "claveRastreoDevolucion": return_key,
            "medioEntrega": 3,
        },
        {"empresa": empresa},
    )
