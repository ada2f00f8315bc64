"""What a request to Fintoc is made of: an address of its own, a query, a key that nobody sees, and headers.

A list in a query is written by repeating its name, ``status=pending&status=failed``: so do Fintoc's Python SDK and the
form of its API description. (Its Node SDK writes ``status[]=``; one value alone is the same in both but for the name.)
"""

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import httpx

from rail_fintoc.api.constants import API, LOOPBACK_NAMES, VERSION
from riel import Misconfigured

_ADDRESS: Final = f"RIEL_FINTOC_BASE_URL must be like {API}: https, a host, and no path"

TIMEOUT: Final = httpx.Timeout(connect=5.0, read=15.0, write=5.0, pool=5.0)
"""Seconds of each step of a request. The whole of a send is bounded by the core."""

Plain: TypeAlias = str | int | bool
Params: TypeAlias = Mapping[str, Plain | Sequence[Plain] | None]

_PATH = re.compile(r"/v[12](?:/[A-Za-z0-9_-]+)+")
_SECRET_KEY = re.compile(r"sk_(?:test|live)_[A-Za-z0-9_-]{1,200}")
_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_KEY = re.compile(r"[!-~]{1,255}")


class SecretKey(httpx.Auth):
    """The API key, which is put into a request as it leaves and stands nowhere else."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        if _SECRET_KEY.fullmatch(key) is None:
            raise Misconfigured("RIEL_FINTOC_SECRET_KEY is not a secret key: it begins with sk_test_ or sk_live_")
        self._key = key

    @property
    def mode(self) -> Literal["test", "live"]:
        """Which of the two worlds the key opens."""
        return "live" if self._key.startswith("sk_live_") else "test"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The key as Fintoc documents it: without a scheme."""
        request.headers["Authorization"] = self._key
        yield request

    def __repr__(self) -> str:
        return f"SecretKey(mode={self.mode!r})"


class Address:
    """Where Fintoc is. Nothing that Fintoc answers can lead a request with our key elsewhere."""

    def __init__(self, base_url: str) -> None:
        try:
            base = httpx.URL(base_url)
        except (httpx.InvalidURL, ValueError):
            raise Misconfigured(_ADDRESS) from None
        secure = base.scheme == "https" or (base.scheme == "http" and base.host in LOOPBACK_NAMES)
        if not secure or not base.host or base.userinfo or base.raw_path != b"/" or base.fragment:
            raise Misconfigured(_ADDRESS)
        self._base = base

    def url_for(self, path: str) -> httpx.URL:
        """The address of a path such as ``/v2/transfers``, whose ids were checked before."""
        if _PATH.fullmatch(path) is None:
            raise ValueError("a path is /v1 or /v2 and plain segments")
        return self._base.copy_with(raw_path=path.encode())

    def same_list(self, url: str, path: str) -> httpx.URL | None:
        """``url`` as it is, where it leads to the list at ``path`` on this very host; ``None`` where it does not."""
        try:
            address = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            return None
        origin = (address.scheme, address.host, address.port, address.userinfo, address.fragment)
        our_code = (self._base.scheme, self._base.host, self._base.port, b"", "")
        return address if origin == our_code and address.raw_path.partition(b"?")[0] == path.encode() else None


def validate_version(version: str) -> str:
    """A version of the API: a date."""
    if _VERSION.fullmatch(version) is None:
        raise Misconfigured(f"RIEL_FINTOC_VERSION is not a version of the API: write one like {VERSION}")
    return version


def validate_key(idempotency_key: str) -> str:
    """An ``Idempotency-Key``: 1 to 255 characters that a header can carry."""
    if _KEY.fullmatch(idempotency_key) is None:
        raise ValueError("an Idempotency-Key is 1 to 255 visible ASCII characters")
    return idempotency_key


def query_pairs(params: Params) -> tuple[tuple[str, str], ...]:
    """The pairs of a query in the order of ``params``, a list as its name repeated; ``None`` and an empty list go."""
    return tuple(
        (name, _to_text(value))
        for name, values in params.items()
        for value in (values if isinstance(values, list | tuple) else [values])
        if value is not None
    )


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"a query carries text, whole numbers and yes or no, not {type(value).__name__}")
