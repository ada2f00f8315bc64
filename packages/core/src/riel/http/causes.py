"""Why a request failed, in a short word that stays the same and holds neither an address nor an account."""

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping

import httpx

CERTIFICATE: Mapping[int, str] = {
    9: "certificate not yet valid",
    10: "certificate expired",
    18: "certificate self-signed",
    19: "certificate self-signed",
    20: "certificate of an unknown authority",
    21: "certificate of an unknown authority",
    62: "certificate for another name",
    64: "certificate for another name",
}
"""OpenSSL's verification errors (``X509_V_ERR_*`` of x509_vfy.h)."""

SYSTEM: Mapping[int | None, str] = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection broken",
    errno.EHOSTUNREACH: "network unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.ETIMEDOUT: "connection timed out",
}

FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ProxyError, "proxy refused"),
    (httpx.PoolTimeout, "no free connection"),
    (httpx.ConnectTimeout, "connection timed out"),
    (httpx.TimeoutException, "no answer in time"),
    (httpx.UnsupportedProtocol, "address not of HTTP"),
    (httpx.DecodingError, "answer unreadable"),
    (httpx.LocalProtocolError, "request malformed"),
    (httpx.RemoteProtocolError, "answer cut off"),
    (httpx.ConnectError, "no connection"),
    (httpx.NetworkError, "connection broken"),
)
"""What the exception alone says, the more special one first."""

OF_THE_PROXY = frozenset({*SYSTEM.values(), "host not found", "connection timed out", "no connection"})
"""The causes that are those of the proxy where there is one: the proxy alone is connected to."""


class AnswerTooLong(httpx.ReadError):
    """The answer is longer than the core reads."""


def cause_of(failure: BaseException, *, proxied: bool = False) -> str:
    """Return why a request failed.

    :param proxied: whether it went by a proxy.
    """
    cause = next((word for one in _chain(failure) if (word := _word(one))), "") or _of_kind(failure)
    return f"proxy: {cause}" if proxied and cause in OF_THE_PROXY else cause


def _word(failure: BaseException) -> str:
    """Return what the operating system or OpenSSL says; empty where they say nothing."""
    match failure:
        case AnswerTooLong():
            return "answer too long"
        case ssl.SSLCertVerificationError(verify_code=code):
            return CERTIFICATE.get(code, "certificate not accepted")
        case ssl.SSLError():
            return "TLS failed"
        case socket.gaierror():
            return "host not found"
        case OSError(errno=number):
            return SYSTEM.get(number, "")
    return ""


def _of_kind(failure: BaseException) -> str:
    return next((word for kind, word in FAILURES if isinstance(failure, kind)), type(failure).__name__)


def _chain(failure: BaseException) -> Iterator[BaseException]:
    """Yield the exception and its causes, the innermost first; of a group, those of each member."""
    inner = failure.__cause__ or failure.__context__
    if inner is not None:
        yield from _chain(inner)
    if isinstance(failure, BaseExceptionGroup):
        for member in failure.exceptions:
            yield from _chain(member)
    yield failure
