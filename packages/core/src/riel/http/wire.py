"""The requests of one call of a rail: how many the core's HTTP client was asked for, and how many reached the wire.

Nothing here needs httpx, so a process that only lists rails does not load it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

MAX_ANSWER = 1024 * 1024
"""How many bytes an answer may have, packed and unpacked."""


@dataclass(slots=True)
class Wire:
    """The count of one call.

    A request counts in ``requests`` from before its first byte, so zero means that no byte left. ``attempts`` counts
    also those for which no connection was made; ``cause`` says why the last of them failed.
    """

    attempts: int = 0
    requests: int = 0
    cause: str = ""
    max_answer: int = MAX_ANSWER


_current: ContextVar[Wire | None] = ContextVar("riel_wire", default=None)


def current_wire() -> Wire:
    """Return the count that is open, or one that nobody reads."""
    return _current.get() or Wire()


@contextmanager
def counted(max_answer: int | None = None) -> Iterator[Wire]:
    """Count apart the requests of this block, also those of the tasks that it starts.

    :param max_answer: the most bytes of an answer; that of the surrounding block unless it is given.
    """
    outer = _current.get()
    wire = Wire(max_answer=max_answer or (outer.max_answer if outer else MAX_ANSWER))
    token = _current.set(wire)
    try:
        yield wire
    finally:
        _current.reset(token)


@contextmanager
def counted_together() -> Iterator[Wire]:
    """Count the requests of this block with those of the surrounding one, if there is one."""
    if (wire := _current.get()) is not None:
        yield wire
    else:
        with counted() as wire:
            yield wire
