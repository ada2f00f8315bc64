"""The webhooks of the pretend STP: told in the background, repeated until they are taken, and given up at last."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from rail_spei.sandbox.behaviour import Behaviour, Clock, Sleep
from rail_spei.sandbox.ledger import BACK, NEVER_PAID, SETTLED, Change, Entry
from rail_spei.sandbox.serializers import deposit, event

Heard = Callable[[httpx.Response], bool]
TOLD = SETTLED | BACK | NEVER_PAID
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, where it goes, when it is due, and what counts as heard."""

    url: str
    at: datetime
    body: Mapping[str, Any]
    heard: Heard = lambda response: response.status_code == 200


class Courier:
    """Carries the messages of one bank. Those of one order go out in their order; a repeated one comes when it can."""

    def __init__(
        self, behaviour: Behaviour, clock: Clock, sleep: Sleep, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._behaviour = behaviour
        self._clock = clock
        self._sleep = sleep
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, entry: Entry) -> None:
        """Tell all that becomes of an order, each thing in its time."""
        notices = self._notices(entry)
        if notices:
            self._begin(self._carry(notices))

    async def tell_first(self, entry: Entry) -> None:
        """Tell what has become of an order already, and wait until it was heard or the first try has failed."""
        await self._carry([notice for notice in self._notices(entry) if notice.at <= self._clock()])

    def tell(self, entry: Entry, change: Change) -> None:
        """Tell one change of state now."""
        if self._behaviour.webhook_url and change.state in TOLD:
            self._begin(self._carry([self._event(entry, change)]))

    async def close(self) -> None:
        """Stop, whatever is still to be told."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _notices(self, entry: Entry) -> list[Notice]:
        if entry.direction == "R":
            return [self._deposit(entry)] if self._behaviour.deposit_url else []
        if not self._behaviour.webhook_url:
            return []
        notices = [self._event(entry, change) for change in entry.life if change.state in TOLD]
        match entry.fate.telling:
            case "twice":
                return [notice for notice in notices for _ in range(2)]
            case "backwards":
                return [Notice(notice.url, notices[-1].at, notice.body) for notice in reversed(notices)]
        return notices

    def _event(self, entry: Entry, change: Change) -> Notice:
        return Notice(self._behaviour.webhook_url, change.at, event(entry, change, self._behaviour.webhook_words))

    def _deposit(self, entry: Entry) -> Notice:
        """Whoever gets a payment confirms it, or sends it back with a cause."""

        def heard(response: httpx.Response) -> bool:
            try:
                answer = response.json()
            except ValueError:
                return False
            if response.status_code == 400 and answer.get("mensaje") == "devolver":
                entry.life.append(Change(self._clock(), "CCR", int(answer["id"])))
                return True
            return response.status_code == 200 and answer.get("mensaje") == "confirmar"

        return Notice(self._behaviour.deposit_url, entry.at, deposit(entry), heard)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, notices: list[Notice]) -> None:
        for notice in notices:
            wait = (notice.at - self._clock()).total_seconds()
            if wait > 0:
                await self._sleep(wait)
            if not await self._try(notice):
                self._begin(self._repeat(notice))

    async def _repeat(self, notice: Notice) -> None:
        for _ in range(self._behaviour.webhook_tries - 1):
            await self._sleep(self._behaviour.webhook_pause_seconds)
            if await self._try(notice):
                return

    async def _try(self, notice: Notice) -> bool:
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=PATIENCE, trust_env=False) as http:
                return notice.heard(await http.post(notice.url, json=dict(notice.body)))
        except httpx.HTTPError:
            return False
