"""The requests of STP's API, each signed and sent once, and the parsing of their answers.

Requests that move money go through ``riel.paying`` and queries through ``riel.reading``; no request is repeated. A
query without a clear answer raises ``riel.NothingLearned``: an order is absent only where STP itself says so, in an
answer whose ``Date`` agrees with our clock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import partial
from typing import Final, TypeAlias, TypeVar

import httpx
from pydantic import ValidationError

from rail_spei.stp import cadena
from rail_spei.stp.cadena import STP, Direction, RegisterOrder, SignedRequest
from rail_spei.stp.clock import clock_difference, require_same_time
from rail_spei.stp.models import (
    DayPage,
    LegacyAnswer,
    LegacyResult,
    OrderAnswer,
    OrderStatus,
    StpModel,
)
from rail_spei.stp.parser import UnreadableJson, parse_json
from rail_spei.stp.refusals import Outcome, classify, classify_return
from rail_spei.stp.signature import SigningKey
from riel import NothingLearned, paying, reading

HEADERS: Final = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}

OK, NOT_FOUND, DATE_AHEAD = 0, 6, 8
LEGACY_OK, LEGACY_NOT_FOUND = 1, -100

MAX_PAGES: Final = 1000
"""How many pages of about 1000 orders a day may have, before a list without an end is given up."""

M = TypeVar("M", bound=StpModel)
Classify: TypeAlias = Callable[[int, Mapping[str, str], bytes], Outcome]


class Absence(Enum):
    """Why a query found no order. It does not prove that there is none: STP may show an order late."""

    NOT_FOUND = "no such order on that day"
    DATE_AHEAD = "that day has not begun for STP"


@dataclass(frozen=True, slots=True)
class QueryResponse:
    """An answer to a query, and how far STP's clock is ahead of ours by it; ``None`` where it does not tell."""

    http: httpx.Response
    clock_difference: timedelta | None


