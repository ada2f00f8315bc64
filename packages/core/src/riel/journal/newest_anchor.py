"""The newest anchor of a journal, kept beside the server's key: a journal that is behind it was put back.

Each journal has a file of its own, named by its first event. Who can write to the database cannot write there.
"""

import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from riel.errors import Misconfigured
from riel.journal.audit.chain import GENESIS, JOURNAL_CHAIN, Anchor, link
from riel.journal.canonical_json import canonical
from riel.journal.columns import to_millis
from riel.journal.events import RESTORED
from riel.journal.protocol import Journal
from riel.journal.records import Event
from riel.journal.row_mac import EVENTS, RowMac

log = logging.getLogger(__name__)

FOLDER = "anchors"
NAME_LENGTH = 32


@dataclass(frozen=True, slots=True)
class KeptAnchor:
    """An anchor as its file holds it: its number, when it was made (milliseconds), and its hash."""

    n: int
    at: int
    hash: str


class AnchorKeeper:
    """Keeps the newest anchor of one journal in ``folder``, the home of the server."""

    def __init__(self, folder: Path, journal: Journal, mac: RowMac) -> None:
        self._folder = folder / FOLDER
        self._journal = journal
        self._mac = mac

    async def check(self) -> None:
        """Compare the journal with the newest anchor that was kept, and keep the newest of both.

        :raises Misconfigured: the journal is older than that anchor, or was rewritten.
        """
        path = await self._path()
        kept = None if path is None else _read(path)
        anchors = await self._journal.anchors()
        if kept is not None and not any((known.n, known.hash) == (kept.n, kept.hash) for known in anchors):
            events = await self._journal.events(JOURNAL_CHAIN)
            if not _restored_since(events, kept.at, self._mac):
                raise Misconfigured(
                    f"RIEL_JOURNAL: the journal is older than anchor {kept.n}, which {path} keeps, or was rewritten: "
                    "run riel restore if it was put back from a copy."
                )
            self._write(path, anchors)
        await self.keep()

    async def keep(self) -> None:
        """Keep the newest anchor of the journal, unless a newer one is kept."""
        path = await self._path()
        anchors = await self._journal.anchors()
        kept = None if path is None else _read(path)
        if anchors and (kept is None or kept.n < anchors[-1].n):
            self._write(path, anchors)

    async def _path(self) -> Path | None:
        first = await self._journal.first_event()
        return None if first is None else self._folder / first[:NAME_LENGTH]

    def _write(self, path: Path | None, anchors: Sequence[Anchor]) -> None:
        if path is None or not anchors:
            return
        newest = anchors[-1]
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{newest.n} {newest.at} {newest.hash}\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as failure:
            log.warning("the newest anchor could not be kept at %s: %s", path, failure.strerror)
            fresh.unlink(missing_ok=True)


def _read(path: Path) -> KeptAnchor | None:
    try:
        n, at, digest = path.read_text("ascii").split()
        return KeptAnchor(int(n), int(at), digest)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as failure:
        raise Misconfigured(f"RIEL_HOME: {path} cannot be read, or is damaged: restore it from a backup.") from failure


def _restored_since(events: Sequence[Event], at: int, mac: RowMac) -> bool:
    """Whether riel itself noted, after ``at``, that the journal was put back."""
    previous = GENESIS
    restored = False
    for event in events:
        text = canonical(event.body)
        if event.hash != link(previous, event.payment_id, event.n, to_millis(event.at), event.event, text):
            return False
        previous = event.hash
        proven = mac.has_key and mac.proves(event.mac, EVENTS, event.hash)
        restored = restored or (proven and event.event == RESTORED and to_millis(event.at) >= at)
    return restored
