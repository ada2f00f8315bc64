"""``riel key``: the server's key, which makes codes and references, and what to do once it is lost or was seen."""

import asyncio
import sys

import typer

from riel.cli.records import failed, os_user, settings_with_a_journal
from riel.cli.restore import STILL_SERVED
from riel.clock import utc_now
from riel.errors import JournalUnavailable, Misconfigured
from riel.journal.epochs import lost_keys
from riel.journal.open import open_journal
from riel.journal.row_mac import RowMac
from riel.secrets import add_server_key, key_file

key = typer.Typer(help="Replace the server's key.", no_args_is_help=True)


@key.callback()
def _key() -> None:
    """Replace the server's key."""


@key.command()
def replace() -> None:
    """Make a new server's key and bind the journal to it: where the old one is lost, or others may have seen it.

    Open challenges are closed, since the old key made their codes. The audit record notes it. An older key that is
    still there stays in the file, to prove what was written with it; a damaged file is set aside. What a lost key
    proved is read as it stands: payments that were under way are looked up, and never sent again.
    """
    settings = settings_with_a_journal()

    async def run() -> tuple[str, int]:
        journal = await open_journal(settings.journal, RowMac(), make=False)
        try:
            if await journal.has_other_owners():
                raise Misconfigured(STILL_SERVED)
            before, gone = await journal.key_id(), await lost_keys(journal)
            new = add_server_key(settings.folder)
            lost = before is not None and new.of(before) is None
            journal.use_keys(new, {*gone, before or ""} if lost else gone)
            closed = await journal.replace_key(new.current.id, os_user(), utc_now(), lost=lost)
            await journal.anchor(utc_now())
            return new.current.id, closed
        finally:
            await journal.close()

    try:
        key_id, closed = asyncio.run(run())
    except JournalUnavailable as failure:
        raise failed(str(failure)) from failure
    sys.stdout.write(
        f"The journal is bound to the new key {key_id[:8]}. Open challenges that were closed: {closed}.\n"
        f"Give {key_file(settings.folder)} to every server that shares the journal, and keep a copy of it.\n"
    )
