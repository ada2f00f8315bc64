"""``riel restore``: declare that the journal was restored from a copy, so that no code of the copy pays again."""

import sys
from typing import Annotated

import typer

from riel.cli.records import os_user, stamp, with_journal
from riel.clock import utc_now
from riel.errors import Misconfigured
from riel.journal import Journal
from riel.journal.columns import from_millis
from riel.journal.epochs import RestoreReport, begin_after_restore, note_comparison
from riel.text import clean_text

MAX_EVIDENCE = 500
STILL_SERVED = "RIEL_JOURNAL: a server is at work on this journal: stop every server first, and start them afterwards"


def restore(
    compared: Annotated[
        str | None,
        typer.Option(
            metavar="RAIL",
            help="This rail's payments since the copy were compared by hand: its challenges warn no longer.",
        ),
    ] = None,
    evidence: Annotated[
        str, typer.Option(metavar="TEXT", help="With --compared: how you know what was paid. This is recorded.")
    ] = "",
) -> None:
    """Declare that the journal was put back from a copy: run it after every restore, before a server starts.

    Open challenges are closed, since their codes may have paid already. Payments under way are looked up before
    anything is sent. Until the provider's statement is compared with the journal (riel reconcile), new challenges warn
    that payments may be missing.
    """
    if compared is not None:
        _note(compared, evidence)
        return

    async def work(journal: Journal) -> RestoreReport:
        if await journal.has_other_owners():
            raise Misconfigured(STILL_SERVED)
        report = await begin_after_restore(journal, os_user(), utc_now())
        await journal.anchor(utc_now())
        return report

    report = with_journal(work)
    day = f"{report.gap.since:%Y-%m-%d}"
    sys.stdout.write(
        f"A new epoch begins. Open challenges that were closed: {report.closed}. Payments that are looked up before "
        f"anything is sent: {report.living}.\nPayments made since {stamp(report.gap.since)} may be missing, and new "
        f"challenges say so. For each rail, compare every day from {day} on: riel reconcile RAIL --date {day}\n"
    )


def _note(rail: str, evidence: str) -> None:
    """Record that an operator compared the payments of ``rail`` in another way than by its statement."""
    reason = clean_text(evidence, most=len(evidence) + 1)
    if not 0 < len(reason) <= MAX_EVIDENCE:
        raise Misconfigured(f"--compared needs --evidence: 1 to {MAX_EVIDENCE} characters that say how you know")

    async def work(journal: Journal) -> None:
        now = utc_now()
        await note_comparison(journal, rail, from_millis(0), now, now, by=os_user(), evidence=reason)

    with_journal(work)
    sys.stdout.write(f"New challenges of {clean_text(rail, most=40)} warn no longer.\n")
