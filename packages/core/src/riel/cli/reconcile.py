"""``riel reconcile``: what a rail says it did on a day, held against the journal. It changes no payment."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from riel.catalog import ActiveRail, activate, discover
from riel.cli.json_output import AsJson, print_json
from riel.cli.records import os_user, payment_data, stamp, with_journal
from riel.clock import utc_now
from riel.config import Settings, likely_secrets, read_settings, settings_resolver
from riel.errors import BrokenRail, JournalUnavailable, Misconfigured, NothingLearned, NothingSent
from riel.journal import Journal, PaymentRecord, State
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.epochs import gap_of, note_comparison
from riel.money import EXPONENTS, Money, mask_account
from riel.payments import Clients
from riel.rail.statement import StatementLine
from riel.reconcile import Difference, DifferenceKind, ReconciliationReport
from riel.reconcile import reconcile as compare_day
from riel.redaction import Redactor, configure_log
from riel.text import clean_text

WHAT = {
    DifferenceKind.UNCONFIRMED: "at the rail, and nobody confirmed it here",
    DifferenceKind.TWICE: "at the rail {times} times",
    DifferenceKind.MISSING: "{state} here, and not at the rail",
    DifferenceKind.MONEY: "another amount at the rail",
    DifferenceKind.ACCOUNT: "another account at the rail",
    DifferenceKind.STATE: "{state} here, {status} at the rail",
    DifferenceKind.UNRESOLVED: "not resolved here, {status} at the rail",
}
CALL = "Call the rail: find out who ordered it, and stop them."
REMEDY = {
    DifferenceKind.UNCONFIRMED: CALL,
    DifferenceKind.TWICE: "Call the rail: all but one of them must come back.",
    DifferenceKind.MISSING: "Ask the rail for it by its reference.",
    DifferenceKind.MONEY: "Call the rail, with what was confirmed here.",
    DifferenceKind.ACCOUNT: "Call the rail, with what was confirmed here.",
}


def reconcile(
    rail: Annotated[str, typer.Argument(metavar="RAIL", help="The rail whose list it is.")],
    date: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The day, as the rail counts its days.")
    ],
    as_json: AsJson = False,
) -> None:
    """Compare the journal with a rail's own list of a day, and show what differs. No payment is changed.

    After riel restore, it records that the day was compared; once every day is, challenges warn no longer.

    The exit code is 0 where both say the same, 1 where they do not, and 2 where they could not be compared.
    """
    settings = read_settings()
    logs = Redactor(likely_secrets(settings))
    configure_log(logs, settings.log)
    active = _active(settings, rail)
    logs.learn_settings(settings, active.settings)
    day = date.date()

    async def work(journal: Journal) -> ReconciliationReport:
        clients, now = Clients({rail: active}), utc_now()
        try:
            report = await compare_day(journal, active, await clients.of(rail), day, now)
        except JournalUnavailable:
            raise
        except (BrokenRail, NothingSent) as failure:
            raise Misconfigured(f"{failure} Nothing was compared.") from failure
        except NothingLearned as failure:
            why = f"the rail {rail!r} did not tell its list ({clean_text(str(failure))}): nothing was compared"
            raise Misconfigured(why) from failure
        finally:
            await clients.close(timedelta(seconds=1))
        await note_statement(journal, active, report, now)
        return report

    report = with_journal(work)
    document = _report(active, day.isoformat(), report, Redactor())
    if as_json:
        print_json(document)
    else:
        from riel.cli.tables import print_parts, reconciliation_tables

        print_parts(*reconciliation_tables(document))
    if report.differences:
        raise typer.Exit(1)


def _active(settings: Settings, rail: str) -> ActiveRail:
    """The rail, set up as a server would have it.

    :raises Misconfigured: it cannot be active, or cannot tell its list of a day.
    """
    if settings.rails is not None and rail not in settings.rails:
        raise Misconfigured(f"RIEL_RAILS does not name {clean_text(rail, most=40)!r}")
    catalog = activate(discover(only=[rail]), settings_resolver(settings))
    for active in catalog.rails:
        able = active.declaration.capabilities.statement
        if not able.available:
            raise Misconfigured(f"the rail {rail!r} cannot be reconciled: {clean_text(able.reason)}")
        return active
    raise Misconfigured(f"{clean_text(rail, most=40)!r} brings no rail")


async def note_statement(journal: Journal, rail: ActiveRail, report: ReconciliationReport, now: datetime) -> None:
    """Record that this day was compared, if payments of it may be missing because the journal was restored."""
    name = rail.declaration.name
    gap = gap_of(await journal.events(JOURNAL_CHAIN), name, rail.mode, rail.payer)
    until = min(report.until, now - rail.guarantees.lookup_lag)
    if gap is not None and report.since <= gap.since < until:
        await note_comparison(journal, name, report.since, until, now, mode=rail.mode, payer=rail.payer, by=os_user())


def _report(rail: ActiveRail, day: str, report: ReconciliationReport, redactor: Redactor) -> dict[str, Any]:
    """The comparison for machines."""
    return {
        "rail": rail.declaration.name,
        "mode": rail.mode,
        "day": day,
        "since": stamp(report.since),
        "until": stamp(report.until),
        "over": report.is_complete,
        "atTheRail": report.provider_count,
        "inTheJournal": report.journal_count,
        "differences": [_difference_data(one, redactor) for one in report.differences],
    }


def _difference_data(one: Difference, redactor: Redactor) -> dict[str, Any]:
    for account in (one.record and one.record.payee.account, one.line and one.line.account):
        if account:
            redactor.remember(account, mask_account(account))
    document = {
        "kind": one.kind.value,
        "reference": clean_text(one.reference),
        "what": WHAT[one.kind].format(
            times=one.count, state=one.record and one.record.state, status=one.line and one.line.status
        ),
        "remedy": REMEDY.get(one.kind) or _remedy(one.record),
        "journal": payment_data(one.record) if one.record else None,
        "rail": _line_data(one.line) if one.line else None,
    }
    cleaned: dict[str, Any] = redactor.clean(document)
    return cleaned


def _remedy(record: PaymentRecord | None) -> str:
    """What clears away a difference about the state."""
    if record is None:
        return CALL
    if record.state is State.REVIEW:
        return f"Decide it, on this evidence: riel payments decide {record.id}"
    if record.next_at is None:
        return "Call the rail: riel has stopped looking."
    if record.state in {State.SENDING, State.UNKNOWN, State.PENDING}:
        return "riel recover --now looks it up, and records what it finds."
    return f"riel looks it up by itself at {stamp(record.next_at)}, and records what it finds."


def _line_data(entry: StatementLine) -> dict[str, Any]:
    known = entry.currency in EXPONENTS
    document = {
        "kind": entry.kind,
        "reference": clean_text(entry.reference),
        "status": entry.status.value,
        "amount": entry.amount,
        "currency": clean_text(entry.currency),
        "formattedAmount": str(Money(entry.amount, entry.currency)) if known else "",
        "account": clean_text(entry.account or ""),
        "providerId": clean_text(entry.provider_id),
        "at": stamp(entry.at) if entry.at and entry.at.utcoffset() is not None else None,
    }
    return {name: value for name, value in document.items() if value not in ("", None)}
