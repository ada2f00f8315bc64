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
        """Compare the journal with the newest anchor that was kept, and keep its newest one from now on.

        :raises Misconfigured: the journal is older than that anchor, or was rewritten.
        """
        first, anchors = await self._journal.first_event(), await self._journal.anchors()
        kept = None if first is None else _read(self._path(first))
        if first is not None and kept is not None and not _has(anchors, kept):
            events = await self._journal.events(JOURNAL_CHAIN)
            if not restored_since(events, kept.at, self._mac):
                raise Misconfigured(
                    f"RIEL_JOURNAL: the journal is older than anchor {kept.n}, which {self._path(first)} keeps, or was "
                    "rewritten: run riel restore if it was put back from a copy."
                )
            self._path(first).unlink(missing_ok=True)
        if first is not None and anchors:
            self.keep(first, anchors[-1])
        self._journal.when_anchored(self.keep)

    def keep(self, first: str, anchor: Anchor) -> None:
        """Keep the anchor of the journal whose first event has that hash, unless a newer one is kept."""
        path = self._path(first)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            kept = _read(path)
            if kept is not None and kept.n >= anchor.n:
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{anchor.n} {anchor.at} {anchor.hash}\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except (Misconfigured, OSError) as failure:
            log.warning("the newest anchor could not be kept at %s: %s", path, failure)

    def _path(self, first: str) -> Path:
        return self._folder / first[:NAME_LENGTH]


def _has(anchors: Sequence[Anchor], kept: KeptAnchor) -> bool:
    return any((known.n, known.hash) == (kept.n, kept.hash) for known in anchors)


def _read(path: Path) -> KeptAnchor | None:
    try:
        n, at, digest = path.read_text("ascii").split()
        return KeptAnchor(int(n), int(at), digest)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as failure:
        raise Misconfigured(f"RIEL_HOME: {path} cannot be read, or is damaged: restore it from a backup.") from failure


def restored_since(events: Sequence[Event], at: int, mac: RowMac) -> bool:
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
