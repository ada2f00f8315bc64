"""The codes of each principal that are being compared at this moment.

The journal counts an attempt before its code is compared, and an attempt without a result counts as wrong, so that a
burst of guesses cannot pass the hourly limit. Honest calls in parallel would then refuse each other. Here an attempt
that finds no slot waits until another one succeeds, which frees a slot. It is refused once no other one can.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class PrincipalAttempts:
    """The attempts of one principal that are under way. ``successes`` counts those that freed their slot."""

    def __init__(self) -> None:
        self.successes = 0
        self._active = 0
        self._waiting: deque[asyncio.Future[bool]] = deque()

    def enter(self) -> None:
        """Begin an attempt."""
        self._active += 1

    def succeeded(self) -> None:
        """Free the slot of an attempt whose code was right: one that waits may be counted in its place."""
        self.successes += 1
        self._wake(free=True)

    async def wait_for_slot(self, since: int) -> bool:
        """Wait until ``successes`` is no longer ``since``; return ``False`` once none is left that can succeed."""
        if self.successes != since:
            return True
        slot: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(slot)
        self.leave()
        try:
            return await slot
        finally:
            if slot.cancelled():  # nobody entered it again, and its end will leave
                self.enter()

    def leave(self) -> bool:
        """End an attempt, or let it wait. Return whether it was the last: then there is nothing left to wait for."""
        self._active -= 1
        if self._active == 0:
            self._wake(free=False)
        return self._active == 0

    def _wake(self, *, free: bool) -> None:
        """Wake one attempt if a slot is free, and all of them if there will be none."""
        while self._waiting:
            slot = self._waiting.popleft()
            if not slot.done():
                self.enter()
                slot.set_result(free)
                if free:
                    return


class AttemptLimiter:
    """The attempts under way, by principal."""

    def __init__(self) -> None:
        self._principals: dict[str, PrincipalAttempts] = {}

    @contextmanager
    def attempt(self, principal: str) -> Iterator[PrincipalAttempts]:
        """Count one attempt of ``principal`` as under way."""
        attempts = self._principals.setdefault(principal, PrincipalAttempts())
        attempts.enter()
        try:
            yield attempts
        finally:
            if attempts.leave():
                del self._principals[principal]
