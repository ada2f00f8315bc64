"""Fintoc's real client over a pretend wire, with a key, a clock and a pace that tests move by hand."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from rail_fintoc.api import API, VERSION, FintocApi, JwsKey, RateLimiter
from riel import RailSettings
from riel.testing.harness import http_client

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECRET = "sk_test_riel"

Respond = Callable[[httpx.Request], httpx.Response]


class FintocBankSettings(RailSettings):
    """Nothing but an address, and whose money leaves."""

    @property
    def payer(self) -> str:
        """The only account."""
        return "the only account"


@cache
def private_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass
class MonotonicClock:
    """Seconds that pass only while somebody sleeps; ``slept`` is how long each sleep was."""

    at: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    def pace(self, chance: int = 0) -> RateLimiter:
        return RateLimiter(now=self, sleep=self.sleep, random_below=lambda _: chance)


def counted() -> Iterator[str]:
    return (f"{number:032x}" for number in count(1))


@asynccontextmanager
async def talking_to(
    respond: Respond, *, signs: bool = True, clock: MonotonicClock | None = None, base_url: str = API
) -> AsyncIterator[FintocApi]:
    nonces = counted()
    async with http_client(FintocBankSettings(base_url=base_url), httpx.MockTransport(respond)) as http:
        jws = JwsKey(private_key()) if signs else None
        pace = (clock or MonotonicClock()).pace()
        yield FintocApi(http, base_url, SECRET, VERSION, jws, lambda: NOW, lambda: next(nonces), pace)


@dataclass
class ScriptedResponses:
    """What left, in order; each request is answered by the next of ``answers``, the last one from then on."""

    answers: list[httpx.Response | httpx.TransportError]
    left: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.left.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, httpx.TransportError):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def said(body: Any = None, status: int = 200, **headers: str) -> httpx.Response:
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, headers=headers, content=content)


def error(status: int, code: str | None, kind: str = "invalid_request_error", **more: Any) -> httpx.Response:
    body = {"error": {"type": kind, "code": code, "message": "No.", "param": None, **more}}
    return said(body, status, **{"X-Request-Id": "req_1"})
