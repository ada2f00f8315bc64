"""The client of STP's API over a mock transport, and bodies that no catalogue explains."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from hypothesis import strategies as st

from rail_spei.stp.api import Stp
from rail_spei.stp.signature import SigningKey
from riel import RailSettings
from riel.testing.harness import http_client

ADDRESSES = ("https://demo.stpmex.com:7024/speiws/rest", "https://efws-dev.stpmex.com/efws/API")
"""Where orders go, and where they are queried, in STP's demo system."""

EMPRESA = "TAMIZI"
KEY = "RIEL261123ABCDEFGHIJKLMNOP"
PAYER, PAYEE = "646180110400000007", "072691004495711499"
NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)

HTML = b"<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body><center>nginx</center></body>\r\n</html>"
PAGE = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}

ODD_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b" \r\n ",
    "html": HTML,
    "list": b"[]",
    "null": b"null",
    "true": b"true",
    "number": b"9349827",
    "text": b'"ok"',
    "object": b"{}",
    "null result": b'{"resultado":null}',
    "list result": b'{"resultado":[{"id":9349827}]}',
    "empty result": b'{"resultado":{}}',
    "text result": b'{"resultado":"9349827"}',
    "null id": b'{"resultado":{"id":null}}',
    "bool id": b'{"resultado":{"id":true}}',
    "float id": b'{"resultado":{"id":9349827.0}}',
    "exponent id": b'{"resultado":{"id":9e6}}',
    "NaN id": b'{"resultado":{"id":NaN}}',
    "endless id": b'{"resultado":{"id":Infinity}}',
    "blank id": b'{"resultado":{"id":""}}',
    "padded id": b'{"resultado":{"id":" 9349827 "}}',
    "signed id": b'{"resultado":{"id":"+9349827"}}',
    "grouped id": b'{"resultado":{"id":"9_349_827"}}',
    "arabic id": '{"resultado":{"id":"٩٣٤٩٨٢٧"}}'.encode(),
    "hexadecimal id": b'{"resultado":{"id":"0x8EAA03"}}',
    "huge id": b'{"resultado":{"id":' + b"9" * 40 + b"}}",
    "gigantic id": b'{"resultado":{"id":' + b"9" * 5000 + b"}}",
    "gigantic float": b'{"resultado":{"id":1e99999999999999999999}}',
    "list id": b'{"resultado":{"id":[9349827]}}',
    "id twice": b'{"resultado":{"id":-24,"id":9349827}}',
    "result twice": b'{"resultado":{"id":-24},"resultado":{"id":9349827}}',
    "number as text": b'{"resultado":{"id":9349827,"descripcionError":7}}',
    "id elsewhere": b'{"id":9349827}',
    "half": b'{"resultado":{"id":9349827',
    "two": b'{"resultado":{"id":9349827}}{"resultado":{"id":-24}}',
    "deep": b"[" * 100_000,
    "deep inside": b'{"resultado":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
    "utf-16": '{"resultado":{"id":9349827}}'.encode("utf-16"),
    "zeros": b"\x00" * 50,
    "noise": bytes(range(256)),
}

JSON_LIKE: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["0", "-1", "1732345678901", "", "null", "LQ", KEY, EMPRESA, PAYEE, 6, 8, 1, -100, 20261123]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)

Respond = Callable[[httpx.Request], httpx.Response]


class StpBankSettings(RailSettings):
    """Nothing but an address, and whose money leaves."""

    @property
    def payer(self) -> str:
        """The only account."""
        return "the only account"


@cache
def private_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@asynccontextmanager
async def talking_to(respond: Respond, addresses: tuple[str, str] = ADDRESSES) -> AsyncIterator[Stp]:
    """A client of STP's API with that transport and a clock that agrees with the ``Date`` of each answer."""

    def dated(request: httpx.Request) -> httpx.Response:
        response = respond(request)
        response.headers.setdefault("Date", format_datetime(NOW, usegmt=True))
        return response

    async with http_client(StpBankSettings(base_url=addresses[0]), httpx.MockTransport(dated)) as http:
        yield Stp(http, *addresses, EMPRESA, SigningKey(private_key()), lambda: NOW)


def order_json(**changes: Any) -> dict[str, Any]:
    """An order in the form of the query service, with changed fields."""
    return {
        "idEF": 9349827,
        "claveRastreo": KEY,
        "claveRastreoDevolucion": None,
        "conceptoPago": "Prueba",
        "cuentaBeneficiario": PAYEE,
        "cuentaOrdenante": PAYER,
        "empresa": EMPRESA,
        "estado": "LQ",
        "fechaOperacion": 20231106,
        "institucionContraparte": 40072,
        "institucionOperante": 90646,
        "medioEntrega": 3,
        "monto": 1.2,
        "nombreBeneficiario": "Ricardo Sanchez",
        "nombreOrdenante": "TAMIZI SA",
        "nombreCep": "RICARDO SANCHEZ",
        "rfcCep": "ND",
        "sello": None,
        "rfcCurpBeneficiario": "ND",
        "rfcCurpOrdenante": None,
        "referenciaNumerica": 5273144,
        "tipoCuentaBeneficiario": 40,
        "tipoCuentaOrdenante": 40,
        "tipoPago": 1,
        "tsCaptura": 1699305268142,
        "tsLiquidacion": 1699305270000,
        "causaDevolucion": None,
        "urlCEP": "https://www.banxico.org.mx/cep/go?i=90646&s=20160607&d=abc%2F",
    } | changes
