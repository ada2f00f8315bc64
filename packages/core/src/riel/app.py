"""The rooms put together: from settings and installed packages to an engine at work and its tools."""

import errno
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from riel.catalog import Catalog, Discovery, activate, discover
from riel.config import Banks, Listen, Settings, passwords_in, settings_resolver
from riel.confirm import Factor, FactorContext, choose_factor
from riel.errors import Misconfigured
from riel.guards import Guard
from riel.journal import Journal
from riel.journal.open import open_journal
from riel.payments import Clients, Context, PaymentEngine, Timing
from riel.redaction import Redactor
from riel.secrets import fingerprint, server_key
from riel.tools import Scopes, ToolSpec, build_tools
from riel.webhooks.outbox import Outbox, Receiver

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A riel that is open for business. ``grace`` is how long the longest send under way may still take."""

    engine: PaymentEngine
    tools: Mapping[str, ToolSpec]
    grace: timedelta


@asynccontextmanager
async def open_app(
    settings: Settings, logs: Redactor, *, sandbox: bool = False, rounds: bool = True, read_only: bool = False
) -> AsyncIterator[App]:
    """Load every installed rail, open the journal, and look after its payments until the block is left.

    :param sandbox: run each rail's pretend bank, and nothing else.
    :param read_only: whether no tool may change anything.
    :param rounds: take up what is due by itself; whoever says no does that by hand.
    :raises Misconfigured: one sentence that names the setting.
    """
    async with AsyncExitStack() as stack:
        found = discover(only=settings.rails)
        banks: Banks | None = None
        if sandbox:
            from riel.sandbox import run_banks

            settings = settings.in_sandbox()
            banks = await stack.enter_async_context(run_banks(found, settings))
        catalog = activate_rails(found, settings, banks)
        rails = {rail.declaration.name: rail for rail in catalog.rails}
        secrets = Redactor()
        for redactor in (secrets, logs):
            redactor.learn_settings(settings, *(rail.settings for rail in catalog.rails))
            redactor.learn(*passwords_in(settings.journal))
        factor = build_factor(settings, catalog, logs)
        guards = (*build_guards(settings), *catalog.guards)
        answer_within = timedelta(seconds=settings.answer_within)
        grace = max(rail.guarantees.send_deadline for rail in catalog.rails) + timedelta(seconds=1)
        journal = await open_configured_journal(settings)
        engine = PaymentEngine(
            Context(
                journal=journal,
                rails=rails,
                clients=Clients(rails, answer_within),
                factor=factor,
                guards=guards,
                timing=Timing(answer_within=answer_within),
                language=settings.language,
                clean=secrets.text,
            )
        )
        stack.push_async_callback(engine.close, grace)
        outbox = build_outbox(settings, journal, logs)
        if outbox is not None:
            stack.push_async_callback(outbox.close)
            outbox.start()
        scopes = Scopes(None if settings.scopes is None else frozenset(settings.scopes), read_only)
        tools = build_tools(engine, secrets, logs, scopes, ask_docs)
        if settings.webhooks is not None and rounds:
            await _receive_webhooks(stack, engine, settings.webhooks, logs)
        if rounds:
            engine.start()
        yield App(engine=engine, tools=tools, grace=grace)


async def _receive_webhooks(stack: AsyncExitStack, engine: PaymentEngine, where: Listen, logs: Redactor) -> None:
    """Hear what providers say, unless another server does: each client of an agent starts one, with one ``riel.toml``.

    :raises Misconfigured: nobody can listen there.
    """
    from riel.webhooks.inbound import receive_webhooks

    try:
        url = await stack.enter_async_context(receive_webhooks(engine, *where, logs))
    except Misconfigured as failure:
        if not (isinstance(failure.__cause__, OSError) and failure.__cause__.errno == errno.EADDRINUSE):
            raise
        log.warning("%s. Another server hears the providers, if it is one of ours", failure)
    else:
        log.info("providers may write to %s/webhooks/<rail>", url)


def activate_rails(found: Discovery, settings: Settings, banks: Banks | None) -> Catalog:
    """What the installed rails come to under these settings; the problems of the others are logged.

    :raises Misconfigured: none of them can be offered.
    """
    catalog = activate(found, settings_resolver(settings, banks))
    for problem in catalog.problems:
        log.error("%s. %s", problem.sentence, problem.remedy)
    if not catalog.rails:
        raise Misconfigured("No rail can be offered: install one and set it up, or try riel serve --sandbox.")
    return catalog


async def open_configured_journal(settings: Settings) -> Journal:
    """The journal, whose codes are made with our key.

    :raises Misconfigured: it cannot be opened, or they are made with another.
    """
    journal = await open_journal(settings.journal)
    try:
        ours = await journal.bind_key(fingerprint(server_key(settings.folder)))
    except BaseException:
        await journal.close()
        raise
    if not ours:
        await journal.close()
        raise Misconfigured(
            f"RIEL_HOME: the codes of this journal are made with another key than {settings.folder / 'server.key'}: "
            "give every server that shares the journal the same one."
        )
    return journal


def build_outbox(settings: Settings, journal: Journal, logs: Redactor) -> Outbox | None:
    """The outbox, where the settings name a receiver. Without one, messages wait in the journal."""
    if settings.notifications_url is None or settings.notifications_key is None:
        return None
    receiver = Receiver(settings.notifications_url.get_secret_value(), settings.notifications_key.get_secret_value())
    logs.learn(*receiver.secrets)
    return Outbox(journal, receiver)


def build_guards(settings: Settings) -> Sequence[Guard]:
    """The guard that keeps the limits of ``riel.toml``, where there are any."""
    if not settings.limits:
        return ()
    from riel.guards.limits import Limits, read_limits

    return (Limits(read_limits(settings.limits)),)


def build_factor(settings: Settings, catalog: Catalog, logs: Redactor) -> Factor:
    """The factor that the settings name, or the one that fits where the money is.

    :raises Misconfigured: it cannot be opened, or it confirms pretend payments only and a rail is not pretend.
    """
    outside = sorted(rail.declaration.name for rail in catalog.rails if rail.mode != "sandbox")
    name = settings.factor
    if name is None:
        name = "totp" if outside else "file" if settings.factor_file else "console"
    kind = choose_factor(name, catalog.factors)
    if kind.sandbox_only and outside:
        raise Misconfigured(
            f"RIEL_FACTOR={name} confirms pretend payments only, and {' and '.join(outside)} would move other money: "
            "choose totp, or take it off RIEL_RAILS."
        )
    folder = settings.folder
    key = server_key(folder)
    logs.learn(key.hex())
    setup = FactorContext(key=key, principal=settings.principal, folder=folder, file=settings.factor_file)
    return kind.open(setup)


async def ask_docs(url: str, query: str, within: timedelta) -> Sequence[str]:
    """What the documentation server at ``url`` says, over MCP, which whoever serves tools has loaded already."""
    from riel.mcp.docs_client import search_there

    return await search_there(url, query, within)
