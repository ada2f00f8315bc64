"""How fast requests leave: ten transfers in any second, and more slowly after each 429.

Fintoc allows an organisation ten transfers a second, and names no header that says when to come back: it advises waits
of 1, 2, 4, 8 and 16 seconds, each with up to a second more by chance. The pace is kept by one process; where several
share an organisation, the 429 of one of them is what the others hear of it.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from riel import NotSent

TRANSFERS: Final = 10
SECOND: Final = 1.0
FIRST_WAIT: Final = 1.0
MOST_WAITS: Final = 5
"""After this many 429s in a row the wait no longer doubles: 16 seconds."""

MAX_WAIT: Final = 5.0
"""Seconds that a transfer waits for its turn at most: the send's own deadline runs meanwhile."""


@dataclass(slots=True, eq=False)
class RateLimiter:
    """The turns of one client.

    :param now: seconds of a clock that never goes back.
    :param below: a random whole number below another one.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random_below: Callable[[int], int] = secrets.randbelow
    _transfer_times: deque[float] = field(default_factory=lambda: deque(maxlen=TRANSFERS), init=False)
    _limited_in_a_row: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)

    async def wait_for_transfer(self, max_wait: float = MAX_WAIT) -> None:
        """Wait until one more transfer may leave. Turns are given in the order in which they were asked for.

        :raises NotSent: that would take longer than ``patience`` seconds.
        """
        now = self.now()
        turn = max(now, self._until)
        if len(self._transfer_times) == TRANSFERS:
            turn = max(turn, self._transfer_times[0] + SECOND)
        if turn - now > max_wait:
            raise NotSent("Fintoc takes no more transfers at the moment")
        self._transfer_times.append(turn)
        await self._wait(turn)

    async def wait_for_request(self) -> None:
        """Wait until a request that moves nothing may leave: at once, unless Fintoc has asked for slowness."""
        await self._wait(self._until)

    def on_status(self, status: int) -> None:
        """Learn from the status of an answer: a 429 makes everybody wait, anything else ends that."""
        if status != 429:
            self._limited_in_a_row = 0
            return
        chance = self.random_below(1000) / 1000
        self._until = max(self._until, self.now() + FIRST_WAIT * (1 << self._limited_in_a_row) + chance)
        self._limited_in_a_row = min(self._limited_in_a_row + 1, MOST_WAITS - 1)

    async def _wait(self, until: float) -> None:
        if (seconds := until - self.now()) > 0:
            await self.sleep(seconds)
