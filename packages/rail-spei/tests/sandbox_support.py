"""A pretend STP whose clock stands until it is moved, and somebody who writes its requests by hand."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
    """A body with the firma that belongs to it."""
    values = ["" if body.get(name) is None else str(body[name]) for name in fields]
    if body.get("monto") is not None:
        with contextlib.suppress(ArithmeticError):
            values[fields.index("monto")] = f"{Decimal(str(body['monto'])):.2f}"
    return {**body, "firma": key().sign(f"||{'|'.join(values)}||")}


def order(**change: Any) -> dict[str, Any]:
    """An order in form, changed; a field that is ``None`` is left out. It is not signed yet."""
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


class Wire(httpx.ASGITransport):
    """Calls the app directly; an answer that breaks off is one over a real connection, too."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AssertionError as unfinished:  # what httpx checks of an app
            raise httpx.RemoteProtocolError("peer closed connection") from unfinished


@dataclass
class World:
    """One pretend STP, and what a test does with it."""

    behaviour: StpBehaviour = field(default_factory=StpBehaviour)
    options: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOON
    slept: list[float] = field(default_factory=list)
    gate: asyncio.Event | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    replies: list[tuple[int, Any]] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    over_the_wire: bool = False

    def __post_init__(self) -> None:
        self.sandbox = stp_sandbox(
            behaviour=self.behaviour,
            clock=lambda: self.now,
            sleep=self._sleep,
            webhook_transport=None if self.over_the_wire else httpx.MockTransport(self._receiver),
            **self.options,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.gate is not None:
            await self.gate.wait()
        self.now += timedelta(seconds=seconds)

    def _receiver(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.heard.append(body)
        self.happened.append(f"webhook {body.get('estado', '')}")
        status, answer = self.replies.pop(0) if self.replies else (200, {"mensaje": "recibido"})
        return httpx.Response(status, json=answer)

    def later(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)

    @property
    def debits(self) -> list[Debit]:
        return list(self.sandbox.debits())

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        """Anybody's client, calling the app directly."""
        transport = Wire(self.sandbox.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://stp.invalid") as http:
            yield http

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Stp]:
        """The rail's own requests."""
        async with self.http() as http:
            yield Stp(http, "http://stp.invalid/speiws/rest", "http://stp.invalid/efws/API", EMPRESA, key())

    async def register(self, body: Mapping[str, Any] | None = None, **change: Any) -> httpx.Response:
        """Hand over an order, signed as it stands."""
        async with self.http() as http:
            answer = await http.put(REGISTER, json=signed(order(**change) if body is None else body))
        self.happened.append("answer")
        return answer

    async def ask(self, path: str, body: Mapping[str, Any], fields: tuple[str, ...]) -> httpx.Response:
        """Ask something, signed over ``fields``."""
        async with self.http() as http:
            return await http.post(path, json=signed(body, fields))

    async def query(self, tracking_key: str = order()["claveRastreo"], **change: Any) -> tuple[int, Any]:
        """``consultaOrden``: the state that is told and the order, or none."""
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
    told = answer.json()["resultado"]
    return told["id"], told.get("descripcionError")
