"""A server that passes crash points wherever a payment waits for something, and that is killed at one of them."""

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from typing import Any

from riel import app
from riel.catalog import ActiveRail, Catalog
from riel.config import Settings
from riel.confirm import Factor
from riel.journal import Journal
from riel.journal.sqlite import store, writer
from riel.payments import Clients, Context, PaymentEngine
from riel.redaction import Redactor
from riel.secrets import ServerKeys
from riel.testing.crash_points import (
    clients_with_crash_points,
    engine_with_crash_points,
    factor_with_crash_points,
    journal_with_crash_points,
    keeper_with_crash_points,
    rail_with_crash_points,
)

STEP: ContextVar[str] = ContextVar("STEP", default="start")
"""The last ``:before`` point that this task passed, or the task that started it."""


class _StepUnit(writer._QueuedUnit):
    """A unit of work that knows the step of the task that waits for it."""

    __slots__ = ("step",)

    def __init__(self, unit: writer.Unit, reads: bool) -> None:
        super().__init__(unit, reads)
        self.step = STEP.get()


class _StepWriter(writer.Writer):
    """A writer that knows the steps of the units in the batch that it commits."""

    batch_steps: tuple[str, ...] = ()

    @staticmethod
    def _attempt(connection: sqlite3.Connection, batch: list[Any], *, reads: bool, apart: bool) -> bool:
        _StepWriter.batch_steps = tuple(dict.fromkeys(unit.step for unit in batch if not unit.reads))
        return writer.Writer._attempt(connection, batch, reads=reads, apart=apart)


def watcher(trace: str | None, strike: list[Any] | None) -> Callable[[str], None]:
    """Write down each crash point as it is passed, and send this process a signal at the given one.

    A commit passes one point for each step whose units it makes durable, ``commit:before@record@resend:before``. Which
    units share a commit depends on the load of the machine; which steps are committed does not, so that a kill at a
    commit means the same one in every run.

    :param strike: the name of a point, which pass of it, and the number of the signal.
    """
    written = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if trace else None
    passed: Counter[str] = Counter()

    def watch(name: str) -> None:
        names = [name]
        if name.startswith("commit:"):
            names = [f"{name}@{step}" for step in _StepWriter.batch_steps or (STEP.get(),)]
        elif name.endswith(":before"):
            STEP.set(name)
        for each in names:
            passed[each] += 1
            if written is not None:
                os.write(written, f"{each} {passed[each]}\n".encode())
            if strike and [each, passed[each]] == strike[:2]:
                signal.raise_signal(strike[2])  # this very thread goes no further, whichever others there are

    return watch


def install() -> None:
    """Take effect in this process, for each app that it opens from now on."""
    build_factor, open_journal, engine_class = app.build_factor, app.open_configured_journal, app.PaymentEngine

    def engine(context: Context) -> PaymentEngine:
        keeper = context.newest_payment
        noted = replace(context, newest_payment=keeper and keeper_with_crash_points(keeper))
        return engine_with_crash_points(engine_class(noted))

    def factor(settings: Settings, catalog: Catalog, keys: ServerKeys, logs: Redactor) -> Factor:
        return factor_with_crash_points(build_factor(settings, catalog, keys, logs))

    async def journal(settings: Settings) -> Journal:
        return journal_with_crash_points(await open_journal(settings))

    def clients(rails: Mapping[str, ActiveRail], timeout: timedelta) -> Clients:
        return clients_with_crash_points(
            Clients({name: rail_with_crash_points(rail) for name, rail in rails.items()}, timeout)
        )

    app.PaymentEngine = engine  # type: ignore[assignment,misc]
    app.build_factor = factor
    app.open_configured_journal = journal
    app.Clients = clients  # type: ignore[assignment,misc]
    writer._QueuedUnit = _StepUnit  # type: ignore[misc]
    store.Writer = _StepWriter  # type: ignore[misc]
