"""Pretend banks, served over real HTTP on this machine, with a ledger to read and faults to order.

In front of any rail's bank stand two addresses: ``GET /_sandbox/debits`` shows what it booked, and
``POST /_sandbox/faults`` makes what a network and a bank do wrong happen at once and as often as asked.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from riel.catalog import Discovery
from riel.catalog.discovery import START_LIMIT, stdout_to_stderr
from riel.config import Settings, bank_failure, configured_settings, refuse_unknown_settings, sandbox_settings
from riel.errors import BrokenRail, Misconfigured
from riel.http_server import serve_http
from riel.rail import Rail, Sandbox
from riel.sandbox.faults import Fault, wrap
from riel.time_limit import TimeLimitExceeded, time_limit

__all__ = ["Fault", "SandboxBanks", "bank_of", "run_banks", "serve_http", "wrap"]


@dataclass(frozen=True, slots=True)
class SandboxBanks:
    """The pretend banks that run here, by the rail's name: where, and what each supplies to its rail's client."""

    settings: Settings = field(repr=False)
    urls: dict[str, str] = field(default_factory=dict)
    supplies: dict[str, Mapping[str, str] | BrokenRail | Misconfigured] = field(default_factory=dict, repr=False)

    def __call__(self, rail: Rail) -> Mapping[str, str]:
        """What the bank of ``rail`` supplies; one that runs elsewhere on this machine supplies its keys.

        :raises BrokenRail: its bank could not be made.
        :raises Misconfigured: its bank could not be made from the operator's settings.
        """
        supplied = self.supplies.get(rail.name)
        if isinstance(supplied, BrokenRail | Misconfigured):
            raise supplied
        return sandbox_settings(rail, self.settings) if supplied is None else supplied

    def runs(self, rail: Rail) -> bool:
        """Whether the bank of ``rail`` runs here."""
        return rail.name in self.urls


@contextlib.asynccontextmanager
async def run_banks(found: Discovery, settings: Settings) -> AsyncIterator[SandboxBanks]:
    """Run the pretend bank of every rail that has one and no address set, as ``--sandbox`` wants it."""
    banks = SandboxBanks(settings)
    async with contextlib.AsyncExitStack() as stack:
        for rail in (declared.declaration for declared in found.rails):
            known = configured_settings(rail, settings)
            if rail.sandbox is None or "base_url" in known:
                continue
            try:
                refuse_unknown_settings(rail, settings)
                bank = bank_of(rail, known)
            except (BrokenRail, Misconfigured) as failure:
                banks.supplies[rail.name] = failure
                continue
            banks.urls[rail.name] = await stack.enter_async_context(serve_http(wrap(bank)))
            banks.supplies[rail.name] = {**bank.settings, "base_url": banks.urls[rail.name]}
        yield banks


def bank_of(rail: Rail, settings: Mapping[str, str]) -> Sandbox:
    """The pretend bank of a rail, as the settings want it. Its own address is not among them: it has none yet.

    :raises BrokenRail: the rail has none, or fails to make it.
    :raises Misconfigured: it cannot be made from these settings.
    """
    if rail.sandbox is None:
        raise BrokenRail("has no pretend bank")
    told = {name: value for name, value in settings.items() if name != "base_url"}
    try:
        with stdout_to_stderr(), time_limit(START_LIMIT):
            return rail.sandbox(told)
    except TimeLimitExceeded as failure:
        raise BrokenRail(f"took longer than {START_LIMIT.total_seconds():g} s to make its pretend bank") from failure
    except (Exception, SystemExit) as failure:
        raise bank_failure(rail, told, failure) from failure
