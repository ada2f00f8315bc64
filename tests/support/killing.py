"""Every crash point of a story, and the same story killed at each of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from pathlib import Path

from tests.support.agent import Agent, Point
from tests.support.bank import open_bank
from tests.support.processes import Nursery
from tests.support.proof import proven
from tests.support.server import Home

AT_ONCE = 8

Story = Callable[[Agent], Awaitable[object]]


def points(trace: Path) -> list[Point]:
    """The crash points that a traced process passed, in order."""
    if not trace.exists():
        return []
    named = (line.rsplit(" ", 1) for line in trace.read_text().splitlines())
    return [(name, int(number)) for name, number in named]


class Stage:
    """Where stories are played: each with a bank, a journal and servers of its own."""

    def __init__(self, nursery: Nursery, folder: Path, module: str | None = None) -> None:
        self._nursery = nursery
        self._folder = folder
        self._module = module
        self._places = asyncio.Semaphore(AT_ONCE)
        self._numbers = count()

    async def play(
        self, story: Story, deaths: Sequence[Point] = (), fault: dict[str, object] | None = None, **bank: str
    ) -> list[list[Point]]:
        """The points that each server passed. Everything that must hold is checked.

        :raises AssertionError: something does not.
        """
        async with self._places:
            folder = self._folder / f"{next(self._numbers)}"
            (home := Home(folder / "home")).folder.mkdir(parents=True)
            with open_bank(self._nursery, folder / "bank", **bank) as here:
                agent = Agent(self._nursery, home, here, deaths, module=self._module)
                if fault:
                    here.fault(**fault)
                try:
                    await story(agent)
                    await agent.leave()
                    assert agent.killed == len(deaths), f"only {agent.killed} of {len(deaths)} kills happened"
                    await proven(home, here, agent.told)
                finally:
                    await agent.close()
                return [points(agent.trace(number)) for number in range(agent.killed + 1)]

    async def play_each(self, story: Story, deaths: Iterable[Sequence[Point]], **how: object) -> dict[str, str]:
        """What did not hold, by where it was killed."""

        async def one(where: Sequence[Point]) -> tuple[str, str] | None:
            try:
                await self.play(story, where, **how)
            except (AssertionError, TimeoutError) as failure:
                return " then ".join(f"{name} {number}" for name, number in where), f"{failure!r:.600}"
            return None

        return dict(filter(None, await asyncio.gather(*map(one, deaths))))
