"""The requests of STP, each signed and made once, and what their answers say.

Moving money goes through ``riel.paying``, looking through ``riel.reading``; nothing is tried again here. A look-up that
does not clearly answer raises ``riel.NothingLearned``: absence is only what STP itself calls so.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from functools import partial
from typing import Final, TypeAlias, TypeVar

import httpx
from pydantic import ValidationError

from rail_spei.stp import cadena
from rail_spei.stp.cadena import STP, Direction, RegisterOrder, Request
from rail_spei.stp.models import Balance, Heard, Legacy, LegacyAnswer, One, OneBalance, Page, Told, Total
from rail_spei.stp.parser import Unreadable, loaded
from rail_spei.stp.refusals import Outcome, outcome, return_outcome
from rail_spei.stp.signature import SigningKey
from riel import NothingLearned, paying, reading

DEMO: Final = ("https://demo.stpmex.com:7024/speiws/rest", "https://efws-dev.stpmex.com/efws/API")
PRODUCTION: Final = ("https://prod.stpmex.com/speiws/rest", "https://prod.stpmex.com/efws/API")
"""STP's two systems: where orders go, and where they are asked after."""

HEADERS: Final = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}

OK, NOT_FOUND, DATE_AHEAD = 0, 6, 8
LEGACY_OK, LEGACY_NOT_FOUND = 1, -100

MOST_PAGES: Final = 1000
"""How many pages of about 1000 orders a day may have, before a list without an end is given up."""

H = TypeVar("H", bound=Heard)
Meaning: TypeAlias = Callable[[int, Mapping[str, str], bytes], Outcome]


class Absence(Enum):
    """Why a query found no order. Neither alone proves that there is none: it may not be there yet."""

    NOT_FOUND = "no such order on that day"
    DATE_AHEAD = "that day has not begun for STP: ask with another"


