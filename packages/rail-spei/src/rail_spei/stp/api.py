"""The requests of STP, each signed and made once, and what their answers say.

Moving money goes through ``riel.paying``, looking through ``riel.reading``; nothing is tried again here. A look-up that
does not clearly answer raises ``riel.NothingLearned``: absence is only what STP itself calls so.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import partial
from typing import Final, TypeAlias, TypeVar

import httpx
from pydantic import ValidationError

from rail_spei.stp import cadena
from rail_spei.stp.cadena import STP, Direction, RegisterOrder, SignedRequest
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
    """Why a query found no order. Neither alone proves that there is none: it may not be there yet."""

    NOT_FOUND = "no such order on that day"
    DATE_AHEAD = "that day has not begun for STP: ask with another"


@dataclass(frozen=True, slots=True)
class Stp:
    """STP as one company sees it.

    :param base_url: where orders go, and ``query_url`` where they are asked after.
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
        return await self._put("ordenPago/registra", body, classify)

    async def return_received(self, body: bytes) -> Outcome:
        """Give a received payment back; raises as :meth:`register` does."""
        return await self._put("ordenPago/retornaOrden", body, classify_return)

    async def query(self, key: str, kind: Direction = "E", day: date | None = None) -> OrderStatus | Absence:
        """The order of that key which was sent (``E``) or received (``R``) on ``day``, or on the running one.

        :raises NothingLearned: STP did not say, or spoke of another order.
        """
        response = await self._query(
            _join_url(self.query_url, "consultaOrden"), cadena.query(self.empresa, key, kind, day)
        )
        answer = _parse_answer(OrderAnswer, response, (200, 400))
        if answer.respuesta is None and (absence := _absence_of(answer.estado)):
            return absence
        if response.status_code != 200 or answer.estado != OK or answer.respuesta is None:
            raise NothingLearned(f"STP answered estado {answer.estado}: {answer.mensaje}")
        return self._check_key(answer.respuesta, key)

    async def reconciliation(self, kind: Direction = "E", day: date | None = None) -> list[OrderStatus]:
        """Every order of one operating day, of all pages: a part of the list is no list.

        STP's count of the running day may lag: of that day the last orders may be missing.

        :raises NothingLearned: STP did not say, or not all of it.
        """
        by_id: dict[tuple[str, int | None, str | None], OrderStatus] = {}
        for page in range(MAX_PAGES):
            request = cadena.reconciliation(self.empresa, kind, day, page=page)
            response = await self._query(_join_url(self.query_url, "V2/conciliacion"), request)
            answer = _parse_answer(DayPage, response, (200, 400))
            if page == 0 and answer.estado == NOT_FOUND and not answer.datos:
                return []
            if (
                response.status_code != 200
                or answer.estado not in {OK, None}
                or answer.total is None
                or answer.total < 0
            ):
                raise NothingLearned(f"STP answered estado {answer.estado}: {answer.mensaje}")
            known = len(by_id)
            orders = self._check_company(answer.datos)
            by_id |= {(order.key, order.number, order.return_key): order for order in orders}
            if len(by_id) >= answer.total:
                return list(by_id.values())
            if len(by_id) == known:
                break
        raise NothingLearned("STP's list of the day does not come to its end")

    async def legacy_query(self, key: str, day: date | None = None) -> OrderStatus | Absence:
        """The order of that key which was sent, asked in the older way; raises as :meth:`query` does."""
        request = cadena.legacy(empresa=self.empresa, day=day, key=key, institution=STP)
        answer = await self._legacy("consOrdEnvRastreo", request)
        if answer is None:
            return Absence.NOT_FOUND
        if answer.order is None:
            raise NothingLearned("STP says yes and tells no order")
        return self._check_key(answer.order, key)

    def _signed(self, request: SignedRequest) -> bytes:
        return json.dumps({**request.json(), "firma": self.key.sign(request.cadena())}, separators=(",", ":")).encode()

    async def _put(self, path: str, body: bytes, classify: Classify) -> Outcome:
        send = partial(
            self.http.put, _join_url(self.base_url, path), content=body, headers=HEADERS, follow_redirects=False
        )
        response = await paying(send)
        return classify(response.status_code, response.headers, response.content)

    async def _query(self, url: str, request: SignedRequest) -> httpx.Response:
        body = self._signed(request)
        return await reading(partial(self.http.post, url, content=body, headers=HEADERS, follow_redirects=False))

    async def _legacy(self, path: str, request: SignedRequest) -> LegacyResult | None:
        """What an older query says, or ``None`` where STP has nothing of that kind."""
        response = await self._query(_join_url(self.base_url, f"ordenPago/{path}"), request)
        answer = _parse_answer(LegacyAnswer, response, (200,)).resultado
        if answer.id == LEGACY_NOT_FOUND and answer.order is None:
            return None
        # "Firma invalida No entity found for query" has id 0: a bad signature or no such order, which is no answer.
        if answer.id != LEGACY_OK or answer.text:
            raise NothingLearned(f"STP answered id {answer.id}: {answer.text}")
        return answer

    def _check_company(self, orders: list[OrderStatus | None] | None) -> list[OrderStatus]:
        """The orders of a list, which may hold null. A list of another company is none."""
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
    """The body as what it should be."""
    if response.status_code not in statuses:
        raise NothingLearned(f"HTTP {response.status_code}")
    try:
        return kind.model_validate(parse_json(response.content))
    except (UnreadableJson, ValidationError) as failure:
        raise NothingLearned(f"HTTP {response.status_code} with no answer ({type(failure).__name__})") from None


def _absence_of(state: int | None) -> Absence | None:
    return {NOT_FOUND: Absence.NOT_FOUND, DATE_AHEAD: Absence.DATE_AHEAD}.get(-1 if state is None else state)
