"""A clock that a test sets."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)


@dataclass
class Clock:
    """The time of a test (UTC). It stands still until :meth:`advance` or :meth:`sleep` moves it.

    ``slept`` holds the seconds of each :meth:`sleep`, which a pretend bank is given instead of ``asyncio.sleep``.
    """

    now: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        """The time now."""
        return self.now

    def advance(self, **duration: float) -> None:
        """Let time pass: the arguments are those of :class:`datetime.timedelta`."""
        self.now += timedelta(**duration)

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self.slept.append(seconds)
        self.advance(seconds=seconds)
