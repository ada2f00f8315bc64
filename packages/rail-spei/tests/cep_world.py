"""The pretend CEP site, the client in front of it, and two clocks that stand until they are moved."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx

from rail_spei.cep import CepSite
from rail_spei.sandbox.banxico import Mood, pretend_banxico
from rail_spei.sandbox.receipts import Credit

from .cep_support import CREDIT

PAUSE = timedelta(seconds=30)
BACK_OFF = timedelta(hours=6)


@dataclass
class World:
    """One site, what was asked of it, and how long was waited."""

    credits: list[Credit] = field(default_factory=lambda: [CREDIT])
    mood: Mood = field(default_factory=Mood)
    most: int = 100
    answer: Callable[[httpx.Request], httpx.Response] | None = None
    asked: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    passed: float = 0.0

    def __post_init__(self) -> None:
        app = pretend_banxico(lambda: self.credits, clock=self.now, mood=self.mood, most=self.most)
        self._app = httpx.ASGITransport(app)
        self.site = self.another()

    def another(self, base_url: str = "https://www.banxico.org.mx/cep", **settings: Any) -> CepSite:
        return CepSite(
            base_url,
            transport=httpx.MockTransport(self._carry),
            pause=PAUSE,
            back_off=BACK_OFF,
            monotonic=lambda: self.passed,
            sleep=self._sleep,
            **settings,
        )

    def now(self) -> datetime:
        return datetime(2024, 11, 8, 12, tzinfo=UTC) + timedelta(seconds=self.passed)

    def later(self, passed: timedelta = PAUSE) -> None:
        self.passed += passed.total_seconds()

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.passed += seconds

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request)
        if self.answer is not None:
            answer = self.answer(request)
            if answer.is_stream_consumed:  # httpx reads what is given whole; a network gives a stream
                return httpx.Response(
                    answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content)
                )
            return answer
        return await self._app.handle_async_request(request)

    @property
    def paths(self) -> list[str]:
        return [f"{r.method} {r.url.path}" for r in self.asked]

    def form(self, which: int = 0) -> dict[str, str]:
        posts = [r for r in self.asked if r.method == "POST"]
        return {name: value for name, [value] in parse_qs(posts[which].content.decode()).items()}
