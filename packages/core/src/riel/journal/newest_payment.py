"""The newest payment of a journal, kept beside the server's key: a copy that was put back does not have it.

An anchor is written every five minutes. This file is written for every payment before its order leaves, and not
synced, since that would cost more than the payment: after a power cut it may hold an older payment, or nothing, and
never one that the journal lost.
"""

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from riel.errors import JournalUnavailable, Misconfigured
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.columns import to_millis
from riel.journal.newest_anchor import NAME_LENGTH, restored_since
from riel.journal.protocol import Journal
from riel.journal.records import PaymentRecord
from riel.journal.row_mac import RowMac
from riel.journal.stored_rows import UNREADABLE

log = logging.getLogger(__name__)

FOLDER = "newest_payments"


@dataclass(frozen=True, slots=True)
class KeptPayment:
    """A payment as its file holds it: its id, and when it was created (milliseconds)."""

    id: str
    at: int


class PaymentKeeper:
    """Keeps the newest payment of one journal in ``folder``, the home of the server."""

    def __init__(self, folder: Path, journal: Journal, mac: RowMac) -> None:
        self._folder = folder / FOLDER
        self._journal = journal
        self._mac = mac
        self._path: Path | None = None

    async def check(self) -> None:
        """Look for the newest payment that was kept.

        :raises Misconfigured: the journal does not have it, and no restore was declared since.
        """
        path = await self._file()
        kept = None if path is None else _read(path)
        if path is None or kept is None or await self._is_known(kept):
            return
        if not restored_since(await self._journal.events(JOURNAL_CHAIN), kept.at, self._mac):
            raise Misconfigured(
                f"RIEL_JOURNAL: the journal does not have the payment {kept.id}, which {path} keeps: run riel restore "
                "if the journal was put back from a copy."
            )
        path.unlink(missing_ok=True)

    async def keep(self, record: PaymentRecord) -> None:
        """Keep ``record``, which is in the journal. A failure is logged, and stops nothing."""
        try:
            path = await self._file()
            if path is None:
                return
            line = f"{record.id} {to_millis(record.created_at)}\n".encode()
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.write(file, line)
                os.ftruncate(file, len(line))
            finally:
                os.close(file)
        except (JournalUnavailable, OSError) as failure:
            log.warning("the newest payment could not be kept in %s: %s", self._folder, failure)

    async def _is_known(self, kept: KeptPayment) -> bool:
        with suppress(*UNREADABLE):
            return await self._journal.payment(kept.id) is not None
        return True

    async def _file(self) -> Path | None:
        """The file of the journal, which its first event names; ``None`` while it has none."""
        if self._path is None and (first := await self._journal.first_event()) is not None:
            self._path = self._folder / first[:NAME_LENGTH]
        return self._path


def _read(path: Path) -> KeptPayment | None:
    """The payment of a file. One that a power cut left unfinished says nothing."""
    try:
        payment_id, at = path.read_text("ascii").split()
        return KeptPayment(payment_id, int(at))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as failure:
        log.warning("the newest payment in %s cannot be read: %s", path, failure)
        return None
