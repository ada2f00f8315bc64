"""Write the exported record: under another name until it is whole, and never over an existing file."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from riel import __version__
from riel.cli.records import with_journal
from riel.clock import utc_now
from riel.errors import JournalUnavailable, Misconfigured
from riel.journal import Journal
from riel.journal.audit.export import export_lines
from riel.journal.audit.verify_export import ExportReport, ExportVerifier, TamperedExport
from riel.journal.columns import to_millis

MIN_EVENTS_FOR_PROGRESS = 20_000
"""From so many events on, a progress bar is shown."""

PROGRESS_INTERVAL = 500
"""How many lines are written between two updates of the progress bar."""


def export_record(to: Path | None) -> ExportReport:
    """Seal the journal and write the record to ``to`` or stdout, checking each line as a stranger would.

    :raises Misconfigured: the file is there, or cannot be written.
    """

    async def work(journal: Journal) -> ExportReport:
        with _open(to) as out:
            return await _write(journal, out)

    return with_journal(work)


async def _write(journal: Journal, out: BinaryIO) -> ExportReport:
    now = utc_now()
    try:
        await journal.anchor(now)
    except (Misconfigured, JournalUnavailable):
        sys.stderr.write(
            "riel: events after the newest anchor are left out: only a server that may write can anchor them\n"
        )
    check, broken = ExportVerifier(), None
    expected = sum(anchor.count for anchor in await journal.anchors())
    with progress_bar(expected) as show_progress:
        async for line in export_lines(journal, __version__, to_millis(now)):
            out.write(line)
            if broken is None:
                try:
                    check.take(line)
                except TamperedExport as tampered:
                    broken = tampered.broken
            if not check.events % PROGRESS_INTERVAL:
                show_progress(check.events)
    return check.report(broken)


@contextmanager
def _open(to: Path | None) -> Iterator[BinaryIO]:
    """A file beside ``to`` that only its owner may read, and that becomes ``to`` once it is whole; or stdout."""
    if to is None:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except OSError as failure:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left would be tried, and complained of, once more
            raise Misconfigured(f"stdout cannot be written: {failure.strerror}") from failure
        return
    there = Misconfigured(f"{to} is there already, and is not overwritten: name another file")
    try:
        if to.exists() or to.is_symlink():
            raise there
        handle, name = tempfile.mkstemp(prefix=f".{to.name}.", dir=to.parent)  # 0600
        try:
            with os.fdopen(handle, "wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            _give_name(Path(name), to)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108
    except FileExistsError:
        raise there from None
    except OSError as failure:
        raise Misconfigured(f"{to} cannot be written: {failure.strerror}") from failure


def _give_name(whole: Path, to: Path) -> None:
    """Give the file its name, unless something has it by now."""
    try:
        to.hardlink_to(whole)
    except FileExistsError:
        raise
    except OSError:  # a stick whose file system has no links
        if to.exists():
            raise FileExistsError from None
        whole.rename(to)


@contextmanager
def progress_bar(expected: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where somebody looks and it takes long."""
    if expected < MIN_EVENTS_FOR_PROGRESS or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("events", total=expected)
        yield lambda done: progress.update(bar, completed=done)
