"""``riel audit``: whether the record still says what was written, and a seal over all of it."""

import sys
from typing import TYPE_CHECKING

import typer

from riel.cli.records import at_the_journal, refused
from riel.rail import utc_now

if TYPE_CHECKING:
    from riel.journal import Broken, Journal

audit = typer.Typer(help="Verify that no recorded event was altered, removed or reordered.", no_args_is_help=True)


@audit.command()
def verify() -> None:
    """Check every event against its chain, and the chains against the anchors over them.

    The exit code is 1 where one does not hold, and the first of them is named.
    """

    async def work(journal: "Journal") -> "tuple[int, Broken | None]":
        return await journal.verify()

    count, broken = at_the_journal(work)
    if broken is not None:
        raise refused(f"the record does not hold: {broken.sentence}")
    sys.stdout.write(f"{count} event{'s' * (count != 1)}: none was altered, removed or reordered.\n")


@audit.command()
def anchor() -> None:
    """Seal every event since the last anchor, so that a whole chain cannot be taken out unseen.

    A server does that every five minutes, and when it ends.
    """

    async def work(journal: "Journal") -> bool:
        return await journal.anchor(utc_now())

    sealed = at_the_journal(work)
    sys.stdout.write("Sealed.\n" if sealed else "Nothing was written since the last anchor.\n")
