"""The webhooks of the pretend STP: the announced changes of an order, their times, and the expected response."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.ledger import NEVER_PAID, RETURNED, SETTLED, LedgerOrder, StateChange
from rail_spei.sandbox.serializers import deposit_webhook, state_webhook
from riel.sandbox.kit import Clock, Sleep, WebhookDelivery, WebhookSender, json_request

ANNOUNCED = SETTLED | RETURNED | NEVER_PAID


class StpWebhooks:
    """The webhooks about one bank's orders. Those of one order are sent in sequence."""

    def __init__(
        self, behaviour: StpBehaviour, clock: Clock, sleep: Sleep, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._behaviour = behaviour
        self._clock = clock
        self._sender = WebhookSender(
            clock=clock,
            sleep=sleep,
            attempts=behaviour.webhook_tries,
            pause=behaviour.webhook_pause_seconds,
            transport=transport,
        )

    def follow(self, order: LedgerOrder) -> None:
        """Announce every change of an order, each at its time."""
        if deliveries := self._deliveries(order):
            self._sender.start(deliveries)

    async def send_due(self, order: LedgerOrder) -> None:
        """Announce the changes up to now, and wait until they are accepted or the first attempt has failed."""
        now = self._clock()
        await self._sender.send(
            [one for one in self._deliveries(order) if one.not_before is None or one.not_before <= now]
        )

    def announce(self, order: LedgerOrder, change: StateChange) -> None:
        """Announce one change of state now."""
        if self._behaviour.webhook_url and change.state in ANNOUNCED:
            self._sender.start([self._state_change(order, change)])

    async def close(self) -> None:
        """Stop. Messages that were not accepted are dropped."""
        await self._sender.close()

    def _deliveries(self, order: LedgerOrder) -> list[WebhookDelivery]:
        if order.direction == "R":
            return [self._deposit(order)] if self._behaviour.deposit_url else []
        if not self._behaviour.webhook_url:
            return []
        changes = [change for change in order.changes if change.state in ANNOUNCED]
        match order.scenario.webhooks:
            case "twice":
                changes = [change for change in changes for _ in range(2)]
            case "backwards":
                last = changes[-1].at
                return [self._state_change(order, change, last) for change in reversed(changes)]
        return [self._state_change(order, change) for change in changes]

    def _state_change(self, order: LedgerOrder, change: StateChange, at: datetime | None = None) -> WebhookDelivery:
        return WebhookDelivery(
            url=self._behaviour.webhook_url,
            request=json_request(state_webhook(order, change, self._behaviour.webhook_words)),
            not_before=at or change.at,
            accepted=lambda response: response.status_code == 200,
        )

    def _deposit(self, order: LedgerOrder) -> WebhookDelivery:
        """The webhook of a received payment, whose receiver confirms it or returns it with a cause."""

        def accepted(response: httpx.Response) -> bool:
            try:
                answer: Mapping[str, Any] = response.json()
            except ValueError:
                return False
            if response.status_code == 400 and answer.get("mensaje") == "devolver":
                order.changes.append(StateChange(self._clock(), "CCR", int(answer["id"])))
                return True
            return response.status_code == 200 and answer.get("mensaje") == "confirmar"

        return WebhookDelivery(
            url=self._behaviour.deposit_url,
            request=json_request(deposit_webhook(order)),
            not_before=order.at,
            accepted=accepted,
        )
