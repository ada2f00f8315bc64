"""How many codes of one principal are being compared at a time.

A try that is counted and not yet resolved counts as wrong, so that a burst of guesses cannot slip past the hourly
bound. Honest calls in parallel would then refuse each other; here one that finds no room waits for another to turn out
right, which makes room, and is refused once no other can.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class PrincipalAttempts:
    """The tries of one principal that are under way. ``rights`` counts those that made room."""

    def __init__(self) -> None:
        self.successes = 0
        self._at_work = 0
        self._waiting: deque[asyncio.Future[bool]] = deque()

    def enter(self) -> None:
        """One try begins."""
        self._at_work += 1

    def succeeded(self) -> None:
        """One was right: it counts no more, so one that waits may be counted in its place."""
        self.successes += 1
        self._wake(room=True)

    async def wait_for_slot(self, since: int) -> bool:
        """Wait for a try to be right after ``rights`` was ``since``; ``False`` once none is left that could be."""
        if self.successes != since:
            return True
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self.leave()
        try:
            return await place
        finally:
            if place.cancelled():  # nobody counted it in again, and its end will count it out
                self.enter()

    def leave(self) -> bool:
        """One try ends, or waits. Whether that was the last: then there is nothing left to wait for."""
        self._at_work -= 1
        if self._at_work == 0:
            self._wake(room=False)
        return self._at_work == 0

    def _wake(self, *, room: bool) -> None:
        """Let one go on where there is room, and all where there will be none."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                self.enter()
                place.set_result(room)
                if room:
                    return


class AttemptLimiter:
    """The tries under way, by principal."""

    def __init__(self) -> None:
        self._turns: dict[str, PrincipalAttempts] = {}

    @contextmanager
    def attempt(self, principal: str) -> Iterator[PrincipalAttempts]:
        """Count one try of ``principal`` as being under way."""
        turn = self._turns.setdefault(principal, PrincipalAttempts())
        turn.enter()
        try:
            yield turn
        finally:
            if turn.leave():
                del self._turns[principal]
