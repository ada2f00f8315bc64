"""A pretend Fintoc whose clock stands until it is moved, and somebody who signs and sends requests by hand."""

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from rail_fintoc.sandbox.app import pretend_fintoc
from rail_fintoc.sandbox.behaviour import FintocBehaviour
from riel import Debit
from riel.sandbox.kit import published_key
from riel.testing.harness import Clock

NOON = datetime(2026, 3, 4, 18, tzinfo=UTC)
"""A Wednesday at noon in Mexico City."""

KEY = "sk_test_riel"
NUMBERS = count(1)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def seal(body: bytes, at: datetime, **change: Any) -> str:
    """The header that belongs to a body, written from Fintoc's documentation; a changed field says something else."""
    nonce = f"{next(NUMBERS):032x}"
    said = {"alg": "RS256", "nonce": nonce, "ts": int(at.timestamp()), "crit": ["ts", "nonce"]} | change
    protected = b64(json.dumps({name: value for name, value in said.items() if value is not None}).encode())
    return f"{protected}.{b64(published_key().sign(f'{protected}.{b64(body)}'.encode(), PKCS1v15(), SHA256()))}"


class AppTransport(httpx.ASGITransport):
    """Calls the app directly; an answer that breaks off is one over a real connection, too."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AssertionError as unfinished:  # what httpx checks of an app
            raise httpx.RemoteProtocolError("peer closed connection") from unfinished


@dataclass
class SandboxDriver:
    """One pretend Fintoc, and what a test does with it. It takes any number of requests in a second, unless told."""

    behaviour: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=lambda: Clock(NOON))
    gate: asyncio.Event | None = None
    heard: list[httpx.Request] = field(default_factory=list)
    replies: list[int] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pace = {"requests_per_second": 10**6, "transfers_per_second": 10**6}
        self.sandbox = pretend_fintoc(
            behaviour=FintocBehaviour.model_validate(pace | self.behaviour),
            clock=self.clock,
            sleep=self._sleep,
            randomness=random.Random(7),  # noqa: S311  # it makes ids
            webhooks=httpx.MockTransport(self._receiver),
            **self.options,
        )

    async def _sleep(self, seconds: float) -> None:
        if self.gate is None:
            return await self.clock.sleep(seconds)
        self.clock.slept.append(seconds)
        await self.gate.wait()
        self.clock.advance(seconds=seconds)
        return None

    def _receiver(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        self.happened.append(json.loads(request.content)["type"])
        return httpx.Response(self.replies.pop(0) if self.replies else 200)

    @property
    def now(self) -> datetime:
        """The time of the clock."""
        return self.clock.now

    @property
    def slept(self) -> list[float]:
        """The seconds of each sleep."""
        return self.clock.slept

    def later(self, **duration: float) -> None:
        """Let time pass."""
        self.clock.advance(**duration)

    @property
    def debits(self) -> list[Debit]:
        return list(self.sandbox.debits())

    @asynccontextmanager
    async def http(self, key: str = KEY) -> AsyncIterator[httpx.AsyncClient]:
        """Anybody's client, calling the app directly."""
        headers = {"Authorization": key} if key else {}
        async with httpx.AsyncClient(
            transport=AppTransport(self.sandbox.app), base_url="http://fintoc.invalid", headers=headers
        ) as http:
            yield http

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        api_key: str = KEY,
        key: str = "",
        version: str = "",
        signed: bool = False,
        **headers: str,
    ) -> httpx.Response:
        """One request: ``key`` is its idempotency key, ``signed`` gives it a fresh JWS."""
        raw = b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        if key:
            named["Idempotency-Key"] = key
        if version:
            named["Fintoc-Version"] = version
        if signed:
            named["Fintoc-JWS-Signature"] = seal(raw, self.now)
        async with self.http(api_key) as http:
            answer = await http.request(method, path, content=raw, headers=named)
        self.happened.append("answer")
        return answer

    async def get(self, path: str, **how: Any) -> Any:
        """The JSON of a GET that is answered 200."""
        answer = await self.send("GET", path, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, **how: Any) -> Any:
        """The JSON of a POST that is answered with success."""
        answer = await self.send("POST", path, body, **how)
        assert answer.is_success, answer.text
        return answer.json()


def error(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that is an error."""
    return answer.status_code, answer.json()["error"]["code"]
