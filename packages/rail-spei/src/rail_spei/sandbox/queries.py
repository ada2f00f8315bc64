"""The query service (EFWS): errors are HTTP 400 with JSON. A query without a day is one of the running day."""

import re
from datetime import date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rail_spei.sandbox.bank import StpBank
from rail_spei.sandbox.cadena import LIST, QUERY, Body, cadena, text
from rail_spei.sandbox.ledger import Direction
from rail_spei.sandbox.parser import UnreadableRequest, body_of, form_error
from rail_spei.sandbox.serializers import OrderSerializer
from riel.sandbox.kit import Clock

OK_MESSAGE = "Datos consultados correctamente"
INVALID, NOTHING, AHEAD = 2, 6, 8
MESSAGES = {NOTHING: "No se encontraron datos relacionados", AHEAD: "La fecha no puede ser mayor a la fecha actual"}


class QueryError(Exception):
    """The service refuses a query. ``estado`` says why."""

    def __init__(self, estado: int, message: str = "", **content: Any) -> None:
        super().__init__(message)
        self.content = content
        self.estado = estado
        self.message = message or MESSAGES[estado]


class QueryRoutes:
    """``efws/API``, for one company."""

    def __init__(self, bank: StpBank, clock: Clock) -> None:
        self._bank = bank
        self._clock = clock
        self._orders = OrderSerializer(bank.behaviour, bank.contract, bank.ledger)

    async def order(self, request: Request) -> Response:
        """``POST consultaOrden``"""
        body = await self._request(request, QUERY, ["claveRastreo", "tipoOrden"])
        at = self._bank.visible_at(self._clock())
        day = self._day(body.get("fechaOperacion"))
        entry = self._bank.ledger.find(_direction(body), day, text(body["claveRastreo"]), at)
        if entry is None or entry.empresa != self._bank.contract.empresa:
            raise QueryError(NOTHING)
        return _success(respuesta=self._orders.order(entry, at))

    async def of_a_day(self, request: Request) -> Response:
        """``POST V2/conciliacion``: on the running day the total lags behind the rows."""
        body = await self._request(request, LIST, ["tipoOrden", "page"])
        at, rows_of_a_page = self._bank.visible_at(self._clock()), self._bank.behaviour.page_rows
        day, direction = self._day(body.get("fechaOperacion")), _direction(body)
        if not re.fullmatch(r"[0-9]{1,6}", text(body["page"])):
            raise QueryError(INVALID, "El campo page es invalido")
        first = int(body["page"]) * rows_of_a_page
        entries = [entry for entry in self._bank.of_day(direction, day, at) if entry.scenario.listed]
        if not entries:
            raise QueryError(NOTHING, total=0)
        behind = at - timedelta(seconds=self._bank.behaviour.total_lag_seconds)
        total = sum(entry.at <= behind for entry in entries) if day == self._today() else len(entries)
        page = entries[first : first + rows_of_a_page]
        return _success(datos=[self._orders.list_row(entry, at) for entry in page], total=total)

    def _today(self) -> date:
        return self._bank.today(self._clock())

    def _day(self, value: Any) -> date:
        """The operating day of a query: the running one where it names none, and none after it."""
        today = self._today()
        if not text(value):
            return today
        day = day_of(value)
        if day is None:
            raise QueryError(INVALID, "El campo fechaOperacion es invalido")
        if day > today:
            raise QueryError(AHEAD)
        return day

    async def _request(self, request: Request, signed: list[str], needed: list[str]) -> Body:
        body = await body_of(request)
        problem = form_error(body, ["empresa", *needed, "firma"], signed)
        if problem:
            raise QueryError(INVALID, problem)
        if text(body["empresa"]) != self._bank.contract.empresa:
            raise QueryError(INVALID, "Firma invalida No entity found for query")
        if not self._bank.verify(cadena(body, signed), text(body["firma"])):
            raise QueryError(INVALID, "Firma invalida Firma Invalida")
        return body


async def query_error(_: Request, failure: Exception) -> Response:
    """Answer with an error of the service."""
    if not isinstance(failure, QueryError):
        raise failure
    return JSONResponse({"estado": failure.estado, "mensaje": failure.message, **failure.content}, 400)


async def unreadable_request(request: Request, failure: Exception) -> Response:
    """Answer a request that the service could not read."""
    if not isinstance(failure, UnreadableRequest):
        raise failure
    if "/ordenPago/" not in request.url.path:
        return JSONResponse({"estado": INVALID, "mensaje": "Bad request"}, 400)
    return Response("<html><body><h1>Bad Request</h1></body></html>", failure.status_code, media_type="text/html")


def day_of(value: Any) -> date | None:
    """AAAAMMDD, as a number or a string."""
    try:
        day = datetime.strptime(text(value), "%Y%m%d").date()  # noqa: DTZ007  # a date has no zone
    except ValueError:
        return None
    return day if f"{day:%Y%m%d}" == text(value) else None


def _direction(body: Body) -> Direction:
    match text(body["tipoOrden"]):
        case "E":
            return "E"
        case "R":
            return "R"
    raise QueryError(INVALID, "El campo tipoOrden es invalido")


def _success(**content: Any) -> Response:
    return JSONResponse({"estado": 0, "mensaje": OK_MESSAGE, **content})
