"""The two requests of STP that move money, as they come in over HTTP."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from rail_spei.sandbox.bank import Bank, Told
from rail_spei.sandbox.behaviour import Clock, Sleep
from rail_spei.sandbox.cadena import RETURN, Body, cadena, text
from rail_spei.sandbox.ledger import Entry
from rail_spei.sandbox.parser import body_of, out_of_form
from rail_spei.sandbox.queries import day_of
from rail_spei.sandbox.refusals import STP, UNSIGNED, Refused
from rail_spei.sandbox.responses import refusal, result
from rail_spei.sandbox.webhooks import Courier


class Orders:
    """The two requests that move money."""

    def __init__(self, bank: Bank, courier: Courier, clock: Clock, sleep: Sleep) -> None:
        self._bank = bank
        self._courier = courier
        self._clock = clock
        self._sleep = sleep

    async def register(self, request: Request) -> Response:
        """``PUT ordenPago/registra``"""
        order = await body_of(request)
        return result(await self._told(self._bank.register(order, self._clock())))

    async def give_back(self, request: Request) -> Response:
        """``PUT ordenPago/retornaOrden``"""
        asked, now = await body_of(request), self._clock()
        self._bank.catch_up(now)
        wrong = self._wrong(asked)
        if wrong:
            return refusal(wrong, of_a_return=True)
        told = await self._told(self._bank.give_back(asked, self._received(asked, now), now))
        return result(told, of_a_return=True)

    def _wrong(self, asked: Body) -> Refused | None:
        words = out_of_form(asked, [*RETURN, "empresa", "firma"], [])
        if words:
            return Refused(0, words)
        key = text(asked["claveRastreoDevolucion"])
        if len(key) > 30 or not key.isascii() or not key.isalnum() or key == text(asked["claveRastreo"]):
            return Refused(-34, f"Clave rastreo invalida : {key[:40]}")
        if not self._bank.verify(cadena(asked, RETURN), text(asked["firma"])):
            return UNSIGNED
        constants = {
            "empresa": self._bank.contract.empresa,
            "institucionOperante": STP,
            "digitoIdentificadorBeneficiario": "2",
            "medioEntrega": "3",
        }
        strange = next((name for name, value in constants.items() if text(asked[name]) != value), None)
        return Refused(0, f"El campo {strange} es invalido") if strange else None

    def _received(self, asked: Body, now: datetime) -> Entry | None:
        day = day_of(asked["fechaOperacion"])
        return self._bank.book.find("R", day, text(asked["claveRastreo"]), now) if day else None

    async def _told(self, told: Told) -> Told:
        for entry in self._bank.to_tell():
            if entry is told.taken and entry.fate.telling == "before the answer":
                await self._courier.tell_first(entry)
            else:
                self._courier.follow(entry)
        if told.answer == "slow":
            await self._sleep(self._bank.behaviour.slow_seconds)
        return told
