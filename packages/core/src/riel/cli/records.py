"""Read the journal for an operator: accounts are masked, times are in UTC, and no journal is created."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import typer

from riel.config import Settings, read_settings
from riel.errors import JournalUnavailable, Misconfigured
from riel.journal import Challenge, Event, Journal, PaymentRecord
from riel.journal.open import open_journal
from riel.money import mask_account
from riel.redaction import Redactor

T = TypeVar("T")


def with_journal(work: Callable[[Journal], Awaitable[T]]) -> T:
    """Run ``work`` on the journal of ``RIEL_JOURNAL``, which is never created here.

    :raises Misconfigured: there is no journal.
    """

    async def run() -> T:
        settings = settings_with_a_journal()
        journal = await open_journal(settings.journal, make=False)
        try:
            return await work(journal)
        finally:
            await journal.close()

    try:
        return asyncio.run(run())
    except JournalUnavailable as failure:
        raise failed(str(failure)) from failure
    except (ValueError, OverflowError) as failure:
        why = "something in the journal was not written by riel: riel audit verify says what"
        raise failed(why) from failure


def settings_with_a_journal() -> Settings:
    """The settings of this process, whose journal exists.

    :raises Misconfigured: the journal does not exist, or a setting is wrong.
    """
    settings = read_settings()
    if settings.journal_file is not None and not settings.journal_file.is_file():
        raise Misconfigured(f"RIEL_JOURNAL: there is no journal at {settings.journal_file}; riel serve makes one")
    return settings


def failed(sentence: str) -> typer.Exit:
    """Write one sentence to stderr, and give the exit of a command that failed."""
    sys.stderr.write(f"riel: {sentence}\n")
    return typer.Exit(1)


def os_user() -> str:
    """The operating system's user. The environment is not read, since anybody can set it."""
    try:
        import pwd
    except ImportError:  # Windows
        return os.getlogin()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return f"uid {os.getuid()}"


def payment_data(record: PaymentRecord) -> dict[str, Any]:
    """A payment or refund as JSON; unknown values are left out."""
    payee = {"name": record.payee.name, "account": record.payee.account, "institution": record.payee.institution}
    data = {
        "paymentId": record.id,
        "kind": record.kind,
        "rail": record.rail,
        "mode": record.mode,
        "state": record.state.value,
        "reference": record.reference,
        "amount": record.money.amount,
        "currency": record.money.currency,
        "formattedAmount": str(record.money),
        "payee": {name: value for name, value in payee.items() if value},
        "principal": record.principal,
        "createdAt": stamp(record.created_at),
        "sends": record.sends,
        "sentAt": stamp(record.sent_at),
        "settledAt": stamp(record.settled_at),
        "updatedAt": stamp(record.updated_at),
        "nextLookupAt": stamp(record.next_at),
        "watchedUntil": stamp(record.watch_until),
        "providerId": record.provider_id,
        "providerCode": record.code,
        "providerMessage": record.provider_message,
        "facts": dict(record.facts),
        "refundOf": record.refund_of,
        "refundedAmount": record.refunded,
    }
    return _safe({name: value for name, value in data.items() if value}, record.payee.account)


def challenge_data(challenge: Challenge) -> dict[str, Any]:
    """A challenge as JSON."""
    data = {
        "paymentId": challenge.id,
        "kind": challenge.kind,
        "rail": challenge.rail,
        "mode": challenge.mode,
        "state": challenge.state.value,
        "text": challenge.text,
        "principal": challenge.principal,
        "factor": challenge.factor,
        "createdAt": stamp(challenge.created_at),
        "expiresAt": stamp(challenge.expires_at),
        "attempts": challenge.attempts,
        "duplicateOf": challenge.duplicate_of,
    }
    return _safe({name: value for name, value in data.items() if value is not None}, challenge.payee.account)


def events_data(events: Sequence[Event], account: str) -> list[dict[str, Any]]:
    """The events of a payment as JSON."""
    data = [
        {"n": e.n, "at": stamp(e.at, precise=True), "event": e.event, "body": dict(e.body), "hash": e.hash}
        for e in events
    ]
    return [_safe(event, account) for event in data]


def stamp(at: datetime | None, *, precise: bool = False) -> str | None:
    """ISO 8601 in UTC, with seconds or with milliseconds."""
    if at is None:
        return None
    with suppress(OverflowError):  # what a rail says may be beyond the calendar of UTC: it is shown as it was said
        at = at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds" if precise else "seconds").replace("+00:00", "Z")


def _safe(data: dict[str, Any], account: str) -> dict[str, Any]:
    """``data`` with the account number masked everywhere, also in the provider's text."""
    redactor = Redactor()
    redactor.remember(account, mask_account(account))
    cleaned: dict[str, Any] = redactor.clean(data)
    return cleaned