@dataclass(frozen=True, slots=True)
class Stp:
    """A client of STP's API for one company.

    :param base_url: the address for orders. :param query_url: the address for queries (EFWS).
    :param http: the client that riel hands out.
    :param clock: our clock, which the ``Date`` of STP's answers is compared with.
    """

    http: httpx.AsyncClient
    base_url: str
    query_url: str
    empresa: str
    key: SigningKey
    clock: Callable[[], datetime]

    def order_body(self, order: RegisterOrder) -> bytes:
        """The signed body of ``registra``. The same order has the same bytes, which can be stored and sent again."""
        return self._signed(order.request())

    def return_body(self, *, day: date, key: str, return_key: str, amount: int) -> bytes:
        """The signed body of ``retornaOrden`` for a payment that was received on ``day``, of ``amount`` centavos."""
        return self._signed(
            cadena.return_received(empresa=self.empresa, day=day, key=key, return_key=return_key, amount=amount)
        )

    async def register(self, body: bytes) -> Outcome:
        """Send an order.

        :raises NotSent, OutcomeUnknown: as ``riel.paying`` raises them.
        """
        return await self._put("ordenPago/registra", body, classify)

    async def return_received(self, body: bytes) -> Outcome:
        """Send the return of a received payment; raises as :meth:`register` does."""
        return await self._put("ordenPago/retornaOrden", body, classify_return)

    async def query(self, key: str, kind: Direction = "E", day: date | None = None) -> OrderStatus | Absence:
        """Look up the order of that key that was sent (``E``) or received (``R``) on ``day``, or on the running day.

        :raises NothingLearned: STP gave no clear answer, or one about another order.
        :raises ClocksDiffer: STP found nothing, and its clock is not ours.
        """
        response = await self._query(
            _join_url(self.query_url, "consultaOrden"), cadena.query(self.empresa, key, kind, day)
        )
        answer = _parse_answer(OrderAnswer, response.http, (200, 400))
        if answer.respuesta is None and (absence := _absence_of(answer.estado)):
            require_same_time(response.clock_difference)
            return absence
        if response.http.status_code != 200 or answer.estado != OK or answer.respuesta is None:
            raise NothingLearned(f"STP answered estado {answer.estado}: {answer.mensaje}")
        return self._check_key(answer.respuesta, key)

    async def reconciliation(self, kind: Direction = "E", day: date | None = None) -> list[OrderStatus]:
        """List every order of one operating day, from all pages.

        STP's count of the running day may lag: of that day the last orders may be missing.

        :raises NothingLearned: STP gave no clear answer, or not every page.
        """
        by_id: dict[tuple[str, int | None, str | None], OrderStatus] = {}
        for page in range(MAX_PAGES):
            request = cadena.reconciliation(self.empresa, kind, day, page=page)
            response = await self._query(_join_url(self.query_url, "V2/conciliacion"), request)
            answer = _parse_answer(DayPage, response.http, (200, 400))
            if page == 0 and answer.estado == NOT_FOUND and not answer.datos:
                return []
            if (
                response.http.status_code != 200
                or answer.estado not in {OK, None}
                or answer.total is None
                or answer.total < 0
            ):
                raise NothingLearned(f"STP answered estado {answer.estado}: {answer.mensaje}")
            count = len(by_id)
            orders = self._check_company(answer.datos)
            by_id |= {(order.key, order.number, order.return_key): order for order in orders}
            if len(by_id) >= answer.total:
                return list(by_id.values())
            if len(by_id) == count:
                break
        raise NothingLearned("STP's list of the day does not come to its end")

    async def legacy_query(self, key: str, day: date | None = None) -> OrderStatus | Absence:
        """Look up the order of that key that was sent, with the older query; raises as :meth:`query` does."""
        request = cadena.legacy(empresa=self.empresa, day=day, key=key, institution=STP)
        answer = await self._legacy("consOrdEnvRastreo", request)
        if answer is None:
            return Absence.NOT_FOUND
        if answer.order is None:
            raise NothingLearned("STP reported success without an order")
        return self._check_key(answer.order, key)

    def _signed(self, request: SignedRequest) -> bytes:
        return request.body(self.key.sign(request.cadena()))

    async def _put(self, path: str, body: bytes, classify: Classify) -> Outcome:
        send = partial(self.http.put, _join_url(self.base_url, path), content=body, headers=HEADERS)
        response = await paying(send)
        return classify(response.status_code, response.headers, response.content)

    async def _query(self, url: str, request: SignedRequest) -> QueryResponse:
        body, before = self._signed(request), self.clock()

        async def post() -> httpx.Response:
            nonlocal before
            before = self.clock()
            return await self.http.post(url, content=body, headers=HEADERS)

        response = await reading(post)
        return QueryResponse(response, clock_difference(response.headers.get_list("Date"), before, self.clock()))

    async def _legacy(self, path: str, request: SignedRequest) -> LegacyResult | None:
        """Send an older query; ``None`` where STP finds no order."""
        response = await self._query(_join_url(self.base_url, f"ordenPago/{path}"), request)
        answer = _parse_answer(LegacyAnswer, response.http, (200,)).resultado
        if answer.id == LEGACY_NOT_FOUND and answer.order is None:
            return None
        # "Firma invalida No entity found for query" has id 0: a bad signature or no such order, which is no answer.
        if answer.id != LEGACY_OK or answer.text:
            raise NothingLearned(f"STP answered id {answer.id}: {answer.text}")
        return answer

    def _check_company(self, orders: list[OrderStatus | None] | None) -> list[OrderStatus]:
        """Return the orders of a list, which may hold null; a list of another company raises."""
        present = [order for order in orders or () if order is not None]
        if any(order.empresa not in {None, self.empresa} for order in present):
            raise NothingLearned("STP answered about another company")
        return present

    def _check_key(self, order: OrderStatus, key: str) -> OrderStatus:
        if order.mismatches(key=key, empresa=self.empresa):
            raise NothingLearned("STP answered about another order")
        return order


def _join_url(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"


def _parse_answer(kind: type[M], response: httpx.Response, statuses: tuple[int, ...]) -> M:
    """Parse the body as ``kind``; raise ``NothingLearned`` where it is something else."""
    if response.status_code not in statuses:
        raise NothingLearned(f"HTTP {response.status_code}")
    try:
        return kind.model_validate(parse_json(response.content))
    except (UnreadableJson, ValidationError) as failure:
        raise NothingLearned(f"HTTP {response.status_code} with no answer ({type(failure).__name__})") from None


def _absence_of(state: int | None) -> Absence | None:
    return {NOT_FOUND: Absence.NOT_FOUND, DATE_AHEAD: Absence.DATE_AHEAD}.get(-1 if state is None else state)
