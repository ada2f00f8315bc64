"""Crash points around what a payment waits for: a proxy before the journal, the factor, the rails' clients and the file
of the newest payment.

Each method of the object behind the proxy passes two points, ``<method>:before`` and ``<method>:after``, and the second
only if it did not raise. A method that several functions call has the caller in its name,
``<method>@<function>:before``, so that a test can end the process at one of them:
``record@resend:before`` is the journal's ``record`` in ``_resend``.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from riel.catalog import ActiveRail
from riel.confirm import Factor
from riel.crash_points import crash_point
from riel.journal import Journal
from riel.journal.newest_payment import PaymentKeeper
from riel.payments import Clients, Context, PaymentEngine
from riel.rail import Client

T = TypeVar("T")


def with_crash_points(context: Context) -> Context:
    """Return the same context, whose journal, factor, clients and file of the newest payment pass crash points."""
    keeper = context.newest_payment
    return replace(
        context,
        newest_payment=keeper and keeper_with_crash_points(keeper),
        journal=journal_with_crash_points(context.journal),
        factor=factor_with_crash_points(context.factor),
        clients=clients_with_crash_points(context.clients),
    )


def engine_with_crash_points(engine: PaymentEngine) -> PaymentEngine:
    """Name the points of what the tools call by method and caller."""
    return cast("PaymentEngine", _Proxy(engine, by_caller=True))


def journal_with_crash_points(journal: Journal) -> Journal:
    """Name the points of ``journal`` by method and caller."""
    return cast("Journal", _Proxy(journal, by_caller=True))


def factor_with_crash_points(factor: Factor) -> Factor:
    """Name the points of ``factor`` by method."""
    return cast("Factor", _Proxy(factor))


def keeper_with_crash_points(keeper: PaymentKeeper) -> PaymentKeeper:
    """Name the points of the file of the newest payment by method."""
    return cast("PaymentKeeper", _Proxy(keeper))


def clients_with_crash_points(clients: Clients) -> Clients:
    """Name the points of ``clients`` by method and caller, and those of each client that it opens by method."""
    return cast("Clients", _Proxy(clients, by_caller=True, results={"of": _Proxy}))


def rail_with_crash_points(rail: ActiveRail) -> ActiveRail:
    """Return the same rail, whose client passes ``connect`` when it is opened and ``disconnect`` when it is closed."""
    connect = rail.declaration.connect

    @asynccontextmanager
    async def connecting(*args: Any, **kwargs: Any) -> AsyncIterator[Client]:
        crash_point("connect:before")
        async with connect(*args, **kwargs) as client:
            crash_point("connect:after")
            yield client
            crash_point("disconnect:before")
        crash_point("disconnect:after")

    return replace(rail, declaration=replace(rail.declaration, connect=connecting))


class _Proxy:
    """Stands before an object and passes a crash point before and after each of its methods."""

    def __init__(
        self, inner: object, *, by_caller: bool = False, results: Mapping[str, Callable[[Any], Any]] | None = None
    ) -> None:
        self._inner = inner
        self._by_caller = by_caller
        self._results = results or {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value) or name.startswith("__"):
            return value

        def method(*args: Any, **kwargs: Any) -> Any:
            caller = sys._getframe(1).f_code.co_name.lstrip("_")
            point = f"{name}@{caller}" if self._by_caller else name
            finish = self._results.get(name, _unchanged)
            if iscoroutinefunction(value):
                return _awaited(point, value(*args, **kwargs), finish)
            crash_point(f"{point}:before")
            result = value(*args, **kwargs)
            crash_point(f"{point}:after")
            return result

        return method


def _unchanged(result: T) -> T:
    return result


async def _awaited(point: str, work: Awaitable[Any], finish: Callable[[Any], Any]) -> Any:
    crash_point(f"{point}:before")
    result = await work
    crash_point(f"{point}:after")
    return finish(result)
