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

PATIENCE: Final = 5.0
"""Seconds that a transfer waits for its turn at most: the send's own deadline runs meanwhile."""


@dataclass(slots=True, eq=False)
class Pace:
    """The turns of one client.

    :param now: seconds of a clock that never goes back.
    :param below: a random whole number below another one.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    below: Callable[[int], int] = secrets.randbelow
    _left: deque[float] = field(default_factory=lambda: deque(maxlen=TRANSFERS), init=False)
    _refusals: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)

    async def transfer(self, patience: float = PATIENCE) -> None:
        """Wait until one more transfer may leave. Turns are given in the order in which they were asked for.

        :raises NotSent: that would take longer than ``patience`` seconds.
        """
        now = self.now()
        turn = max(now, self._until)
        if len(self._left) == TRANSFERS:
            turn = max(turn, self._left[0] + SECOND)
        if turn - now > patience:
            raise NotSent("Fintoc takes no more transfers at the moment")
        self._left.append(turn)
        await self._wait(turn)

    async def question(self) -> None:
        """Wait until a request that moves nothing may leave: at once, unless Fintoc has asked for slowness."""
        await self._wait(self._until)

    def heard(self, status: int) -> None:
        """Learn from the status of an answer: a 429 makes everybody wait, anything else ends that."""
        if status != 429:
            self._refusals = 0
            return
        chance = self.below(1000) / 1000
        self._until = max(self._until, self.now() + FIRST_WAIT * (1 << self._refusals) + chance)
        self._refusals = min(self._refusals + 1, MOST_WAITS - 1)

    async def _wait(self, until: float) -> None:
        if (seconds := until - self.now()) > 0:
            await self.sleep(seconds)
