"""A server that passes crash points wherever a payment waits for something."""

from collections.abc import Mapping
from datetime import timedelta

from riel import app
from riel.catalog import ActiveRail, Catalog
from riel.config import Settings
from riel.confirm import Factor
from riel.journal import Journal
from riel.payments import Clients, Context, PaymentEngine
from riel.redaction import Redactor
from riel.secrets import ServerKeys
from riel.testing.crash_points import (
    clients_with_crash_points,
    engine_with_crash_points,
    factor_with_crash_points,
    journal_with_crash_points,
    rail_with_crash_points,
)


def install() -> None:
    """Take effect in this process, for each app that it opens from now on."""
    build_factor, open_journal, engine_class = app.build_factor, app.open_configured_journal, app.PaymentEngine

    def engine(context: Context) -> PaymentEngine:
        return engine_with_crash_points(engine_class(context))

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
