"""The requests of Fintoc, each made once: questions, lists, writes, and what moves money.

Every request goes to one host with an explicit time-out, and carries the version and the key. Moving money goes
through ``riel.paying`` and asking through ``riel.reading``, which alone say what may be made again. An
``Idempotency-Key`` comes from whoever calls: the stored reference of the payment, since a new one is a new payment.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Final, Literal

import httpx

from rail_fintoc.api.errors import Meaning, NotTold, Refused, Unreadable, Unresolved, fault_of, loaded
from rail_fintoc.api.jws import HEADER, JwsKey, fresh_nonce
from rail_fintoc.api.pagination import JSON, LARGEST, Row, Rows, cursor, next_link, size_name, sized
from rail_fintoc.api.rate_limit import Pace
from rail_fintoc.api.request import TIMEOUT, Address, Params, SecretKey, checked_key, checked_version, query
from riel import Misconfigured, NothingLearned, OutcomeUnknown, paying, reading

MOST_PAGES: Final = 1000
"""How many pages a list may have before one without an end is given up."""


class Fintoc:
    """Fintoc as one organisation sees it, in the mode of its key.

    :param http: a client that verifies TLS; only its owner closes it.
    :param jws: what signs requests that move money; without it they are not made.
    :param nonce: makes the nonce of each single attempt.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        secret_key: str,
        version: str,
        jws: JwsKey | None,
        clock: Callable[[], datetime],
        nonce: Callable[[], str] = fresh_nonce,
        pace: Pace | None = None,
    ) -> None:
        self._http = http
        self._address = Address(base_url)
        self._key = SecretKey(secret_key)
        self._headers = {
            "Accept": "application/json",
            "Fintoc-Version": checked_version(version),
            "User-Agent": "rail-fintoc",
        }
        self._jws = jws
        self._clock = clock
        self._nonce = nonce
        self._pace = pace or Pace()

    @property
    def mode(self) -> Literal["test", "live"]:
        """Which of Fintoc's two worlds this is."""
        return self._key.mode

    def __repr__(self) -> str:
        return f"Fintoc(mode={self.mode!r})"

    async def read(self, path: str, params: Params | None = None) -> JSON:
        """One object, or whatever ``GET`` brings.

        :raises NotTold: Fintoc answered with an error, whose ``fault.missing`` says that there is no such object.
        :raises NothingLearned: no useful answer came.
        """
        return _json(await self._get(self._asked(path, params)))

    async def each(self, path: str, params: Params | None = None) -> AsyncGenerator[Row, None]:
        """Every row of a list, newest first, page by page for as long as they are taken; raises as :meth:`read`.

        A row that a page repeats, since others came in front of it meanwhile, comes once.
        """
        seen: set[str] = set()
        async with aclosing(self._walk(path, {size_name(path): LARGEST, **(params or {})})) as walk:
            async for rows, _ in walk:
                for row in rows:
                    name = row.get("id")
                    if not isinstance(name, str) or name not in seen:
                        yield row
                    if isinstance(name, str):
                        seen.add(name)

    async def pages(self, path: str, params: Params, most: int) -> Rows:
        """At most ``most`` rows of a list and where to go on; raises as :meth:`read`."""
        found: list[Row] = []
        asked, pages = sized(path, params, most)
        async with aclosing(self._walk(path, asked)) as walk:
            async for rows, link in walk:
                found += rows
                pages -= 1
                if link is not None and pages == 0:
                    return Rows(found, cursor(link, path))
        return Rows(found)

    async def send(self, path: str, body: bytes, idempotency_key: str, signed: bool = True) -> JSON:
        """``POST`` something that moves money, once; each attempt that leaves is signed anew, over these very bytes.

        :raises Refused: Fintoc said no, and nothing was booked by this request.
        :raises NotSent: no byte left.
        :raises OutcomeUnknown: nobody knows; it is an ``Unresolved`` with its fault where Fintoc answered.
        """
        await self._pace.transfer()
        answer = await self._made("POST", path, body, idempotency_key, signed=signed)
        if not isinstance(answer, dict):
            raise OutcomeUnknown("Fintoc said yes and told nothing")
        return answer

    async def write(
        self,
        path: str,
        body: bytes,
        idempotency_key: str,
        method: Literal["POST", "PATCH", "DELETE"] = "POST",
        signed: bool = False,
    ) -> JSON:
        """Create, change or remove something that is no money, once; raises as :meth:`send`."""
        await self._pace.question()
        return await self._made(method, path, body, idempotency_key, signed=signed)

    async def _made(self, method: str, path: str, body: bytes, idempotency_key: str, *, signed: bool) -> JSON:
        url, headers = self._address.of(path), {**self._headers, "Idempotency-Key": checked_key(idempotency_key)}
        if body:
            headers["Content-Type"] = "application/json"
        if signed and self._jws is None:
            raise Misconfigured("RIEL_FINTOC_JWS_PRIVATE_KEY is not set: Fintoc takes what moves money signed only")

        async def attempt() -> httpx.Response:
            sealed = {HEADER: self._signature(body)} if signed else {}
            return await self._once(method, url, {**headers, **sealed}, body)

        response = await paying(attempt)
        if response.is_success:
            try:
                return loaded(response.content)
            except Unreadable as failure:
                raise OutcomeUnknown(f"HTTP {response.status_code} with {failure}") from None
        fault = fault_of(response)
        raise Refused(fault) if fault.meaning is Meaning.REFUSED else Unresolved(fault)

    async def _walk(self, path: str, params: Params) -> AsyncGenerator[tuple[list[Row], httpx.URL | None], None]:
        """Each page of a list, with the address of the next one. A page that comes again is no list."""
        url, asked = self._asked(path, params), set[str]()
        while str(url) not in asked and len(asked) < MOST_PAGES:
            asked.add(str(url))
            response = await self._get(url)
            rows = _json(response)
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise NothingLearned("Fintoc did not answer with a list")
            link = next_link(response)
            following = self._address.same(link, path) if link else None
            if link and following is None:
                raise NothingLearned("Fintoc names a next page that is elsewhere")
            yield rows, following
            if following is None:
                return
            url = following
        raise NothingLearned("Fintoc's list does not come to its end")

    def _asked(self, path: str, params: Params | None) -> httpx.URL:
        url, pairs = self._address.of(path), query(params or {})
        return url.copy_with(params=pairs) if pairs else url

    async def _get(self, url: httpx.URL) -> httpx.Response:
        async def attempt() -> httpx.Response:
            await self._pace.question()
            return await self._once("GET", url, self._headers)

        response = await reading(attempt)
        if not response.is_success:
            raise NotTold(fault_of(response))
        return response

    async def _once(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None = None
    ) -> httpx.Response:
        response = await self._http.request(
            method, url, content=body or None, headers=headers, auth=self._key, timeout=TIMEOUT, follow_redirects=False
        )
        self._pace.heard(response.status_code)
        return response

    def _signature(self, body: bytes) -> str:
        if self._jws is None:
            raise Misconfigured("RIEL_FINTOC_JWS_PRIVATE_KEY is not set")
        return self._jws.signature(body, now=self._clock(), nonce=self._nonce())


def _json(response: httpx.Response) -> JSON:
    try:
        return loaded(response.content)
    except Unreadable as failure:
        raise NothingLearned(f"HTTP {response.status_code} with {failure}") from None
