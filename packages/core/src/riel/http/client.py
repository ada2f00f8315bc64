"""The HTTP client of one rail: it counts what reaches the wire, and it goes nowhere but where the rail's settings say.

It follows no redirect, reads nothing of the environment (no proxy, no certificates, no key log), verifies TLS, and
reads an answer only up to a length. Why a request failed is logged once, until a request succeeds.
"""

import logging
import zlib
from datetime import timedelta
from typing import Any

import httpx

from riel.addresses import is_loopback
from riel.errors import Misconfigured
from riel.http.causes import AnswerTooLong, cause_of
from riel.http.wire import current_wire
from riel.rail.settings import RailSettings
from riel.rail.tls import tls_context

log = logging.getLogger(__name__)

NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures of a transport before the first byte of a request. A request counts unless it failed in one of these ways
*and* the transport has not reported that it began to write: each of the two beliefs is checked by the other."""

CONNECT_TIMEOUT = timedelta(seconds=5)
"""How long a connection may take, so that three attempts fit into the deadline of a send."""


class RailHttpClient(httpx.AsyncClient):
    """An httpx client that refuses to follow redirects."""

    async def send(
        self, request: httpx.Request, *, follow_redirects: Any = httpx.USE_CLIENT_DEFAULT, **how: Any
    ) -> httpx.Response:
        """Send a request, as httpx does.

        :raises TypeError: it was to follow redirects, which could carry an order to another address, or there twice.
        """
        if follow_redirects is True:
            raise TypeError("riel's HTTP client follows no redirects: an order goes where the settings say, and once")
        return await super().send(request, follow_redirects=False, **how)


class CountingTransport(httpx.AsyncBaseTransport):
    """Counts the requests of the transport behind it, and reads their answers whole, up to a length.

    :param inner: opens the connections.
    :param rail: the name of the rail, for the log.
    :param proxied: whether ``inner`` goes by a proxy.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, rail: str, *, proxied: bool = False) -> None:
        self._inner = inner
        self._rail = rail
        self._proxied = proxied
        self._logged = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request once."""
        try:
            response = await self._counted(request)
        except httpx.HTTPError as failure:
            self._failed(failure)
            raise
        if self._logged:
            log.info("the rail %r gets answers from its provider again", self._rail)
            self._logged = ""
        return response

    async def _counted(self, request: httpx.Request) -> httpx.Response:
        wire, extensions = current_wire(), request.extensions
        wire.attempts += 1
        left = False

        def count() -> None:
            nonlocal left
            wire.requests += not left
            left = True

        async def trace(name: str, info: Any) -> None:
            tunnel = "request" in info and info["request"].method == b"CONNECT"  # it carries nothing of the order
            if name.endswith("send_request_headers.started") and not tunnel:
                count()

        request.extensions = {**extensions, "trace": trace}
        try:
            response = await self._inner.handle_async_request(request)
        except NEVER_LEFT:
            raise
        except BaseException:
            count()
            raise
        finally:
            request.extensions = extensions
        count()
        return await _read_whole(response, wire.max_answer)

    def _failed(self, failure: httpx.HTTPError) -> None:
        cause = current_wire().cause = cause_of(failure, proxied=self._proxied)
        if cause != self._logged:
            log.warning("the rail %r gets no answer from its provider: %s", self._rail, cause)
            self._logged = cause

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def rail_http_client(
    settings: RailSettings, *, rail: str, deadline: timedelta, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """Make the HTTP client of a rail; a path is relative to ``base_url``.

    :param deadline: of a send, which is the time-out of each step of a request.
    :param transport: opens the connections in tests.
    :raises Misconfigured: ``base_url`` is no address.
    """
    proxy = settings.proxy.get_secret_value() if settings.proxy and not is_loopback(settings.base_url) else None
    if transport is None:
        verify = tls_context(settings.ca_bundle, settings.client_certificate, settings.client_key)
        transport = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, proxy=proxy)
    seconds = deadline.total_seconds()
    try:
        return RailHttpClient(
            base_url=settings.base_url if settings.base_url.startswith(("http://", "https://")) else "",
            timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT.total_seconds())),
            headers={"Accept-Encoding": "identity"},
            transport=CountingTransport(transport, rail, proxied=proxy is not None),
            trust_env=False,
        )
    except httpx.InvalidURL:
        raise Misconfigured(f"RIEL_{rail.upper()}_BASE_URL is no address: write one such as https://host") from None


async def _read_whole(response: httpx.Response, limit: int) -> httpx.Response:
    """Return the same response with its body read and unpacked, ``limit`` bytes of it at most."""
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 (the client is an asynchronous one)
    packed = bytearray()
    try:
        async for piece in response.stream:
            packed += piece
            if len(packed) > limit:
                raise AnswerTooLong(f"the answer is longer than {limit} bytes")
    finally:
        await response.stream.aclose()
    headers, body = response.headers.copy(), bytes(packed)
    if body and headers.get("Content-Encoding", "identity").lower() != "identity":
        body = _unpacked(headers.pop("Content-Encoding").lower(), body, limit)
        headers.pop("Content-Length", None)
    return httpx.Response(
        response.status_code, headers=headers, stream=httpx.ByteStream(body), extensions=response.extensions
    )


def _unpacked(encoding: str, packed: bytes, limit: int) -> bytes:
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise httpx.DecodingError("the answer is packed in a way that was not asked for")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # it finds out itself whether this is gzip or zlib
    try:
        body = unpacker.decompress(packed, limit + 1)
    except zlib.error as failure:
        raise httpx.DecodingError("the answer cannot be unpacked") from failure
    if len(body) > limit:
        raise AnswerTooLong(f"the answer unpacks to more than {limit} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise httpx.DecodingError("the answer is packed in parts")
    return body
