"""The webhooks of a pretend bank: sent in the background, repeated until they are accepted, given up in the end."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from riel.sandbox.kit.behaviour import Clock, Sleep

LONGEST_PAUSE = 86_400.0

WebhookRequest = Callable[[], tuple[bytes, Mapping[str, str]]]
"""Makes body and headers of one attempt: a signature may hold the time of its own attempt."""


def json_request(body: Mapping[str, Any]) -> WebhookRequest:
    """A request without a signature: the same JSON in each attempt."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return lambda: (content, {"Content-Type": "application/json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """One message for one receiver.

    :param not_before: when it is sent first; at once where it is ``None``.
    :param accepted: says of an answer whether the receiver has taken the message; by default 2xx.
    """

    url: str
    request: WebhookRequest
    not_before: datetime | None = None
    accepted: Callable[[httpx.Response], bool] = lambda response: response.is_success


class WebhookSender:
    """Sends the messages of one bank. Those of one call go out in their order; a repeated one comes when it can.

    :param attempts: how often a message is sent at most.
    :param pause: seconds before the second attempt.
    :param growth: by how much each later pause is longer; no pause is longer than a day.
    :param timeout: seconds that a receiver has for its answer.
    :param transport: what sends, in tests.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        sleep: Sleep,
        attempts: int,
        pause: float,
        growth: float = 1.0,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._attempts = attempts
        self._pause = pause
        self._growth = growth
        self._timeout = timeout
        self._transport = transport
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self, deliveries: Iterable[WebhookDelivery]) -> None:
        """Send messages in the background."""
        self.start_task(self.send(deliveries))

    async def send(self, deliveries: Iterable[WebhookDelivery]) -> None:
        """Send messages, and return when each was accepted or its first attempt has failed; the rest is background."""
        for delivery in deliveries:
            if delivery.not_before is not None:
                wait = (delivery.not_before - self._clock()).total_seconds()
                if wait > 0:
                    await self._sleep(wait)
            if not await self._attempt(delivery):
                self.start_task(self._repeat(delivery))

    def start_task(self, work: Coroutine[Any, Any, object]) -> None:
        """Run other work in the background, until it is done or the sender is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until nothing is left to send."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Stop. Messages that were not accepted are dropped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, delivery: WebhookDelivery) -> None:
        pause = self._pause
        for _ in range(self._attempts - 1):
            await self._sleep(pause)
            if await self._attempt(delivery):
                return
            pause = min(pause * self._growth, LONGEST_PAUSE)

    async def _attempt(self, delivery: WebhookDelivery) -> bool:
        content, headers = delivery.request()
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=self._timeout, trust_env=False) as http:
                return delivery.accepted(await http.post(delivery.url, content=content, headers=dict(headers)))
        except httpx.HTTPError:
            return False
