"""The rooms put together: from settings and installed packages to a teller at work and its tools."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from riel.catalog import Catalog, discover, offer
from riel.config import Banks, Settings, resolving
from riel.confirm import Factor, Setup, chosen
from riel.errors import Misconfigured
from riel.journal import open_journal
from riel.redact import Redactor
from riel.teller import Clients, Desk, Pace, Teller
from riel.tools import Described, every_tool
from riel.vault import server_key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A riel that is open for business. ``grace`` is how long the longest send under way may still take."""

    teller: Teller
    tools: Mapping[str, Described]
    catalog: Catalog
    grace: timedelta


@asynccontextmanager
async def open_host(settings: Settings, logs: Redactor, *, sandbox: bool = False) -> AsyncIterator[Host]:
    """Load every installed rail, open the journal, and look after its payments until the block is left.

    :param sandbox: run each rail's pretend bank, and nothing else.
    :raises Misconfigured: one sentence that names the setting.
    """
    async with AsyncExitStack() as stack:
        found = discover(only=settings.rails)
        banks: Banks | None = None
        if sandbox:
            from riel.sandbox import run_banks

            settings = settings.in_sandbox()
            banks = await stack.enter_async_context(run_banks(found, settings))
        catalog = offer(found, resolving(settings, banks))
        for problem in catalog.problems:
            log.error("%s. %s", problem.sentence, problem.remedy)
        if not catalog.rails:
            raise Misconfigured("No rail can be offered: install one and set it up, or try riel serve --sandbox.")
        rails = {offered.rail.name: offered for offered in catalog.rails}
        secrets = Redactor()
        for redactor in (secrets, logs):
            redactor.learn_settings(settings, *(offered.settings for offered in catalog.rails))
        factor = factor_for(settings, catalog, logs)
        journal = await open_journal(settings.journal)
        answer_within = timedelta(seconds=settings.answer_within)
        teller = Teller(
            Desk(
                journal=journal,
                rails=rails,
                clients=Clients(rails, answer_within),
                factor=factor,
                guards=catalog.guards,
                pace=Pace(answer_within=answer_within),
                language=settings.language,
                clean=secrets.text,
            )
        )
        grace = max((offered.guarantees.send_deadline for offered in catalog.rails), default=timedelta(0))
        grace += timedelta(seconds=1)
        teller.start()
        try:
            yield Host(teller=teller, tools=every_tool(teller, secrets, logs), catalog=catalog, grace=grace)
        finally:
            await teller.close(grace)


def factor_for(settings: Settings, catalog: Catalog, logs: Redactor) -> Factor:
    """The factor that the settings name, or the one that fits where the money is.

    :raises Misconfigured: it cannot be opened, or it confirms pretend payments only and a rail is not pretend.
    """
    outside = sorted(offered.rail.name for offered in catalog.rails if offered.mode != "sandbox")
    name = settings.factor
    if name is None:
        name = "totp" if outside else "file" if settings.factor_file else "console"
    kind = chosen(name, catalog.factors)
    if kind.sandbox_only and outside:
        raise Misconfigured(
            f"RIEL_FACTOR={name} confirms pretend payments only, and {' and '.join(outside)} would move other money: "
            "choose totp, or take it off RIEL_RAILS."
        )
    folder = settings.journal_file.resolve().parent
    key = server_key(folder)
    logs.learn(key.hex())
    setup = Setup(key=key, principal=settings.principal, folder=folder, file=settings.factor_file)
    return kind.open(setup)
