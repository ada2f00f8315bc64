"""``riel freeze`` and ``riel thaw``: stop all payments at once, on every server of the journal, and let them go on."""

import sys
from typing import Annotated

import typer

from riel.cli.records import failed, os_user, with_journal
from riel.clock import utc_now
from riel.errors import Misconfigured
from riel.journal.freeze import change_freeze
from riel.text import clean_text

MAX_WHY = 300
"""The longest reason, in characters."""

Why = Annotated[str, typer.Option(metavar="TEXT", help="Why: this is recorded.")]


def freeze(why: Why) -> None:
    """Stop every payment and refund that has not left yet, on every server of this journal.

    Nothing new is asked, confirmed or sent, also not once more. Payments that have left are looked up as before, and
    webhooks are received. riel thaw ends it.
    """
    _change(why, frozen=True)


def thaw(why: Why) -> None:
    """Let payments go on after riel freeze. It needs a terminal, so that no agent with a pipe ends a freeze."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Misconfigured("riel thaw is for a person at a terminal: run it in one, without a pipe")
    _change(why, frozen=False)


def _change(why: str, *, frozen: bool) -> None:
    by, reason = os_user(), clean_text(why, most=len(why) + 1)
    if not 0 < len(reason) <= MAX_WHY:
        raise Misconfigured(f"--why is 1 to {MAX_WHY} characters that say why")
    changed = with_journal(lambda journal: change_freeze(journal, frozen=frozen, by=by, why=reason, at=utc_now()))
    if not changed:
        raise failed("payments are frozen already" if frozen else "payments are not frozen")
    sys.stdout.write(
        f"Payments are frozen, as {by} decided. riel thaw lets them go on.\n"
        if frozen
        else f"Payments go on, as {by} decided.\n"
    )
