"""``riel notifications``: the notifications that wait, and whether the receiver takes them."""

import secrets
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from riel.cli.json_output import print_json
from riel.cli.records import stamp, with_journal
from riel.clock import utc_now

if TYPE_CHECKING:
    from riel.journal import Backlog, Journal

notifications = typer.Typer(help="See which notifications wait, or send one to try the receiver.", no_args_is_help=True)


@notifications.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False) -> None:
    """Show how many notifications wait, since when, and why the last delivery failed.

    A running server delivers them where RIEL_NOTIFICATIONS_URL is set; otherwise they stay here.
    """

    async def work(journal: "Journal") -> "Backlog":
        return await journal.backlog()

    backlog = with_journal(work)
    since, failed_at = stamp(backlog.since), stamp(backlog.failed_at)
    if as_json:
        failure = backlog.failure or None
        print_json({"waiting": backlog.count, "since": since, "failure": failure, "failedAt": failed_at})
        return
    if not backlog.count:
        sys.stdout.write("No notification waits.\n")
        return
    several = backlog.count != 1
    sys.stdout.write(f"{backlog.count} notification{'s' * several} wait{'s' * (not several)}, since {since}.\n")
    if failed_at:
        sys.stdout.write(f"The last try failed at {failed_at}: {backlog.failure}\n")


@notifications.command()
def test() -> None:
    """Queue a notification with the topic notifications.test. A running server sends it."""
    from riel.journal import Topic

    message_id = f"test_{secrets.token_hex(8)}"

    async def work(journal: "Journal") -> None:
        await journal.enqueue(message_id, Topic.TEST, {}, utc_now())

    with_journal(work)
    sys.stdout.write(f"{message_id} waits to be sent: riel notifications status tells whether it still does.\n")