@dataclass(frozen=True, slots=True)
class Stp:
    """STP as one company sees it.

    :param base_url: where orders go, and ``query_url`` where they are asked after, as in ``DEMO`` and ``PRODUCTION``.
    :param http: a client that verifies TLS; only its owner closes it.
    """

    http: httpx.AsyncClient
    base_url: str
    query_url: str
    empresa: str
    key: SigningKey

    def order_body(self, order: RegisterOrder) -> bytes:
        """The bytes of ``registra``, signed; the same for the same order, so that they can be kept and sent again."""
        return self._signed(order.request())

    def return_body(self, *, day: date, key: str, return_key: str, amount: int) -> bytes:
        """The bytes of ``retornaOrden`` for a payment that was received on ``day``, of ``amount`` centavos."""
        return self._signed(
            cadena.return_received(empresa=self.empresa, day=day, key=key, return_key=return_key, amount=amount)
        )

    async def register(self, body: bytes) -> Outcome:
        """Hand an order over.

        :raises NotSent, OutcomeUnknown: as ``riel.paying`` raises them.
        """
        return await self._put("ordenPago/registra", body, outcome)

    async def return_received(self, body: bytes) -> Outcome:
        """Give a received payment back; raises as :meth:`register` does."""
        return await self._put("ordenPago/retornaOrden", body, return_outcome)

    async def query(self, key: str, kind: Direction = "E", day: date | None = None) -> Told | Absence:
        """The order of that key which was sent (``E``) or received (``R``) on ``day``, or on the running one.

        :raises NothingLearned: STP did not say, or spoke of another order.
        """
        response = await self._look(_at(self.query_url, "consultaOrden"), cadena.query(self.empresa, key, kind, day))
        one = _answer(One, response, (200, 400))
        if one.respuesta is None and (absence := _absence(one.estado)):
            return absence
        if response.status_code != 200 or one.estado != OK or one.respuesta is None:
            raise NothingLearned(f"STP answered estado {one.estado}: {one.mensaje}")
        return self._about(one.respuesta, key)

    async def reconciliation(self, kind: Direction = "E", day: date | None = None) -> list[Told]:
        """Every order of one operating day, of all pages: a part of the list is no list.

        STP's count of the running day may lag: of that day the last orders may be missing.

        :raises NothingLearned: STP did not say, or not all of it.
        """
        found: dict[tuple[str, int | None, str | None], Told] = {}
        for page in range(MOST_PAGES):
            request = cadena.reconciliation(self.empresa, kind, day, page=page)
            response = await self._look(_at(self.query_url, "V2/conciliacion"), request)
            heard = _answer(Page, response, (200, 400))
            if page == 0 and heard.estado == NOT_FOUND and not heard.datos:
                return []
            if response.status_code != 200 or heard.estado not in {OK, None} or heard.total is None or heard.total < 0:
                raise NothingLearned(f"STP answered estado {heard.estado}: {heard.mensaje}")
            known = len(found)
            orders = self._ours(heard.datos)
            found |= {(told.key, told.number, told.return_key): told for told in orders}
            if len(found) >= heard.total:
                return list(found.values())
            if len(found) == known:
                break
        raise NothingLearned("STP's list of the day does not come to its end")

    async def legacy_query(self, key: str, day: date | None = None) -> Told | Absence:
        """The order of that key which was sent, asked in the older way; raises as :meth:`query` does."""
        request = cadena.legacy(empresa=self.empresa, day=day, key=key, institution=STP)
        heard = await self._legacy("consOrdEnvRastreo", request)
        if heard is None:
            return Absence.NOT_FOUND
        if heard.order is None:
            raise NothingLearned("STP says yes and tells no order")
        return self._about(heard.order, key)

    async def legacy_orders(self, kind: Direction = "E", day: date | None = None) -> list[Told]:
        """Every order of one operating day, asked in the older way; raises as :meth:`query` does."""
        request = cadena.legacy(empresa=self.empresa, day=day)
        heard = await self._legacy("consOrdenesFech", replace(request, unsigned={"estado": kind}))
        if heard is None:
            return []
        if heard.orders is None:
            raise NothingLearned("STP says yes and tells no list")
        return self._ours(heard.orders)

    async def totals(self) -> list[Total]:
        """What was sent and received on the running operating day; raises as :meth:`query` does."""
        heard = await self._legacy("consSaldoEnvRec", cadena.legacy(empresa=self.empresa))
        if heard is None:
            return []
        if heard.totals is None:
            raise NothingLearned("STP says yes and tells no list")
        return [total for total in heard.totals if total is not None]

    async def balance(self, account: str, day: date | None = None) -> Balance:
        """What the account holds, now or at the end of ``day``; raises as :meth:`query` does."""
        request = cadena.balance(self.empresa, account, day)
        response = await self._look(_at(self.query_url, "consultaSaldoCuenta"), request)
        heard = _answer(OneBalance, response, (200, 400))
        if response.status_code != 200 or heard.estado != OK or heard.respuesta is None:
            raise NothingLearned(f"STP answered estado {heard.estado}: {heard.mensaje}")
        return heard.respuesta

    def _signed(self, request: Request) -> bytes:
        return json.dumps({**request.json(), "firma": self.key.sign(request.cadena())}, separators=(",", ":")).encode()

    async def _put(self, path: str, body: bytes, meaning: Meaning) -> Outcome:
        send = partial(self.http.put, _at(self.base_url, path), content=body, headers=HEADERS, follow_redirects=False)
        response = await paying(send)
        return meaning(response.status_code, response.headers, response.content)

    async def _look(self, url: str, request: Request) -> httpx.Response:
        body = self._signed(request)
        return await reading(partial(self.http.post, url, content=body, headers=HEADERS, follow_redirects=False))

    async def _legacy(self, path: str, request: Request) -> Legacy | None:
        """What an older query says, or ``None`` where STP has nothing of that kind."""
        response = await self._look(_at(self.base_url, f"ordenPago/{path}"), request)
        heard = _answer(LegacyAnswer, response, (200,)).resultado
        something = heard.order or heard.orders or heard.totals
        if heard.id == LEGACY_NOT_FOUND and not something:
            return None
        # "Firma invalida No entity found for query" has id 0: a bad signature or no such order, which is no answer.
        if heard.id != LEGACY_OK or heard.text:
            raise NothingLearned(f"STP answered id {heard.id}: {heard.text}")
        return heard

    def _ours(self, orders: list[Told | None] | None) -> list[Told]:
        """The orders of a list, which may hold null. A list of another company is none."""
        told = [one for one in orders or () if one is not None]
        if any(one.empresa not in {None, self.empresa} for one in told):
            raise NothingLearned("STP answered about another company")
        return told

    def _about(self, told: Told, key: str) -> Told:
        if told.differs(key=key, empresa=self.empresa):
            raise NothingLearned("STP answered about another order")
        return told


def _at(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"


def _answer(kind: type[H], response: httpx.Response, statuses: tuple[int, ...]) -> H:
    """The body as what it should be."""
    if response.status_code not in statuses:
        raise NothingLearned(f"HTTP {response.status_code}")
    try:
        return kind.model_validate(loaded(response.content))
    except (Unreadable, ValidationError) as failure:
        raise NothingLearned(f"HTTP {response.status_code} with no answer ({type(failure).__name__})") from None


def _absence(state: int | None) -> Absence | None:
    return {NOT_FOUND: Absence.NOT_FOUND, DATE_AHEAD: Absence.DATE_AHEAD}.get(-1 if state is None else state)
