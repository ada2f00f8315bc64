"""An event loop in which no time passes but by decree, and every order that reality allows can happen.

What is ready waits in one queue for each process. Which process goes next is drawn; within one, callbacks keep their
order, as asyncio promises them to. So nothing happens here that could not happen outside.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any


class ProcessKilled(asyncio.CancelledError):
    """The process it was raised in is dead: nothing of it may happen any more."""


class SimProcess:
    """Something that lives, stops and dies as one. ``skew`` is how wrong its clock is, in seconds."""

    def __init__(self, loop: "SimLoop", name: str) -> None:
        self.name = name
        self.queue: deque[SimHandle] = deque()
        self.dead = False
        self.stopped_at: float | None = None
        self.skew = 0.0
        self.tasks: list[asyncio.Task[Any]] = []
        self.context: Context = copy_context()
        self.context.run(PROCESS.set, self)
        self._loop = loop

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work on it as a task of this process."""
        return self.context.run(self._loop.create_task, work)

    def stop(self) -> None:
        """As SIGSTOP does: it keeps everything, and nothing of it runs."""
        self.stopped_at = self._loop.time()
        self._loop.idle(self)

    def go_on(self) -> None:
        """As SIGCONT does."""
        self.stopped_at = None
        self._loop.wake(self)

    def die(self) -> None:
        """As SIGKILL does. What unwinds in memory is heard by nobody: every way out of a dead process is closed."""
        self.dead = True
        self.go_on()
        for task in self.tasks:
            task.cancel()


PROCESS: ContextVar[SimProcess] = ContextVar("process")


class SimHandle:
    """One callback that will be called, unless it is cancelled."""

    __slots__ = ("args", "call", "cancelled", "context")

    def __init__(self, call: Callable[..., Any], args: tuple[Any, ...], context: Context) -> None:
        self.call = call
        self.args = args
        self.context = context
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class SimLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as the engine needs."""

    def __init__(self, random: Random) -> None:
        self._random = random.random
        self._now = 0.0
        self._timers: list[tuple[float, int, SimHandle]] = []
        self._count = 0
        self._runnable: list[SimProcess] = []

    def time(self) -> float:
        return self._now

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        process = PROCESS.get()
        process.tasks.append(task)
        if process.dead:
            task.cancel()
        return task

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        due = SimHandle(callback, args, copy_context() if context is None else context)
        self._make_ready(due)
        return due

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        due = SimHandle(callback, args, copy_context() if context is None else context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, due))
        return due

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task that failed and was not asked why: what matters of it is in the journal."""

    def run_one(self) -> bool:
        """Call one callback, after letting time pass where nothing is ready. ``False`` when there will be nothing."""
        while not self._runnable:
            if not self._timers:
                return False
            when, _, due = heapq.heappop(self._timers)
            if not due.cancelled:
                self._now = max(self._now, when)
                self._make_ready(due)
        place = int(self._random() * len(self._runnable)) if len(self._runnable) > 1 else 0
        process = self._runnable[place]
        due = process.queue.popleft()
        if not process.queue:
            del self._runnable[place]
        if not due.cancelled:
            due.context.run(due.call, *due.args)
        return True

    def leap(self, to: float) -> None:
        """Everybody slept: what was due meanwhile is due now."""
        self._now = max(self._now, to)

    def wind_up(self) -> None:
        """What was cancelled unwinds; no time passes any more."""
        self._timers.clear()
        while self._runnable:
            self.run_one()

    def idle(self, process: SimProcess) -> None:
        """Nothing of ``process`` is to run."""
        if process in self._runnable:
            self._runnable.remove(process)

    def wake(self, process: SimProcess) -> None:
        """What waited in ``process`` may run."""
        if process.queue and process not in self._runnable:
            self._runnable.append(process)

    def _make_ready(self, due: SimHandle) -> None:
        process = due.context[PROCESS]
        if not process.queue and process.stopped_at is None:
            self._runnable.append(process)
        process.queue.append(due)
