"""Build a running app from settings and installed packages: the engine, its tools, webhooks and the outbox."""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from riel.catalog import ActiveRail, Catalog, Discovery, activate, discover
from riel.config import (
    Banks,
    Listen,
    Settings,
    check_live_files,
    check_packages_are_listed,
    configured_settings,
    passwords_in,
    proofs_of,
    settings_resolver,
    unread_file,
)
from riel.confirm import Factor, FactorContext, choose_factor
from riel.errors import Misconfigured
from riel.guards import Guard
from riel.journal import Journal
from riel.journal.epochs import lost_keys
from riel.journal.newest_anchor import AnchorKeeper
from riel.journal.newest_payment import PaymentKeeper
from riel.journal.open import open_journal
from riel.journal.row_mac import RowMac
from riel.payments import Clients, Context, PaymentEngine, Timing
from riel.redaction import GENERATED_LENGTH, Redactor
from riel.secrets import MissingKey, ServerKeys, key_file, make_server_key, read_server_keys
from riel.tools import Scopes, ToolSpec, build_tools
from riel.webhooks.outbox import Outbox, Receiver

log = logging.getLogger(__name__)

MAX_OPEN_CHALLENGES = 40
"""How many payments and refunds of one principal may wait for a person: more would be confirmed without being read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A running riel. ``grace`` is how long the longest send in progress may still take."""

    engine: PaymentEngine
    tools: Mapping[str, ToolSpec]
    grace: timedelta


@asynccontextmanager
async def open_app(
    settings: Settings,
    logs: Redactor,
    *,
    discovery: Discovery | None = None,
    sandbox: bool = False,
    recovery: bool = True,
    read_only: bool = False,
) -> AsyncIterator[App]:
    """Activate every installed rail, open the journal, and look after its payments until the block is left.

    :param discovery: what is installed; a command discovers it before the event loop runs, which is then the only one.
    :param sandbox: run each rail's pretend bank, and pay nowhere else.
    :param read_only: whether no tool may change anything, and no order is sent, not even once more.
    :param recovery: run recovery in the background; the caller runs it otherwise.
    :raises Misconfigured: one sentence that names the setting.
    """
    async with AsyncExitStack() as stack:
        if not sandbox:
            check_packages_are_listed(settings)
        discovery = discovery or discover(only=settings.rails)
        if discovery.left_out:
            names = ", ".join(f"{part.name} ({part.distribution} {part.version})" for part in discovery.left_out)
            level = logging.WARNING if settings.live else logging.INFO
            log.log(level, "installed and not in force, because RIEL_RAILS does not name it: %s", names)
        banks: Banks | None = None
        if sandbox:
            from riel.sandbox import run_banks

            settings = settings.in_sandbox()
            banks = await stack.enter_async_context(run_banks(discovery, settings))
        declared = [rail.declaration for rail in discovery.rails]
        proves = await asyncio.to_thread(proofs_of, declared, settings)
        catalog = activate_rails(discovery, settings, banks, proves)
        rails = {rail.declaration.name: rail for rail in catalog.rails}
        check_files(settings, catalog)
        secrets = Redactor(shortest=GENERATED_LENGTH)  # an agent reads what it cleans, and writes some of it
        proxies = [rail.settings.proxy.get_secret_value() for rail in catalog.rails if rail.settings.proxy]
        for redactor in (secrets, logs):
            redactor.learn_settings(settings, *(rail.settings for rail in catalog.rails))
            redactor.learn(*passwords_in(settings.journal))
            redactor.learn(*(password for url in proxies for password in passwords_in(url)))
        chosen_factor(settings, catalog)  # before a journal is made
        guards = (*build_guards(settings, catalog.rails), *catalog.guards)
        answer_within = timedelta(seconds=settings.answer_within)
        grace = max(rail.guarantees.send_deadline for rail in catalog.rails) + timedelta(seconds=1)
        journal = await open_configured_journal(settings)
        stack.push_async_callback(journal.close)
        keys = await bind_keys(journal, settings.folder)
        await AnchorKeeper(settings.folder, journal, RowMac(keys)).check()
        newest_payment = PaymentKeeper(settings.folder, journal, RowMac(keys))
        await newest_payment.check()
        factor = build_factor(settings, catalog, keys, logs)
        engine = PaymentEngine(
            Context(
                journal=journal,
                rails=rails,
                clients=Clients(rails, answer_within),
                factor=factor,
                keys=keys,
                guards=guards,
                timing=Timing(answer_within=answer_within, max_open_challenges=MAX_OPEN_CHALLENGES),
                language=settings.language,
                clean=secrets.text,
                may_send=not read_only,
                newest_payment=newest_payment,
            )
        )
        stack.push_async_callback(engine.close, grace)
        outbox = build_outbox(settings, journal, logs)
        if outbox is not None:
            stack.push_async_callback(outbox.close)
            outbox.start()
        scopes = Scopes(None if settings.scopes is None else frozenset(settings.scopes), read_only)
        tools = build_tools(engine, secrets, logs, scopes, ask_docs)
        if settings.webhooks is not None and recovery:
            await _receive_webhooks(stack, engine, settings.webhooks, logs)
        if recovery:
            engine.start()
        yield App(engine=engine, tools=tools, grace=grace)


