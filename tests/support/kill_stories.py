"""Every crash point of a story, and the same story with a server killed at each of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from .bank_process import BankProcess, open_bank
from .invariants import check_invariants
from .processes import ForkServer
from .retrying_agent import Point, RetryingAgent
from .server import Installation
from .tested_rails import MOCK, TestedRail

AT_ONCE = 4

OF_AN_AGENT = (
    "by_reference@find",
    "challenge@find",
    "claim_one",
    "confirm@",
    "payment@answer",
    "payment@find",
    "status@",
)
"""What is passed only if the agent asks before the work on its payment is over."""

BY_THE_CLOCK = ("anchor@", "claim@", *OF_AN_AGENT)
"""Points and commits that rounds and repeated calls pass when they are due: with rounds, no kill is there."""

Story = Callable[[RetryingAgent], Awaitable[object]]


class StoryRunner:
    """Where stories are played, each with a journal and servers of its own; a bank has one customer at a time.

    ``module`` is installed in each server. Unless a story needs ``rounds``, the first server makes one round and no
    other (``victim``): what the story passes is then the same in every run, and each kill comes to pass.
    """

    def __init__(
        self,
        fork_server: ForkServer,
        folder: Path,
        *,
        module: str | None = None,
        victim: str | None = "one_round",
        rail: TestedRail = MOCK,
    ) -> None:
        self._rail = rail
        self._victim = victim
        self._fork_server = fork_server
        self._folder = folder
        self._module = module
        self._numbers = count()
        self._banks: dict[tuple[tuple[str, str], ...], list[BankProcess]] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """Close the banks."""
        self._open.close()

    async def play(
        self, story: Story, deaths: Sequence[Point] = (), *, rounds: bool = True, victims: int = 1, **how: Any
    ) -> list[list[Point]]:
        """The points that each server passed, the n-th of which is killed at the n-th of ``deaths``.

        :param victims: how many servers make one round only, where the story needs no ``rounds``.
        :param how: ``fault``, which the bank is told to have first; and the bank's settings.
        :raises AssertionError: something that must hold does not, or the story is never killed there.
        """
        agent = await self._played(story, deaths, 0 if rounds else max(victims, len(deaths)), **how)
        assert agent.killed == len(deaths), f"never reached: {named(deaths)}"
        return [points(agent.trace(number)) for number in range(agent.killed + 1)]

    async def places(
        self, story: Story, first: str = "", *, every: bool = False, rounds: bool = False, **how: Any
    ) -> list[list[Point]]:
        """Where to kill the server of a story, at one place after the other.

        :param first: from where on, until the last outcome is written; everywhere where it is empty.
        :param every: each pass of a point and not only the first.
        """
        (passed,) = await self.play(story, rounds=rounds, **how)
        wanted = until_written(passed, first) if first else passed
        if not every:
            wanted = firsts(wanted)
        return [[point] for point in wanted if not (rounds and step(point[0]).startswith(BY_THE_CLOCK))]

    async def _played(
        self, story: Story, deaths: Sequence[Point], victims: int, fault: dict[str, Any] | None = None, **bank: str
    ) -> RetryingAgent:
        home = Installation(self._folder / f"home-{next(self._numbers)}")
        home.folder.mkdir(parents=True)
        with self._bank(bank) as here:
            if fault:
                here.fault(**fault)
            agent = RetryingAgent(
                self._fork_server,
                home,
                here,
                deaths,
                module=self._module,
                victim=self._victim if victims else None,
                victims=victims,
            )
            try:
                await story(agent)
                await agent.leave()
                await check_invariants(home, here, agent.told)
            finally:
                await agent.close()
            return agent

    async def play_each(
        self, story: Story, places: Iterable[Sequence[Point]], *, rounds: bool = False, **how: Any
    ) -> dict[str, str]:
        """What did not hold, by where it was killed."""
        free = asyncio.Semaphore(AT_ONCE)

        async def one(deaths: Sequence[Point]) -> str | None:
            async with free:
                try:
                    await self.play(story, deaths, rounds=rounds, **how)
                except Exception as failure:
                    return f"{failure!r:.500}"
                return None

        wheres = list(places)
        whats = await asyncio.gather(*map(one, wheres))
        return {named(where): what for where, what in zip(wheres, whats, strict=True) if what is not None}

    @contextmanager
    def _bank(self, settings: dict[str, str]) -> Iterator[BankProcess]:
        free = self._banks.setdefault(tuple(sorted(settings.items())), [])
        if not free:
            folder = self._folder / f"bank-{next(self._numbers)}"
            free.append(self._open.enter_context(open_bank(self._fork_server, folder, self._rail, **settings)))
        bank = free.pop()
        try:
            yield bank
        finally:
            bank.next_customer()
            free.append(bank)


def points(trace: Path) -> list[Point]:
    """The crash points that a process passed, in order."""
    passed = (line.rsplit(" ", 1) for line in trace.read_text().splitlines())
    return [(name, int(number)) for name, number in passed]


def until_written(passed: Sequence[Point], first: str) -> list[Point]:
    """From the first pass of ``first`` until an outcome was written for the last time."""
    names = [name for name, _ in passed]
    written = max(place for place, name in enumerate(names) if name.startswith("record") and name.endswith(":after"))
    return list(passed[names.index(first) : written + 1])


def firsts(passed: Sequence[Point]) -> list[Point]:
    """The first pass of each point."""
    return list({name: (name, number) for name, number in reversed(passed)}.values())[::-1]


def step(name: str) -> str:
    """The step that a point or a commit belongs to."""
    return name.removeprefix("commit:before@").removeprefix("commit:after@")


def named(deaths: Sequence[Point]) -> str:
    """For people."""
    return ", then ".join(f"{name} #{number}" for name, number in deaths)
