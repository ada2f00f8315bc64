"""Named points at which a test may end the process: no-ops in production.

Every ``await`` of the engine stands in :func:`step`, and every commit of a store between two :func:`crash_point`
calls, so that a test can enumerate the points and kill exactly there.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_hook: Callable[[str], None] | None = None


def crash_point(name: str) -> None:
    """Nothing, unless a test has asked to be told."""
    if _hook is not None:
        _hook(name)


def at_crash_points(hook: Callable[[str], None] | None) -> None:
    """Tell ``hook`` each point's name as it is passed; ``None`` stops it. For tests."""
    global _hook
    _hook = hook


async def step(name: str, work: Awaitable[T]) -> T:
    """Await ``work`` between the crash points ``name:before`` and ``name:after``."""
    crash_point(f"{name}:before")
    result = await work
    crash_point(f"{name}:after")
    return result
