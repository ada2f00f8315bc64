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
from rail_fintoc.sandbox.ledger.organisation import ModeStore, Organisation, WebhookEvent
from rail_fintoc.sandbox.webhooks.endpoint import WebhookEndpoint

TIMEOUT = 10.0
LONGEST_PAUSE = 86_400.0


def signature(secret: str, body: bytes, at: datetime) -> str:
    """``Fintoc-Signature`` of a body that is sent at that time."""
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


class EventSender:
    """Carries the events of one organisation, those of one moment in their order; a repeated one comes when it can."""

    def __init__(
        self, organisation: Organisation, sleep: Sleep, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._organisation = organisation
        self._sleep = sleep
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake_times: set[datetime] = set()

    def send_pending(self) -> None:
        """Tell what has happened, and wake up for what will, where anybody is to be told."""
        for store in self._organisation.stores.values():
            if store.unsent_events:
                self._start_task(self._send(self._deliveries(store)))
        anybody = any(
            is_here(endpoint.url) for store in self._organisation.stores.values() for endpoint in _endpoints(store)
        )
        soonest = self._organisation.next_action_at()
        if anybody and soonest is not None and soonest not in self._wake_times:
            self._wake_times.add(soonest)
            self._start_task(self._wake(soonest))

    async def send_and_wait(self) -> None:
        """Tell what has happened, and wait until it was heard or the first try has failed."""
        for store in self._organisation.stores.values():
            await self._send(self._deliveries(store))

    async def _wake(self, at: datetime) -> None:
        """Let happen what is due then; something that is due before it has a waking of its own."""
        wait = (at - self._organisation.clock()).total_seconds()
        if wait > 0:
            await self._sleep(wait)
        self._wake_times.discard(at)
        self._organisation.run_due()
        for store in self._organisation.stores.values():
            await self._send(self._deliveries(store))
        self.send_pending()

    def _deliveries(self, store: ModeStore) -> list[tuple[WebhookEndpoint, WebhookEvent]]:
        events, store.unsent_events = store.unsent_events, []
        return [(endpoint, event) for event in events for endpoint in _endpoints(store) if endpoint.receives(event)]

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, deliveries: list[tuple[WebhookEndpoint, WebhookEvent]]) -> None:
        for endpoint, event in deliveries:
            if not await self._attempt(endpoint, event):
                self._start_task(self._retry(endpoint, event))

    async def _retry(self, endpoint: WebhookEndpoint, event: WebhookEvent) -> None:
        pause = self._organisation.behaviour.webhook_pause_seconds
        for _ in range(self._organisation.behaviour.webhook_attempts - 1):
            await self._sleep(pause)
            if await self._attempt(endpoint, event):
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _attempt(self, endpoint: WebhookEndpoint, event: WebhookEvent) -> bool:
        """Send it once; each try has a signature of its own time."""
        body = json.dumps(event.to_json()).encode()
        signed = signature(endpoint.secret, body, self._organisation.clock())
        headers = {"Content-Type": "application/json", "Fintoc-Signature": signed}
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=TIMEOUT, trust_env=False) as http:
                return (await http.post(endpoint.url, content=body, headers=headers)).is_success
        except httpx.HTTPError:
            return False


def _endpoints(store: ModeStore) -> list[WebhookEndpoint]:
    return list(store.table(WebhookEndpoint))
