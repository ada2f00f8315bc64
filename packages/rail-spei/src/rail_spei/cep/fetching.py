"""One answer of the CEP site: over https, whole, bounded, and asked for once."""

import ipaddress
from collections.abc import Mapping

import httpx

from riel import Misconfigured, NothingLearned, reading

LONGEST_ANSWER = 256 * 1024
"""Bytes. The longest page of the form has about 25,000."""

HEADERS = {"Accept-Encoding": "identity", "User-Agent": "rail-spei"}
"""Nothing compressed: a small answer could unpack into a large one."""


class TooMany(Exception):
    """HTTP 429: the site was asked too often."""


async def body(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    data: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> bytes:
    """The whole answer, asked once, bounded while it is read; redirects are not followed: they could leave https.

    :raises TooMany: the site says that it was asked too often.
    :raises NothingLearned: no useful answer came.
    """

    async def request() -> httpx.Response:
        async with http.stream(method, path, data=data, params=params) as response:
            if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise TooMany
            if response.headers.get("content-encoding", "identity") != "identity":
                raise NothingLearned("the answer is compressed, which was not asked for")
            whole = bytearray()
            async for chunk in response.aiter_raw():
                whole += chunk
                if len(whole) > LONGEST_ANSWER:
                    raise NothingLearned("the answer is too long")
            return httpx.Response(response.status_code, content=bytes(whole))

    response = await reading(request, tries=1)
    if response.status_code != httpx.codes.OK:
        raise NothingLearned(f"HTTP {response.status_code}")
    return response.content


def on_this_machine(base_url: str) -> bool:
    """Whether the site is on this machine, where http is allowed; anywhere else it must be https.

    :raises Misconfigured: it is not.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise Misconfigured("The address of the CEP site is not a URL.") from None
    try:
        loopback = url.host == "localhost" or ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        loopback = False
    if not (url.scheme == "https" or (url.scheme == "http" and loopback)) or not url.host:
        raise Misconfigured("The address of the CEP site must begin with https://.")
    return loopback
