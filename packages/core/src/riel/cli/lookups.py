"""Look-ups without the server's key: what each rail says of the open payments. Nothing is written or sent."""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from riel.app import activate_rails
from riel.catalog import Discovery
from riel.cli.records import payment_data
from riel.config import Settings, proofs_of
from riel.confirm.factors.console import ConsoleFactor
from riel.errors import NothingLearned
from riel.journal import PaymentRecord, State
from riel.journal.open import open_journal
from riel.journal.pagination import iterate_payments
from riel.journal.row_mac import RowMac
from riel.payments import Clients, Context
from riel.payments.recovery import look_up
from riel.payments.rules import LookupOutcome
from riel.redaction import Redactor
from riel.secrets import KEY_BYTES, ServerKey, ServerKeys

OPEN = (State.SENDING, State.UNKNOWN, State.PENDING)
"""States that a look-up may still resolve."""

MOST_AT_ONCE = 8


async def look_up_open_payments(settings: Settings, discovery: Discovery, logs: Redactor) -> Sequence[dict[str, Any]]:
    """Ask the rails about every open payment, and return each with the answer under ``atTheRail``.

    :raises Misconfigured: a setting is missing or wrong.
    """
    declared = [rail.declaration for rail in discovery.rails]
    proves = await asyncio.to_thread(proofs_of, declared, settings)
    rails = {rail.declaration.name: rail for rail in activate_rails(discovery, settings, None, proves).rails}
    logs.learn_settings(settings, *(rail.settings for rail in rails.values()))
    journal = await open_journal(settings.journal, RowMac(), make=False)
    unused = ServerKey(secrets.token_bytes(KEY_BYTES))
    clients, places = Clients(rails), asyncio.Semaphore(MOST_AT_ONCE)
    context = Context(
        journal=journal, rails=rails, clients=clients, factor=ConsoleFactor(unused.value), keys=ServerKeys(unused)
    )

    async def asked(record: PaymentRecord) -> dict[str, Any]:
        async with places:
            outcome: LookupOutcome = NothingLearned("no look-up here")
            if context.can_ask(record) and rails[record.rail].guarantees.lookup != "no":
                outcome = await look_up(context, record)
        return {**payment_data(record), "atTheRail": _words(outcome)}

    try:
        return await asyncio.gather(*[asked(record) async for record in iterate_payments(journal, states=OPEN)])
    finally:
        await clients.close(timedelta(seconds=1))
        await journal.close()


def _words(outcome: LookupOutcome) -> str:
    if isinstance(outcome, NothingLearned):
        return "no answer"
    return outcome if isinstance(outcome, str) else outcome.status.value
