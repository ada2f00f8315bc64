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

from rail_fintoc.api.errors import ErrorMeaning, LookupRefused, RequestRefused, Unresolved, error_details
from rail_fintoc.api.json_body import JSON, InvalidJson, JsonObject, parse_json
from rail_fintoc.api.jws import HEADER, JwsKey, fresh_nonce
from rail_fintoc.api.pagination import MAX_PAGE_SIZE, ResourcePage, cursor, next_link, page_params, size_param
from rail_fintoc.api.rate_limit import RateLimiter
from rail_fintoc.api.request import TIMEOUT, Address, Params, SecretKey, query_pairs, validate_key, validate_version
from riel import Misconfigured, NothingLearned, OutcomeUnknown, paying, reading

MAX_PAGES: Final = 1000
"""How many pages a list may have before one without an end is given up."""


class FintocApi:
    """Fintoc as one organisation sees it, in the mode of its key.

    :param http: the client that riel hands out.
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
        pace: RateLimiter | None = None,
    ) -> None:
        self._http = http
        self._address = Address(base_url)
        self._key = SecretKey(secret_key)
        self._headers = {
            "Accept": "application/json",
            "Fintoc-Version": validate_version(version),
            "User-Agent": "rail-fintoc",
        }
        self._jws = jws
        self._clock = clock
        self._nonce = nonce
        self._rate_limiter = pace or RateLimiter()

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
        return _json(await self._get(self._url(path, params)))

    async def iter_list(self, path: str, params: Params | None = None) -> AsyncGenerator[JsonObject, None]:
        """Every row of a list, newest first, page by page for as long as they are taken; raises as :meth:`read`.

        A row that a page repeats, since others came in front of it meanwhile, comes once.
        """
        seen: set[str] = set()
        async with aclosing(self._iter_pages(path, {size_param(path): MAX_PAGE_SIZE, **(params or {})})) as walk:
            async for rows, _ in walk:
                for row in rows:
                    name = row.get("id")
                    if not isinstance(name, str) or name not in seen:
                        yield row
                    if isinstance(name, str):
                        seen.add(name)

    async def list_page(self, path: str, params: Params, most: int) -> ResourcePage:
        """At most ``most`` rows of a list and where to go on; raises as :meth:`read`."""
        found: list[JsonObject] = []
        url_, pages = page_params(path, params, most)
        async with aclosing(self._iter_pages(path, url_)) as walk:
            async for rows, link in walk:
                found += rows
                pages -= 1
                if link is not None and pages == 0:
                    return ResourcePage(found, cursor(link, path))
        return ResourcePage(found)

    async def send(self, path: str, body: bytes, idempotency_key: str, signed: bool = True) -> JSON:
        """``POST`` something that moves money, once; each attempt that leaves is signed anew, over these very bytes.

        :raises Refused: Fintoc said no, and nothing was booked by this request.
        :raises NotSent: no byte left.
        :raises OutcomeUnknown: nobody knows; it is an ``Unresolved`` with its fault where Fintoc answered.
        """
        await self._rate_limiter.wait_for_transfer()
        answer = await self._write("POST", path, body, idempotency_key, signed=signed)
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
        await self._rate_limiter.wait_for_request()
        return await self._write(method, path, body, idempotency_key, signed=signed)

    async def _write(self, method: str, path: str, body: bytes, idempotency_key: str, *, signed: bool) -> JSON:
        url, headers = self._address.url_for(path), {**self._headers, "Idempotency-Key": validate_key(idempotency_key)}
        if body:
            headers["Content-Type"] = "application/json"
        if signed and self._jws is None:
            raise Misconfigured("RIEL_FINTOC_JWS_PRIVATE_KEY is not set: Fintoc takes what moves money signed only")

        async def attempt() -> httpx.Response:
            sealed = {HEADER: self._signature(body)} if signed else {}
            return await self._request(method, url, {**headers, **sealed}, body)

        response = await paying(attempt)
        if response.is_success:
            try:
                return parse_json(response.content)
            except InvalidJson as failure:
                raise OutcomeUnknown(f"HTTP {response.status_code} with {failure}") from None
        details = error_details(response)
        raise RequestRefused(details) if details.meaning is ErrorMeaning.REFUSED else Unresolved(details)

    async def _iter_pages(
        self, path: str, params: Params
    ) -> AsyncGenerator[tuple[list[JsonObject], httpx.URL | None], None]:
        """Each page of a list, with the address of the next one. A page that comes again is no list."""
        url, url_ = self._url(path, params), set[str]()
        while str(url) not in url_ and len(url_) < MAX_PAGES:
            url_.add(str(url))
            response = await self._get(url)
            rows = _json(response)
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise NothingLearned("Fintoc did not answer with a list")
            link = next_link(response)
            following = self._address.same_list(link, path) if link else None
            if link and following is None:
                raise NothingLearned("Fintoc names a next page that is elsewhere")
            yield rows, following
            if following is None:
                return
            url = following
        raise NothingLearned("Fintoc's list does not come to its end")

    def _url(self, path: str, params: Params | None) -> httpx.URL:
        url, pairs = self._address.url_for(path), query_pairs(params or {})
        return url.copy_with(params=pairs) if pairs else url

    async def _get(self, url: httpx.URL) -> httpx.Response:
        async def attempt() -> httpx.Response:
            await self._rate_limiter.wait_for_request()
            return await self._request("GET", url, self._headers)

        response = await reading(attempt)
        if not response.is_success:
            raise LookupRefused(error_details(response))
        return response

    async def _request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None = None
    ) -> httpx.Response:
        response = await self._http.request(
            method, url, content=body or None, headers=headers, auth=self._key, timeout=TIMEOUT
        )
        self._rate_limiter.on_status(response.status_code)
        return response

    def _signature(self, body: bytes) -> str:
        if self._jws is None:
            raise Misconfigured("RIEL_FINTOC_JWS_PRIVATE_KEY is not set")
        return self._jws.signature(body, now=self._clock(), nonce=self._nonce())


def _json(response: httpx.Response) -> JSON:
    try:
        return parse_json(response.content)
    except InvalidJson as failure:
        raise NothingLearned(f"HTTP {response.status_code} with {failure}") from None
