"""The older queries, at the address for orders: HTTP 200 always, and an ``id`` of 1 for success."""

from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rail_spei.sandbox.bank import StpBank
from rail_spei.sandbox.cadena import LEGACY, Body, legacy_cadena, text
from rail_spei.sandbox.ledger import Direction
from rail_spei.sandbox.parser import body_of, form_error
from rail_spei.sandbox.queries import day_of
from rail_spei.sandbox.refusals import STP
from rail_spei.sandbox.serializers import OrderSerializer, pesos_text
from riel.sandbox.kit import Clock

NO_ORDERS = -100
SENT: Direction = "E"
RECEIVED: Direction = "R"


class LegacyQueries:
    """``ordenPago/cons…``, for one company."""

    def __init__(self, bank: StpBank, clock: Clock) -> None:
        self._bank = bank
        self._clock = clock
        self._orders = OrderSerializer(bank.behaviour, bank.contract, bank.ledger)

    async def order(self, request: Request) -> Response:
        """``POST consOrdEnvRastreo``: an order that was sent."""
        body = await body_of(request)
        problem = self._error(body, ["claveRastreo", "institucionOperante"], LEGACY)
        if problem:
            return problem
        key, day, at = text(body["claveRastreo"]), self._day(body), self._bank.visible_at(self._clock())
        entry = self._bank.ledger.find("E", day, key, at) if day and text(body["institucionOperante"]) == STP else None
        if entry is None or entry.empresa != self._bank.contract.empresa:
            return _result(NO_ORDERS, descripcionError=f"No se encontró la orden con rastreo {key[:30]}")
        return _result(1, ordenPago=self._orders.legacy_order(entry, at))

    async def of_a_day(self, request: Request) -> Response:
        """``POST consOrdenesFech``: the orders of a day, sent or received; the list ends with a null."""
        body = await body_of(request)
        problem = self._error(body, ["estado"], LEGACY)
        if problem:
            return problem
        day, at, directions = self._day(body), self._bank.visible_at(self._clock()), {"E": SENT, "R": RECEIVED}
        direction = directions.get(text(body["estado"]))
        entries = self._bank.of_day(direction, day, at) if day and direction else []
        rows = [self._orders.legacy_row(entry, at) for entry in entries if entry.scenario.listed]
        if not rows:
            return _result(NO_ORDERS, descripcionError="No se encontraron ordenes")
        return _result(1, lst=[*rows, None])

    async def totals(self, request: Request) -> Response:
        """``POST consSaldoEnvRec``: the totals of what was sent and received on the running day, as text in pesos."""
        body = await body_of(request)
        problem = self._error(body, [], ["empresa"])
        if problem:
            return problem
        now = self._clock()
        at, today = self._bank.visible_at(now), self._bank.today(now)
        entries_of = {direction: self._bank.of_day(direction, today, at) for direction in (SENT, RECEIVED)}
        totals = [
            {
                "montoTotal": pesos_text(sum(entry.amount for entry in entries)),
                "tipoOperacion": direction,
                "totalOperaciones": len(entries),
                "empresa": self._bank.contract.empresa,
            }
            for direction, entries in entries_of.items()
            if entries
        ]
        return _result(1, saldos=totals)

    def _day(self, body: Body) -> date | None:
        """The operating day of a query; ``None`` where it has not begun, so that no order is found."""
        today = self._bank.today(self._clock())
        if not text(body.get("fechaOperacion")):
            return today
        day = day_of(body["fechaOperacion"])
        return day if day is not None and day <= today else None

    def _error(self, body: Body, needed: list[str], known: list[str]) -> Response | None:
        problem = form_error(body, ["empresa", *needed, "firma"], known)
        if not problem and text(body["empresa"]) != self._bank.contract.empresa:
            problem = "Firma invalida No entity found for query"
        if not problem and not self._bank.verify(legacy_cadena(body), text(body["firma"])):
            problem = "Firma invalida Firma Invalida"
        return _result(0, descripcionError=problem) if problem else None


def _result(id_: int, **content: Any) -> Response:
    return JSONResponse({"resultado": {"id": id_, **content}})
