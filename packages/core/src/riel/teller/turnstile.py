"""How many codes of one principal are being compared at a time.

A try that is counted and not yet resolved counts as wrong, so that a burst of guesses cannot slip past the hourly
bound. Honest calls in parallel would then refuse each other; here they wait for each other instead.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from riel.crash import step


class Turn:
    """One try among those of its principal."""

    def __init__(self) -> None:
        self.inside = 0
        self._left = asyncio.Condition()

    async def another_left(self) -> bool:
        """Wait until another try of the same principal is resolved; ``False`` at once where there is none."""
        if self.inside <= 1:
            return False
        async with self._left:
            now = self.inside
            await step("turn", self._left.wait_for(lambda: self.inside < now or self.inside <= 1))
        return True

    async def left(self) -> None:
        """This one is resolved."""
        self.inside -= 1
        async with self._left:
            self._left.notify_all()


class Turnstile:
    """The tries under way, by principal."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}

    @asynccontextmanager
    async def entered(self, principal: str) -> AsyncIterator[Turn]:
        """Count one try of ``principal`` as being under way."""
        turn = self._turns.setdefault(principal, Turn())
        turn.inside += 1
        try:
            yield turn
        finally:
            await turn.left()
            if turn.inside == 0 and self._turns.get(principal) is turn:
                del self._turns[principal]
