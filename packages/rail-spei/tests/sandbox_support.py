"""A pretend STP whose clock a test moves, and requests to it that are written by hand."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import httpx

from rail_spei.sandbox.app import stp_sandbox
from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.identity import ACCOUNT, EMPRESA, PASSPHRASE
from rail_spei.stp.api import Stp
from rail_spei.stp.cadena import TEMPLATE
from rail_spei.stp.signature import SigningKey
from riel import Debit
from riel.sandbox.kit import private_key_file
from riel.testing.harness import Clock, ObservedTransport

NOON = datetime(2026, 3, 4, 18, tzinfo=UTC)
"""A Wednesday in Mexico City."""

PAYEE, BANK = "072691004495711499", "40072"
REGISTER, RETURN = "/speiws/rest/ordenPago/registra", "/speiws/rest/ordenPago/retornaOrden"
QUERY, LIST = "/efws/API/consultaOrden", "/efws/API/V2/conciliacion"
HOOK = "http://127.0.0.1:9/hook"
RETURN_FIELDS = (
    "fechaOperacion",
    "institucionOperante",
    "claveRastreo",
    "monto",
    "digitoIdentificadorBeneficiario",
    "claveRastreoDevolucion",
    "medioEntrega",
)


@cache
def key() -> SigningKey:
    return SigningKey.load(private_key_file("spei", PASSPHRASE), PASSPHRASE)


def signed(body: Mapping[str, Any], fields: tuple[str, ...] = TEMPLATE) -> dict[str, Any]:
    """Add the body's ``firma`` to it."""
    values = ["" if body.get(name) is None else str(body[name]) for name in fields]
    if body.get("monto") is not None:
        with contextlib.suppress(ArithmeticError):
            values[fields.index("monto")] = f"{Decimal(str(body['monto'])):.2f}"
    return {**body, "firma": key().sign(f"||{'|'.join(values)}||")}


def order(**change: Any) -> dict[str, Any]:
    """An order without a signature. A field that ``change`` sets to ``None`` is left out."""
    body: dict[str, Any] = {
        "institucionContraparte": BANK,
        "empresa": EMPRESA,
        "claveRastreo": "DEMO260304AAAAAAAAAAAAAAAA",
        "institucionOperante": "90646",
        "monto": "500.00",
        "tipoPago": 1,
        "tipoCuentaOrdenante": 40,
        "nombreOrdenante": "Empresa Demo SA de CV",
        "cuentaOrdenante": ACCOUNT,
        "rfcCurpOrdenante": "ND",
        "tipoCuentaBeneficiario": 40,
        "nombreBeneficiario": "Ricardo Sanchez",
        "cuentaBeneficiario": PAYEE,
        "rfcCurpBeneficiario": "ND",
        "conceptoPago": "Factura 42",
        "referenciaNumerica": 1234567,
        "medioEntrega": 3,
    } | change
    return {name: value for name, value in body.items() if value is not None}


@dataclass
class StpFixture:
    """One pretend STP with a clock that stands until a test moves it, and the webhooks that it delivered.

    :param gate: where it is set, STP sleeps until the gate is open.
    :param webhook_replies: HTTP status and body of the receiver's next responses; by default it acknowledges.
    :param events: webhooks and responses in the order in which they arrived.
    :param real_webhooks: webhooks go over real connections, and not into ``webhooks``.
    """

    behaviour: StpBehaviour = field(default_factory=StpBehaviour)
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=lambda: Clock(NOON))
    gate: asyncio.Event | None = None
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    webhook_replies: list[tuple[int, Any]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    real_webhooks: bool = False

    def __post_init__(self) -> None:
        self.sandbox = stp_sandbox(
            behaviour=self.behaviour,
            clock=self.clock,
            sleep=self._sleep,
            webhook_transport=None if self.real_webhooks else httpx.MockTransport(self._receive_webhook),
            **self.options,
        )

    async def _sleep(self, seconds: float) -> None:
        self.clock.slept.append(seconds)
        if self.gate is not None:
            await self.gate.wait()
        self.clock.advance(seconds=seconds)

    def _receive_webhook(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.webhooks.append(body)
        self.events.append(f"webhook {body.get('estado', '')}")
        status, reply = self.webhook_replies.pop(0) if self.webhook_replies else (200, {"mensaje": "recibido"})
        return httpx.Response(status, json=reply)

    @property
    def debits(self) -> list[Debit]:
        return list(self.sandbox.debits())

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        """An HTTP client that waits a day for each answer of the app."""
        transport = ObservedTransport(self.sandbox, self.clock)
        async with httpx.AsyncClient(transport=transport, base_url="http://stp.invalid", timeout=86_400) as http:
            yield http

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Stp]:
        """The rail's client of STP's API."""
        async with self.http() as http:
            yield Stp(http, "http://stp.invalid/speiws/rest", "http://stp.invalid/efws/API", EMPRESA, key(), self.clock)

    async def register(self, body: Mapping[str, Any] | None = None, **change: Any) -> httpx.Response:
        """Send an order, signed as it stands."""
        async with self.http() as http:
            answer = await http.put(REGISTER, json=signed(order(**change) if body is None else body))
        self.events.append("answer")
        return answer

    async def ask(self, path: str, body: Mapping[str, Any], fields: tuple[str, ...]) -> httpx.Response:
        """Send a query, signed over ``fields``."""
        async with self.http() as http:
            return await http.post(path, json=signed(body, fields))

    async def query(self, tracking_key: str = order()["claveRastreo"], **change: Any) -> tuple[int, Any]:
        """``consultaOrden``: the state of the answer and the order, or none."""
        body = {"empresa": EMPRESA, "claveRastreo": tracking_key, "tipoOrden": "E"} | change
        answer = await self.ask(QUERY, body, ("empresa", "claveRastreo", "tipoOrden", "fechaOperacion"))
        assert answer.status_code == (200 if answer.json()["estado"] == 0 else 400)
        return answer.json()["estado"], answer.json().get("respuesta")

    async def control(self, name: str, **body: Any) -> Any:
        """Use one of the pretend STP's control routes."""
        async with self.http() as http:
            answer = await http.post(f"/_sandbox/{name}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def result(answer: httpx.Response) -> tuple[int, str | None]:
    """Id and text of an answer to an order, which has HTTP 200 whatever it says."""
    assert answer.status_code == 200, answer.text
    outcome = answer.json()["resultado"]
    return outcome["id"], outcome.get("descripcionError")
