"""The HTTP routes of the two requests that move money."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from rail_spei.sandbox.bank import OrderResult, StpBank
from rail_spei.sandbox.cadena import RETURN, Body, cadena, text
from rail_spei.sandbox.ledger import LedgerOrder
from rail_spei.sandbox.parser import body_of, form_error
from rail_spei.sandbox.queries import day_of
from rail_spei.sandbox.refusals import STP, UNSIGNED, StpRefusal
from rail_spei.sandbox.responses import order_response, refusal_response
from rail_spei.sandbox.webhooks import StpWebhooks
from riel.sandbox.kit import Clock, Sleep


class OrderRoutes:
    """The routes ``registra`` and ``retornaOrden``."""

    def __init__(self, bank: StpBank, webhooks: StpWebhooks, clock: Clock, sleep: Sleep) -> None:
        self._bank = bank
        self._webhooks = webhooks
        self._clock = clock
        self._sleep = sleep

    async def register(self, request: Request) -> Response:
        """``PUT ordenPago/registra``"""
        order = await body_of(request)
        return order_response(await self._delayed(self._bank.register(order, self._clock())))

    async def return_received(self, request: Request) -> Response:
        """``PUT ordenPago/retornaOrden``"""
        body, now = await body_of(request), self._clock()
        self._bank.catch_up(now)
        refusal = self._refusal(body)
        if refusal:
            return refusal_response(refusal, of_a_return=True)
        result = await self._delayed(self._bank.return_received(body, self._received(body, now), now))
        return order_response(result, of_a_return=True)

    def _refusal(self, body: Body) -> StpRefusal | None:
        problem = form_error(body, [*RETURN, "empresa", "firma"], [])
        if problem:
            return StpRefusal(0, problem)
        key = text(body["claveRastreoDevolucion"])
        if len(key) > 30 or not key.isascii() or not key.isalnum() or key == text(body["claveRastreo"]):
            return StpRefusal(-34, f"Clave rastreo invalida : {key[:40]}")
        if not self._bank.verify(cadena(body, RETURN), text(body["firma"])):
            return UNSIGNED
        constants = {
            "empresa": self._bank.contract.empresa,
            "institucionOperante": STP,
            "digitoIdentificadorBeneficiario": "2",
            "medioEntrega": "3",
        }
        wrong = next((name for name, value in constants.items() if text(body[name]) != value), None)
        return StpRefusal(0, f"El campo {wrong} es invalido") if wrong else None

    def _received(self, body: Body, now: datetime) -> LedgerOrder | None:
        day = day_of(body["fechaOperacion"])
        return self._bank.ledger.find("R", day, text(body["claveRastreo"]), now) if day else None

    async def _delayed(self, result: OrderResult) -> OrderResult:
        for entry in self._bank.take_unannounced():
            if entry is result.accepted and entry.scenario.webhooks == "before the answer":
                await self._webhooks.send_due(entry)
            else:
                self._webhooks.follow(entry)
        if result.answer == "slow":
            await self._sleep(self._bank.behaviour.slow_seconds)
        return result
