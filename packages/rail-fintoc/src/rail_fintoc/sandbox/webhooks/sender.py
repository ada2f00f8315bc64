"""The pretend Fintoc's webhooks: signed for each endpoint, told in the background, repeated until they are taken."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import httpx

from rail_fintoc.sandbox.behaviour import Sleep, is_here
from rail_fintoc.sandbox.ledger.organisation import Books, Event, World
from rail_fintoc.sandbox.webhooks.endpoint import Endpoint

PATIENCE = 10.0
LONGEST_PAUSE = 86_400.0


def signature(secret: str, body: bytes, at: datetime) -> str:
    """``Fintoc-Signature`` of a body that is sent at that time."""
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


class Courier:
    """Carries the events of one organisation, those of one moment in their order; a repeated one comes when it can."""

    def __init__(self, world: World, sleep: Sleep, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._world = world
        self._sleep = sleep
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()
        self._wakings: set[datetime] = set()

    def follow(self) -> None:
        """Tell what has happened, and wake up for what will, where anybody is to be told."""
        for books in self._world.books.values():
            if books.untold:
                self._begin(self._carry(self._letters(books)))
        anybody = any(is_here(endpoint.url) for books in self._world.books.values() for endpoint in _endpoints(books))
        soonest = self._world.next_due()
        if anybody and soonest is not None and soonest not in self._wakings:
            self._wakings.add(soonest)
            self._begin(self._wake(soonest))

    async def tell_first(self) -> None:
        """Tell what has happened, and wait until it was heard or the first try has failed."""
        for books in self._world.books.values():
            await self._carry(self._letters(books))

    async def _wake(self, at: datetime) -> None:
        """Let happen what is due then; something that is due before it has a waking of its own."""
        wait = (at - self._world.clock()).total_seconds()
        if wait > 0:
            await self._sleep(wait)
        self._wakings.discard(at)
        self._world.catch_up()
        for books in self._world.books.values():
            await self._carry(self._letters(books))
        self.follow()

    def _letters(self, books: Books) -> list[tuple[Endpoint, Event]]:
        events, books.untold = books.untold, []
        return [(endpoint, event) for event in events for endpoint in _endpoints(books) if endpoint.wants(event)]

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, letters: list[tuple[Endpoint, Event]]) -> None:
        for endpoint, event in letters:
            if not await self._try(endpoint, event):
                self._begin(self._repeat(endpoint, event))

    async def _repeat(self, endpoint: Endpoint, event: Event) -> None:
        pause = self._world.behaviour.webhook_pause_seconds
        for _ in range(self._world.behaviour.webhook_tries - 1):
            await self._sleep(pause)
            if await self._try(endpoint, event):
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _try(self, endpoint: Endpoint, event: Event) -> bool:
        """Send it once; each try has a signature of its own time."""
        body = json.dumps(event.told()).encode()
        signed = signature(endpoint.secret, body, self._world.clock())
        headers = {"Content-Type": "application/json", "Fintoc-Signature": signed}
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=PATIENCE, trust_env=False) as http:
                return (await http.post(endpoint.url, content=body, headers=headers)).is_success
        except httpx.HTTPError:
            return False


def _endpoints(books: Books) -> list[Endpoint]:
    return list(books.shelf(Endpoint))
