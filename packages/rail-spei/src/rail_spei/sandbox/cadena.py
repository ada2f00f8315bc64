"""The cadena original as STP rebuilds it from the JSON of a request, in order to verify the firma.

It is implemented from STP's documentation a second time, on purpose: with code shared by both sides, a mistake would
verify.
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_ORDER = """
    institucionContraparte empresa fechaOperacion folioOrigen claveRastreo institucionOperante monto tipoPago
    tipoCuentaOrdenante nombreOrdenante cuentaOrdenante rfcCurpOrdenante tipoCuentaBeneficiario nombreBeneficiario
    cuentaBeneficiario rfcCurpBeneficiario emailBeneficiario tipoCuentaBeneficiario2 nombreBeneficiario2
    cuentaBeneficiario2 rfcCurpBeneficiario2 conceptoPago conceptoPago2 claveCatUsuario1 claveCatUsuario2 clavePago
    referenciaCobranza referenciaNumerica tipoOperacion topologia usuario medioEntrega prioridad iva
"""
_RETURN = """
    fechaOperacion institucionOperante claveRastreo monto digitoIdentificadorBeneficiario claveRastreoDevolucion
    medioEntrega
"""
ORDER, RETURN = _ORDER.split(), _RETURN.split()
QUERY = ["empresa", "claveRastreo", "tipoOrden", "fechaOperacion"]
LIST = ["empresa", "tipoOrden", "fechaOperacion"]
LEGACY = ["empresa", "fechaOperacion", "claveRastreo", "institucionOperante"]

Body = Mapping[str, Any]


def parse_object(raw: bytes) -> Body:
    """Parse a JSON object with exact numbers.

    :raises ValueError: the text is no JSON object, or a field is in it twice.
    """
    read = json.loads(raw, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_no_duplicates)
    if not isinstance(read, dict):
        raise ValueError("not an object")  # noqa: TRY004  # of whatever type: it is not JSON that STP reads
    return read


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(read := dict(pairs)) != len(pairs):
        raise ValueError("a field stands twice")
    return read


def text(value: Any) -> str:
    """A value in the cadena: empty for ``null``, and 0 for 0."""
    return "" if value is None else str(value)


def pesos(value: Any) -> Decimal | None:
    """An amount in pesos, from a number or a string; ``None`` for anything else, or fractions of a centavo."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        amount = Decimal(value)
        exact = amount.is_finite() and abs(amount) < 10**15 and amount == amount.quantize(Decimal("0.01"))
    except InvalidOperation:
        return None
    return amount if exact else None


def cadena(body: Body, fields: list[str]) -> str:
    """The signed text: the fields in their order, an amount always with two decimals."""
    values = []
    for name in fields:
        amount = pesos(body.get(name)) if name == "monto" else None
        values.append(text(body.get(name)) if amount is None else f"{amount:.2f}")
    return f"||{'|'.join(values)}||"


def legacy_cadena(body: Body) -> str:
    """The signed text of the older queries: an order's 34 places, with the few fields of a query."""
    return cadena({name: body.get(name) for name in LEGACY}, ORDER)
