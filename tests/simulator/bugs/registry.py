"""How a bug gets into the list."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

Bug = Callable[[], AbstractContextManager[None]]
BUGS: dict[str, Bug] = {}
PROFILES: dict[str, str] = {}
"""Which profile of a simulation shows a bug soonest, where any profile but that one takes many seeds."""

ATTACKED: set[str] = set()
"""The bugs that show only where somebody edits rows of the journal."""

RAILS: dict[str, str] = {}
"""Which rail a bug is one of, where it is not the simulated one."""


def bug(make: Callable[[], Iterator[None]]) -> Bug:
    """Give it a name and a place in the list.

    :raises ValueError: another bug has that name, and would never be tried.
    """
    if make.__name__ in BUGS:
        raise ValueError(f"two bugs are called {make.__name__}")
    BUGS[make.__name__] = seeded = contextmanager(make)
    return seeded


def seen_in(profile: str) -> Callable[[Bug], Bug]:
    """Say in which profile it shows."""

    def remember(made: Bug) -> Bug:
        PROFILES[made.__name__] = profile
        return made

    return remember


def on_rail(name: str) -> Callable[[Bug], Bug]:
    """Say of which rail it is."""

    def remember(made: Bug) -> Bug:
        RAILS[made.__name__] = name
        return made

    return remember


def while_attacked(made: Bug) -> Bug:
    """Say that it shows where somebody without the key edits rows."""
    ATTACKED.add(made.__name__)
    return made


def ended(task: asyncio.Future[Any]) -> None:
    """How it ended is nobody's matter."""
    if not task.cancelled():
        task.exception()
