"""The clock of the running event loop, which a test may set forward: a time-out is then over, and nobody has waited."""

import asyncio


def pass_loop_time(seconds: float) -> None:
    """Let so many seconds pass for whatever waits in this loop with a time-out; the loop ends with its test."""
    loop = asyncio.get_running_loop()
    ticks = loop.time
    loop.time = lambda: ticks() + seconds  # type: ignore[method-assign]
