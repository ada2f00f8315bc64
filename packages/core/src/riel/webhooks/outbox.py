"""What leaves besides a payment: delivered at least once, in no promised order, and never in the way of a payment.

A message is written in the transaction that makes it true, or through :func:`riel.journal.Journal.post`; its topic is a
:class:`riel.journal.Topic`. Any number of processes deliver from one journal, each message under a lease: one that dies
with it loses nothing, and its receiver sees a repeat, which it knows by the id.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from riel.clock import utc_now
from riel.errors import JournalUnavailable, Misconfigured
from riel.journal import Journal, Message
from riel.webhooks.outbound import Receiver, deliver, open_client

__all__ = ["DeliveryTiming", "Outbox", "Receiver"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTiming:
    """Every duration and count of the delivery.

    ``answer_within``: no answer by then is a failure. ``first`` and ``longest``: the wait after the first failure of a
    message, which doubles with each other, and its bound; up to half of it is left to chance. ``lease``: how long a
    message is left to who took it. ``at_once``: how many are on their way at a time.
    """

    answer_within: timedelta = timedelta(seconds=10)
    first: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(hours=1)
    lease: timedelta = timedelta(seconds=30)
    poll_interval: timedelta = timedelta(seconds=1)
    concurrency: int = 16

    def wait(self, attempts: int, below: Callable[[int], int]) -> timedelta:
        """How long to wait after so many attempts. ``below(n)`` is a random number from 0 to n - 1."""
        whole = min(self.longest, self.first * 2 ** min(attempts - 1, 30)) // timedelta(milliseconds=1)
        return timedelta(milliseconds=whole - below(whole // 2 + 1))


class Outbox:
    """Delivers what waits, from :meth:`start` until :meth:`close`."""

    def __init__(
        self,
        journal: Journal,
        receiver: Receiver,
        *,
        timing: DeliveryTiming | None = None,
        now: Callable[[], datetime] = utc_now,
        below: Callable[[int], int] = secrets.randbelow,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._journal = journal
        self._receiver = receiver
        self._timing = timing or DeliveryTiming()
        self._now = now
        self._below = below
        self._transport = transport
        self._task: asyncio.Task[None] | None = None
        self._down = False

    def start(self) -> None:
        """Begin to deliver, first of all what was left by others.

        :raises Misconfigured: nothing can be sent from here, whatever the receiver does.
        """
        try:
            http = open_client(self._receiver, self._transport)
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as failure:
            why = f"nothing can be sent from here ({type(failure).__name__}): look at SSL_CERT_FILE and the proxies"
            raise Misconfigured(f"RIEL_NOTIFICATIONS_URL: {why}.") from failure
        self._task = asyncio.create_task(self._run(http), name="riel-outbox")

    async def close(self) -> None:
        """Stop. What is on its way comes again from whoever delivers next, once its lease is over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, http: httpx.AsyncClient) -> None:
        async with http:
            while True:
                more = False
                try:
                    more = await self.run_once(http)
                except JournalUnavailable:
                    log.warning("the journal cannot be used now; notifications wait")
                except Exception as failure:
                    log.error("a round of notifications failed (%s); they wait", type(failure).__name__)  # noqa: TRY400
                if not more:
                    await asyncio.sleep(self._timing.poll_interval.total_seconds())

    async def run_once(self, http: httpx.AsyncClient) -> bool:
        """Deliver what is due, and say whether more may be.

        A receiver that answered none of the last round is asked with one message until it does, so that the others do
        not use up their patience.
        """
        most = 1 if self._down else self._timing.concurrency
        messages = await self._journal.lease_messages(self._now(), lease=self._timing.lease, most=most)
        if not messages:
            return False
        deliveries = (self._deliver(http, message) for message in messages)
        ended = await asyncio.gather(*deliveries, return_exceptions=True)  # each to its end, whatever befell another
        for failed in [one for one in ended if isinstance(one, BaseException)]:
            raise failed
        failures = [failure for failure in ended if failure is not None]
        self._log_failures(len(messages), failures)
        return not self._down and len(messages) == most

    def _log_failures(self, tried: int, failures: Sequence[object]) -> None:
        """Log a failure once, since a receiver may be down for a day."""
        was_down, self._down = self._down, len(failures) == tried
        if failures and not was_down:
            log.warning(
                "%d of %d notifications were not delivered (%s): they are sent again", len(failures), tried, failures[0]
            )
        elif was_down and not self._down:
            log.warning("notifications are delivered again")

    async def _deliver(self, http: httpx.AsyncClient, message: Message) -> str | None:
        """Why it could not be delivered; ``None`` where it was."""
        failure = await deliver(http, self._receiver, message, self._now(), within=self._timing.answer_within)
        now = self._now()
        if failure is None:
            await self._journal.message_sent(message.id, now)
            return None
        later = now + self._timing.wait(message.attempts, self._below)
        await self._journal.message_failed(message.id, failure, now, later)
        return failure
