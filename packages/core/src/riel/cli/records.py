"""Read the journal for an operator: accounts are masked, times are in UTC, and no journal is created."""

import asyncio
import os
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import typer

from riel.config import Settings, read_settings
from riel.errors import JournalUnavailable, Misconfigured
from riel.journal import Challenge, Event, Journal, PaymentRecord
from riel.journal.epochs import lost_keys
from riel.journal.open import open_journal
from riel.journal.row_mac import RowMac
from riel.money import mask_account
from riel.redaction import Redactor
from riel.secrets import ServerKeys, read_server_keys
from riel.text import escape_controls

T = TypeVar("T")

NOBODY_SIGNED_IN = 2**32 - 1
"""What Linux has for a process that nobody's session started: a service."""


def with_journal(work: Callable[[Journal], Awaitable[T]]) -> T:
    """Run ``work`` on the journal of ``RIEL_JOURNAL``, which is never created here.

    An auditor may read without the server's key. The rows then stand as they are, and nothing can be written.

    :raises Misconfigured: there is no journal, or ``work`` writes and the key is not here.
    """

    async def run() -> T:
        settings = settings_with_a_journal()
        journal = await open_journal(settings.journal, RowMac(), make=False)
        try:
            if keys := ServerKeys.choose(read_server_keys(settings.folder), await journal.key_id() or ""):
                journal.use_keys(keys, await lost_keys(journal))
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
    file = settings.journal_file
    if file is None or file.is_file():
        return settings
    sandbox = settings.in_sandbox().journal_file
    if sandbox is not None and sandbox != file and sandbox.is_file():
        raise Misconfigured(
            f"RIEL_JOURNAL: there is no journal at {file}; the one of riel serve --sandbox is {sandbox}: "
            f"RIEL_JOURNAL={shlex.quote(str(sandbox))} shows it"
        )
    raise Misconfigured(f"RIEL_JOURNAL: there is no journal at {file}; riel serve makes one")


def journal_place(settings: Settings) -> str:
    """Where the journal is, without a user or a password."""
    if settings.journal_file is not None:
        return str(settings.journal_file)
    parts = urlsplit(settings.journal)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def failed(sentence: str) -> typer.Exit:
    """Write one sentence to stderr, and give the exit of a command that failed."""
    sys.stderr.write(f"riel: {escape_controls(sentence)}\n")
    return typer.Exit(1)


def os_user(login_uid: Path = Path("/proc/self/loginuid")) -> str:
    """The operating system's user; and behind ``sudo`` or ``su`` the person who signed in: ``root (signed in as ana)``.

    The kernel of Linux keeps who signed in, and only root can change it. Where it does not, root may still say who
    called ``sudo``: ``root (sudo by ana)``. Nobody else's environment is believed, since anybody can set it.
    """
    try:
        import pwd
    except ImportError:  # Windows
        return os.getlogin()

    def name(uid: int) -> str:
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:  # a container may run as a number that has no name
            return f"uid {uid}"

    me = name(os.getuid())
    with suppress(OSError, ValueError):
        if (signed_in := int(login_uid.read_text())) not in {NOBODY_SIGNED_IN, os.getuid()}:
            return f"{me} (signed in as {name(signed_in)})"
        if signed_in == os.getuid():
            return me
    with suppress(KeyError, ValueError):
        if (caller := int(os.environ["SUDO_UID"])) != os.getuid():
            return f"{me} (sudo by {name(caller)})"
    return me


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
