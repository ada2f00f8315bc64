"""Pretend banks, served over real HTTP on this machine, with a ledger to read and faults to order.

In front of any rail's bank stand two addresses: ``GET /_sandbox/debits`` shows what it booked, and
``POST /_sandbox/faults`` makes what a network and a bank do wrong happen at once and as often as asked.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from riel.catalog import Discovery
from riel.catalog.discovery import stdout_to_stderr
from riel.config import Settings, configured_settings, describe_errors, sandbox_settings
from riel.errors import BrokenRail
from riel.http_server import serve_http
from riel.rail import Rail, Sandbox
from riel.redaction import Redactor
from riel.sandbox.faults import Fault, wrap
from riel.text import clean_text

MAX_REASON = 2000
"""Characters of what a bank objects to: it may list every setting that it has."""

__all__ = ["Banks", "Fault", "bank_of", "run_banks", "serve_http", "wrap"]


@dataclass(frozen=True, slots=True)
class Banks:
    """The pretend banks that run here, by the rail's name: where, and what each supplies to its rail's client."""

    settings: Settings = field(repr=False)
    urls: dict[str, str] = field(default_factory=dict)
    supplies: dict[str, Mapping[str, str] | BrokenRail] = field(default_factory=dict, repr=False)

    def __call__(self, rail: Rail) -> Mapping[str, str]:
        """What the bank of ``rail`` supplies; one that runs elsewhere on this machine supplies its keys.

        :raises BrokenRail: its bank could not be made.
        """
        supplied = self.supplies.get(rail.name)
        if isinstance(supplied, BrokenRail):
            raise supplied
        return sandbox_settings(rail, self.settings) if supplied is None else supplied

    def runs(self, rail: Rail) -> bool:
        """Whether the bank of ``rail`` runs here."""
        return rail.name in self.urls


@contextlib.asynccontextmanager
async def run_banks(found: Discovery, settings: Settings) -> AsyncIterator[Banks]:
    """Run the pretend bank of every rail that has one and no address set, as ``--sandbox`` wants it."""
    banks = Banks(settings)
    async with contextlib.AsyncExitStack() as stack:
        for rail in (declared.declaration for declared in found.rails):
            known = configured_settings(rail, settings)
            if rail.sandbox is None or "base_url" in known:
                continue
            try:
                bank = bank_of(rail, known)
            except BrokenRail as failure:
                banks.supplies[rail.name] = failure
                continue
            banks.urls[rail.name] = await stack.enter_async_context(serve_http(wrap(bank)))
            banks.supplies[rail.name] = {**bank.settings, "base_url": banks.urls[rail.name]}
        yield banks


def bank_of(rail: Rail, settings: Mapping[str, str]) -> Sandbox:
    """The pretend bank of a rail, as the settings want it. Its own address is not among them: it has none yet.

    :raises BrokenRail: the rail has none, or cannot make it from these settings.
    """
    if rail.sandbox is None:
        raise BrokenRail("has no pretend bank")
    told = {name: value for name, value in settings.items() if name != "base_url"}
    try:
        with stdout_to_stderr():
            return rail.sandbox(told)
    except (Exception, SystemExit) as failure:
        why = describe_errors(failure, str) if isinstance(failure, ValidationError) else str(failure)
        why = clean_text(why, MAX_REASON)
        raise BrokenRail(f"cannot make its pretend bank: {Redactor(told.values()).text(why)}") from failure
