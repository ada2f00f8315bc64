"""The older queries beside the orders: HTTP 200 for everything, and an ``id`` of 1 where there is an answer."""

from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rail_spei.sandbox.bank import Bank
from rail_spei.sandbox.behaviour import Clock
from rail_spei.sandbox.cadena import LEGACY, Body, legacy_cadena, text
from rail_spei.sandbox.parser import body_of, out_of_form
from rail_spei.sandbox.queries import day_of
from rail_spei.sandbox.refusals import STP
from rail_spei.sandbox.serializers import number, older

NOTHING = -100


class OlderQueries:
    """``ordenPago/cons…``, for one company."""

    def __init__(self, bank: Bank, clock: Clock) -> None:
        self._bank = bank
        self._clock = clock

    async def order(self, request: Request) -> Response:
        """``POST consOrdEnvRastreo``: an order that was sent."""
        body = await body_of(request)
        wrong = self._wrong(body, ["claveRastreo", "institucionOperante"], LEGACY)
        if wrong:
            return wrong
        key, day, at = text(body["claveRastreo"]), self._day(body), self._bank.seen(self._clock())
        entry = self._bank.book.find("E", day, key, at) if day and text(body["institucionOperante"]) == STP else None
        if entry is None or entry.empresa != self._bank.contract.empresa:
            return _result(NOTHING, descripcionError=f"No se encontró la orden con rastreo {key[:30]}")
        return _result(1, ordenPago=older(entry, at, self._hidden))

    async def of_a_day(self, request: Request) -> Response:
        """``POST consOrdenesFech``: all of a day; the list ends with a null."""
        body = await body_of(request)
        wrong = self._wrong(body, ["estado"], LEGACY)
        if wrong:
            return wrong
        day, at = self._day(body), self._bank.seen(self._clock())
        direction = text(body["estado"])
        entries = self._bank.of_day("R" if direction == "R" else "E", day, at) if day and direction in "ER" else []
        orders = [older(entry, at, self._hidden) for entry in entries if entry.fate.listed]
        if not orders:
            return _result(NOTHING, descripcionError="No se encontraron ordenes")
        return _result(1, lst=[*orders, None])

    async def totals(self, request: Request) -> Response:
        """``POST consSaldoEnvRec``: what was sent and received on the running day."""
        body = await body_of(request)
        wrong = self._wrong(body, [], ["empresa"])
        if wrong:
            return wrong
        now = self._clock()
        at, today = self._bank.seen(now), self._bank.today(now)
        sent, received = self._bank.of_day("E", today, at), self._bank.of_day("R", today, at)
        totals = [
            {
                "montoTotal": number(sum(entry.amount for entry in entries)),
                "tipoOperacion": kind,
                "totalOperaciones": len(entries),
                "empresa": self._bank.contract.empresa,
            }
            for kind, entries in (("ENVIADAS", sent), ("RECIBIDAS", received))
        ]
        return _result(1, saldos=totals)

    @property
    def _hidden(self) -> timedelta:
        return timedelta(seconds=self._bank.behaviour.hidden_seconds)

    def _day(self, body: Body) -> date | None:
        """The operating day that is asked about; none where it is no earlier one, which finds nothing."""
        today = self._bank.today(self._clock())
        if not text(body.get("fechaOperacion")):
            return today
        day = day_of(body["fechaOperacion"])
        return day if day is not None and day < today else None

    def _wrong(self, body: Body, needed: list[str], known: list[str]) -> Response | None:
        words = out_of_form(body, ["empresa", *needed, "firma"], known)
        if not words and text(body["empresa"]) != self._bank.contract.empresa:
            words = "Firma invalida No entity found for query"
        if not words and not self._bank.verify(legacy_cadena(body), text(body["firma"])):
            words = "Firma invalida Firma Invalida"
        return _result(0, descripcionError=words) if words else None


def _result(id_: int, **told: Any) -> Response:
    return JSONResponse({"resultado": {"id": id_, **told}})
