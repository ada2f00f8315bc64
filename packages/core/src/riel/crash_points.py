"""Named points at which a test may end the process. They do nothing in production.

The stores pass one before and one after each commit. Everything else that waits (the journal, a rail's client, the
factor) passes them only in tests, where ``riel.testing.crash_points`` stands in front of it.
"""

from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def crash_point(name: str) -> None:
    """Call the hook with ``name``, if a test has set one."""
    if _hook is not None:
        _hook(name)


def at_crash_points(hook: Callable[[str], None] | None) -> None:
    """Call ``hook`` with the name of each point that is passed; ``None`` ends it. For tests."""
    global _hook
    _hook = hook