async def _receive_webhooks(stack: AsyncExitStack, engine: PaymentEngine, where: Listen, logs: Redactor) -> None:
    """Receive webhooks, unless another server on this machine does: several clients may share one ``riel.toml``.

    :raises Misconfigured: the address cannot be bound.
    """
    from riel.webhooks.inbound import receive_webhooks

    try:
        url = await stack.enter_async_context(receive_webhooks(engine, *where, logs))
    except Misconfigured as failure:
        if not (isinstance(failure.__cause__, OSError) and failure.__cause__.errno == errno.EADDRINUSE):
            raise
        log.warning("%s. If a server of ours holds it, that server receives the webhooks", failure)
    else:
        log.info("providers may write to %s/webhooks/<rail>", url)


def activate_rails(
    discovery: Discovery, settings: Settings, banks: Banks | None, proves: Callable[[str], bool]
) -> Catalog:
    """Activate the installed rails with these settings, and log the problems of the others.

    :param proves: whether a pretend bank has proven itself at an address of this machine.
    :raises Misconfigured: no rail can be used.
    """
    catalog = activate(discovery, settings_resolver(settings, banks, proves))
    unused = {
        declared.entry_point for declared in discovery.rails if not configured_settings(declared.declaration, settings)
    }
    for problem in catalog.problems:
        level = logging.INFO if problem.entry_point in unused else logging.ERROR
        log.log(level, "%s. %s", problem.sentence, problem.remedy)
    if not catalog.rails:
        raise Misconfigured("No rail can be used: install one and set it up, or try riel serve --sandbox.")
    return catalog


def check_files(settings: Settings, catalog: Catalog) -> None:
    """Say in the log where the settings come from, and refuse files that others can change where money is real.

    :raises Misconfigured: one of them is not safe.
    """
    if (unread := unread_file(settings)) is not None:
        log.warning("%s is not read: the settings come from %s", unread, settings.source)
    live = sorted(rail.declaration.name for rail in catalog.rails if rail.mode == "live")
    if not live:
        log.info("the settings come from %s", settings.source)
        return
    log.warning("money is real by %s; the settings come from %s", " and ".join(live), settings.source)
    check_live_files(settings, {rail.declaration.name: rail.settings for rail in catalog.rails})


async def open_configured_journal(settings: Settings) -> Journal:
    """Open the journal that the settings name.

    :raises Misconfigured: it cannot be opened.
    """
    return await open_journal(settings.journal, RowMac())


async def bind_keys(journal: Journal, folder: Path) -> ServerKeys:
    """Read the server's key, which makes codes and references; a new journal is bound to it, and makes it if need be.

    A key is never made for a journal that knows another one: codes, references and orders could not be checked with it.

    :raises MissingKey: the key of the journal is not in the folder.
    """
    key_id = await journal.key_id()
    if key_id is None:
        key_id = await journal.bind_key(make_server_key(folder)[0].id)
    versions = read_server_keys(folder)
    keys = ServerKeys.choose(versions, key_id)
    if keys is None:
        has = "holds another key than that of this journal" if versions else "is missing"
        raise MissingKey(
            f"RIEL_HOME: {key_file(folder)} {has} ({key_id[:8]}...): give every server that shares the journal the "
            "same file, or restore it from a backup. If it is lost, run riel key replace."
        )
    journal.use_keys(keys, await lost_keys(journal))
    return keys


def build_outbox(settings: Settings, journal: Journal, logs: Redactor) -> Outbox | None:
    """The outbox, if the settings name a receiver. Without one, messages wait in the journal."""
    if settings.notifications_url is None or settings.notifications_key is None:
        return None
    receiver = Receiver(settings.notifications_url.get_secret_value(), settings.notifications_key.get_secret_value())
    logs.learn(*receiver.secrets)
    return Outbox(journal, receiver)


def build_guards(settings: Settings, rails: Iterable[ActiveRail] = ()) -> Sequence[Guard]:
    """The guard with the limits of ``riel.toml``, if there are any.

    :raises Misconfigured: a list of payees has an entry that no rail can pay.
    """
    if not settings.limits:
        return ()
    from riel.guards.limits import Limits, check_accounts, read_limits

    limits = read_limits(settings.limits)
    declared = {rail.declaration.name: rail.declaration.parse_account for rail in rails}
    parsers = {name: parse for name, parse in declared.items() if parse is not None}
    check_accounts(limits, parsers, declared)
    return (Limits(limits, parsers),)


def chosen_factor(settings: Settings, catalog: Catalog) -> type[Factor]:
    """The factor that the settings name, or the default for the modes of the rails.

    :raises Misconfigured: it is for sandboxes only, and a rail is not in a sandbox.
    """
    outside = sorted(rail.declaration.name for rail in catalog.rails if rail.mode != "sandbox")
    name = settings.factor
    if name is None:
        name = "totp" if outside else "file" if settings.factor_file else "console"
    kind = choose_factor(name, catalog.factors)
    if kind.sandbox_only and outside:
        raise Misconfigured(
            f"RIEL_FACTOR={name} confirms sandbox payments only, and {' and '.join(outside)} would move other money: "
            "choose totp, or take it off RIEL_RAILS."
        )
    return kind


def build_factor(settings: Settings, catalog: Catalog, keys: ServerKeys, logs: Redactor) -> Factor:
    """Open the factor that the settings name.

    :raises Misconfigured: it cannot be opened.
    """
    key = keys.current.value
    logs.learn(key.hex())
    modes = frozenset(rail.mode for rail in catalog.rails)
    context = FactorContext(
        key=key, principal=settings.principal, folder=settings.folder, modes=modes, file=settings.factor_file
    )
    return chosen_factor(settings, catalog).open(context)


async def ask_docs(url: str, query: str, within: timedelta) -> Sequence[str]:
    """Search the documentation server at ``url`` over MCP, which a server of tools has loaded already."""
    from riel.mcp.docs_client import search_docs_server

    return await search_docs_server(url, query, within)
