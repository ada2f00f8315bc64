"""The pretend Fintoc's webhooks: signed with the secret of each endpoint, and sent in the background."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime

import httpx

from rail_fintoc.sandbox.ledger.organisation import ModeStore, Organisation, WebhookEvent
from rail_fintoc.sandbox.webhooks.endpoint import WebhookEndpoint
from riel.sandbox.kit import Sleep, WebhookDelivery, WebhookSender, is_loopback


def signature(secret: str, body: bytes, at: datetime) -> str:
    """``Fintoc-Signature`` of a body that is sent at that time."""
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


class EventSender:
    """Sends the events of one organisation to its endpoints, those of one moment in their order."""

    def __init__(
        self, organisation: Organisation, sleep: Sleep, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._organisation = organisation
        self._sleep = sleep
        self._wake_times: set[datetime] = set()
        self._sender = WebhookSender(
            clock=organisation.clock,
            sleep=sleep,
            attempts=organisation.behaviour.webhook_attempts,
            pause=organisation.behaviour.webhook_pause_seconds,
            growth=2.0,
            transport=transport,
        )

    def send_pending(self) -> None:
        """Send the queued events, and wake up for the next scheduled action where an endpoint could get its events."""
        stores = self._organisation.stores.values()
        for store in stores:
            if store.unsent_events:
                self._sender.start(self._deliveries(store))
        reachable = any(is_loopback(endpoint.url) for store in stores for endpoint in store.table(WebhookEndpoint))
        next_at = self._organisation.next_action_at()
        if reachable and next_at is not None and next_at not in self._wake_times:
            self._wake_times.add(next_at)
            self._sender.start_task(self._wake(next_at))

    async def send_and_wait(self) -> None:
        """Send the queued events, and wait until each was accepted or its first attempt has failed."""
        for store in self._organisation.stores.values():
            await self._sender.send(self._deliveries(store))

    async def _wake(self, at: datetime) -> None:
        """Run what is scheduled at that time, and send its events. An earlier action has a wake-up of its own."""
        wait = (at - self._organisation.clock()).total_seconds()
        if wait > 0:
            await self._sleep(wait)
        self._wake_times.discard(at)
        self._organisation.run_due()
        await self.send_and_wait()
        self.send_pending()

    def _deliveries(self, store: ModeStore) -> list[WebhookDelivery]:
        events, store.unsent_events = store.unsent_events, []
        return [
            self._delivery(endpoint, event)
            for event in events
            for endpoint in store.table(WebhookEndpoint)
            if endpoint.receives(event)
        ]

    def _delivery(self, endpoint: WebhookEndpoint, event: WebhookEvent) -> WebhookDelivery:
        body = json.dumps(event.to_json()).encode()

        def request() -> tuple[bytes, Mapping[str, str]]:
            """Each attempt has a signature of its own time."""
            header = signature(endpoint.secret, body, self._organisation.clock())
            return body, {"Content-Type": "application/json", "Fintoc-Signature": header}

        return WebhookDelivery(url=endpoint.url, request=request)
