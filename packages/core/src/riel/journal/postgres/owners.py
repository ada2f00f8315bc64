"""Which processes are alive: each has a row that it renews, by the clock of the database and no other.

One that is stopped for longer than its lease is dead to the others. What it does when it goes on is bounded by the
fence: it may still tell good news, and conclude nothing.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from riel.errors import Misconfigured
from riel.journal.postgres.sessions import FAILURES, Session, wait_at_most

log = logging.getLogger(__name__)

UPSERT_OWNER = (
    "INSERT INTO owners (id, lease_until) VALUES ($1, clock_timestamp() + $2) "
    "ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until RETURNING clock_timestamp() AS now"
)
DELETE_EXPIRED_OWNERS = "DELETE FROM owners WHERE lease_until < clock_timestamp() - interval '1 day'"
SELECT_LIVING_OWNER = "SELECT 1 FROM owners WHERE id = $1 AND lease_until > clock_timestamp()"
COUNT_OTHERS = "SELECT count(*) AS others FROM owners WHERE id <> $1 AND lease_until > clock_timestamp()"
DELETE_OWNER = "DELETE FROM owners WHERE id = $1"

CLOCK_WARNING = timedelta(seconds=5)
"""How far this machine's clock may be from the database's before it is said aloud: every duration is measured by it."""
CLOCK_LIMIT = timedelta(seconds=10)


class LeasedOwners:
    """This process among those that share one journal.

    :param connect: a connection of its own, so that nobody else's work delays the renewal.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], lease: timedelta, now: Callable[[], datetime]) -> None:
        self._connect = connect
        self._lease = lease
        self._now = now
        self._connection: Any = None
        self._beating: asyncio.Task[None] | None = None
        self.me = uuid.uuid4().hex
        self.clock_difference = timedelta(0)

    async def register(self) -> None:
        """Be alive from here on.

        :raises Misconfigured: the clock of this machine is wrong, or that of the database is.
        """
        apart = await self._renew()
        if apart > CLOCK_LIMIT:
            raise Misconfigured(
                f"RIEL_JOURNAL: the clock of this machine is {apart.total_seconds():.0f} s away from the clock of the "
                "database: have both set by NTP."
            )
        await self._connection.execute(DELETE_EXPIRED_OWNERS)
        self._beating = asyncio.create_task(self._renew_forever())

    async def has_others(self) -> bool:
        """Whether another process is alive."""
        row = await wait_at_most(self._lease, self._connection.fetchrow(COUNT_OTHERS, self.me))
        return bool(row["others"])

    def stop_renewing(self) -> None:
        """Renew no more: our time runs out."""
        if self._beating is not None:
            self._beating.cancel()

    async def unregister(self) -> None:
        """Give up everything that was owned."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        if self._connection is not None:
            with suppress(*FAILURES):
                await wait_at_most(self._lease, self._connection.execute(DELETE_OWNER, self.me))
            self._drop_connection()

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                apart = await self._renew()
            except FAILURES as failure:
                log.warning("the database of the journal does not answer (%s)", type(failure).__name__)
                self._drop_connection()
            else:
                if apart > CLOCK_WARNING:
                    log.error("the clock of this machine is %.0f s away from the database's", apart.total_seconds())

    async def _renew(self) -> timedelta:
        """Live for another lease; how far the two clocks are apart, at least."""
        if self._connection is None:
            self._connection = await self._connect()
        before = self._now()
        row = await wait_at_most(self._lease, self._connection.fetchrow(UPSERT_OWNER, self.me, self._lease))
        after = self._now()
        there: datetime = row["now"]
        self.clock_difference = max(before - there, there - after, timedelta(0))
        return self.clock_difference

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def is_alive(session: Session, owner: str) -> bool:
    """Whether the lease of this process is not over."""
    return bool(await session.rows(SELECT_LIVING_OWNER, owner))
