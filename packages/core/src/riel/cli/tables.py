"""Tables and details of payments for a terminal. Text by others is shown as plain text."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from riel.cli.records import stamp
from riel.journal.columns import from_millis
from riel.text import clean_text

PIPE_WIDTH = 10_000
"""Columns of a table that goes into a file or a pipe: enough for every line, since nobody can widen a file."""

NARROW = 120
"""A terminal with fewer columns shows a payment on three lines, so that its reference can be read and copied."""

STYLES = {
    "settled": "green",
    "returned": "magenta",
    "rejected": "red",
    "unknown": "yellow",
    "review": "bold yellow",
    "pending": "cyan",
    "sending": "cyan",
}

ROWS = {
    "paymentId": "id",
    "state": "state",
    "kind": "kind",
    "text": "the question",
    "formattedAmount": "amount",
    "refundedAmount": "refunded, in minor units",
    "rail": "rail",
    "mode": "mode",
    "reference": "reference",
    "refundOf": "refund of",
    "principal": "asked for by",
    "factor": "asked through",
    "attempts": "codes tried",
    "duplicateOf": "identical one before",
    "createdAt": "created at",
    "expiresAt": "expires at",
    "sends": "times sent",
    "sentAt": "last sent at",
    "settledAt": "settled at",
    "updatedAt": "changed at",
    "nextLookupAt": "next look-up at",
    "watchedUntil": "watched until",
    "providerId": "provider id",
    "providerCode": "provider code",
    "providerMessage": "provider message",
}
"""The rows of one payment, in this order, by their names in ``--json``."""

SHOWN_ELSEWHERE = {
    "to",
    "from",
    "digest",
    "payloadSha256",
    "rail",
    "mode",
    "kind",
    "principal",
    "currency",
    "account",
    "amount",
    "payee",
}
"""Fields of an event that stand in the rows above or have a column, or that only a program reads: see ``--json``."""

SEVERE = {"unconfirmed", "twice", "missing", "money", "account"}
"""Kinds of difference that no look-up clears away."""

MAX_DIFFERENCES = 500
"""How many differences are shown to a person."""

TIME_FIELDS = {"expiresAt", "settledAt"}
"""Fields of an event that are milliseconds since 1970."""


def print_parts(*parts: RenderableType) -> None:
    """Write the parts that there are to stdout."""
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    for part in parts:
        if part:
            console.print(part, soft_wrap=isinstance(part, str | Text))


def payments_parts(payments: Sequence[Mapping[str, Any]], width: int | None = None) -> Iterator[RenderableType]:
    """Many payments, as the terminal has room for them.

    :param width: the columns of the terminal, unless stdout tells.
    """
    if not payments:
        yield "There are none."
    elif not _is_narrow(width):
        yield payments_table(payments)
    else:
        for payment in payments:
            parts = (_utc(payment["createdAt"]), _rail(payment), payment["kind"], _state(payment["state"]))
            yield _line(*parts, payment["formattedAmount"])
            yield _line("", _payee(payment["payee"]))
            yield _line("", _plain(payment["reference"]))


def recovery_parts(payments: Sequence[Mapping[str, Any]], width: int | None = None) -> Iterator[RenderableType]:
    """What was looked at, as the terminal has room for it.

    :param width: the columns of the terminal, unless stdout tells.
    """
    if not _is_narrow(width):
        yield recovery_table(payments)
        return
    for payment in payments:
        change = _state(payment["before"]) + " -> " + _state(payment["state"])
        yield _line(_rail(payment), payment["kind"], change, payment["formattedAmount"])
        again = _utc(payment.get("nextLookupAt", ""))
        yield _line("", _plain(payment["reference"]), f"looked at again {again}" if again else "")


def _is_narrow(width: int | None) -> bool:
    return (width or (Console().width if sys.stdout.isatty() else PIPE_WIDTH)) < NARROW


def _line(*parts: str | Text) -> Text:
    return Text("  ").join(part if isinstance(part, Text) else Text(part) for part in parts)


def _state(state: str) -> Text:
    return Text(state, style=STYLES[state])


def payments_table(payments: Sequence[Mapping[str, Any]]) -> Table:
    """Many payments, a line each."""
    table = bare_table()
    for heading in ("confirmed at (UTC)", "rail", "kind", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("payee")
    table.add_column("reference", overflow="fold")
    for payment in payments:
        table.add_row(
            _utc(payment["createdAt"]),
            _rail(payment),
            payment["kind"],
            Text(payment["state"], style=STYLES[payment["state"]]),
            payment["formattedAmount"],
            _payee(payment["payee"]),
            _plain(payment["reference"]),
        )
    return table


def recovery_table(payments: Sequence[Mapping[str, Any]]) -> Table:
    """What was looked at, a line each, with what it was and what it is."""
    table = bare_table()
    for heading in ("rail", "kind", "was", "is", "looked at again"):
        table.add_column(heading, no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("reference", overflow="fold")
    for payment in payments:
        table.add_row(
            _rail(payment),
            payment["kind"],
            Text(payment["before"], style=STYLES[payment["before"]]),
            Text(payment["state"], style=STYLES[payment["state"]]),
            _utc(payment.get("nextLookupAt", "")),
            payment["formattedAmount"],
            _plain(payment["reference"]),
        )
    return table


def lookup_table(payments: Sequence[Mapping[str, Any]]) -> Table:
    """What each rail says of an open payment, a line each."""
    table = bare_table()
    for heading in ("rail", "kind", "here", "at the rail"):
        table.add_column(heading, no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("reference", overflow="fold")
    for payment in payments:
        table.add_row(
            _rail(payment),
            payment["kind"],
            Text(payment["state"], style=STYLES[payment["state"]]),
            payment["atTheRail"],
            payment["formattedAmount"],
            _plain(payment["reference"]),
        )
    return table


def reconciliation_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """A day as the rail and the journal have it: what differs, the loudest first, and what to do about it."""
    differences = document["differences"]
    if differences:
        table = bare_table()
        table.add_column("what differs")
        table.add_column("reference", overflow="fold")
        table.add_column("in the journal")
        table.add_column("at the rail")
        for one in differences[:MAX_DIFFERENCES]:
            ours, theirs = one["journal"], one["rail"]
            table.add_row(
                Text(_plain(one["what"]), style="bold red" if one["kind"] in SEVERE else "bold yellow"),
                _plain(one["reference"]),
                _side(ours["state"], ours, ours["payee"].get("account", "")) if ours else "",
                _side(theirs["status"], theirs, theirs.get("account", "")) if theirs else "",
            )
        yield table
        yield Text("\nWhat to do:", style="dim")
        for one in differences[:MAX_DIFFERENCES]:  # below the table, where no column cuts a command
            yield Text(f"{_plain(one['reference'])}: {_plain(one['remedy'])}")
    left = len(differences) - MAX_DIFFERENCES
    yield f"And {left} more: --json shows all." if left > 0 else ""
    what = f"{len(differences)} differ" if differences else "no difference"
    sides = f"{document['atTheRail']} at the rail, {document['inTheJournal']} in the journal: {what}"
    yield Text(f"{_rail(document)}, {document['since']} to {document['until']}: {sides}.")
    yield "" if document["over"] else "That day is not over: what comes later is not in it."


def payment_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """One payment, or a question that became none, and its events in order."""
    about = document["payment"] or document["question"]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in ROWS.items():
        if name in about:
            grid.add_row(words, Text(_plain(about[name]), style=STYLES.get(about[name], "") if name == "state" else ""))
        if name == "formattedAmount" and "payee" in about:
            grid.add_row("payee", _payee(about["payee"]))
    for name, fact in about.get("facts", {}).items():
        grid.add_row(_plain(name), _plain(fact))
    yield grid
    table = bare_table()
    table.add_column("", justify="right", style="dim")
    table.add_column("at (UTC)", no_wrap=True)
    table.add_column("event", no_wrap=True)
    table.add_column("became", no_wrap=True)
    table.add_column("what was recorded", overflow="fold")
    for event in document["events"]:
        became = event["body"].get("to", "")
        table.add_row(
            str(event["n"]),
            _utc(event["at"]),
            Text(_plain(event["event"]), style="bold"),
            Text(_plain(became), style=STYLES.get(became, "")),
            Text(_event_text(event["body"])),
        )
    yield Text("\nIts events, each sealed over the one before:", style="dim")
    yield table


def bare_table() -> Table:
    """Columns without lines."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def _side(state: str, document: Mapping[str, Any], account: str) -> Text:
    money = document.get("formattedAmount") or f"{document['amount']} {document['currency']}"
    return Text(", ".join(_plain(part) for part in (state, money, account, document.get("providerId", "")) if part))


def _rail(document: Mapping[str, Any]) -> str:
    """The rail, and where its money is unless that is real."""
    return str(document["rail"]) if document["mode"] == "live" else f"{document['rail']} ({document['mode']})"


def _utc(stamped: str) -> str:
    """A time under a heading that says UTC."""
    return _plain(stamped).removesuffix("Z").replace("T", " ")


def _payee(payee: Mapping[str, str]) -> Text:
    parts = [payee.get("name", ""), payee.get("account", ""), payee.get("institution", "")]
    return Text(", ".join(clean_text(part) for part in parts if part))


def _event_text(body: Mapping[str, Any]) -> str:
    """What an event says that is not said elsewhere."""
    words = []
    for name, value in body.items():
        if name in TIME_FIELDS and isinstance(value, int):
            value = stamp(from_millis(value))
        if name not in SHOWN_ELSEWHERE:
            words.append(f"{name}: {_plain(value)}")
    return "; ".join(words)


def _plain(value: Any) -> str:
    return clean_text(str(value), most=1000)
