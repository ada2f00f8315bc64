"""The freeze: while it is set, nothing new is asked, decided or sent; look-ups and webhooks go on.

A freeze whose row is not proven is one, so who writes to the database cannot lift it.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from riel.journal.canonical_json import canonical
from riel.journal.controls import FREEZE, Control, ControlRecord, ControlVersions, read_control
from riel.journal.row_mac import RowMac

Frozen = Literal["frozen"]
FROZEN: Frozen = "frozen"
"""The answer where payments are frozen, and nothing was written."""

FREEZE_STATE = (
    "(SELECT coalesce((SELECT c.version || ' ' || c.at || ' ' || c.document FROM controls c WHERE c.name = 'freeze'), "
    "'') || coalesce((SELECT ' ' || e.n || ' ' || e.hash || ' ' || e.row_mac FROM events e "
    "WHERE e.payment_id = 'journal' AND e.event = 'freeze.changed' ORDER BY e.n DESC LIMIT 1), ''))"
)
"""SQL of either store: everything that proves the freeze, as one text. It is empty where there never was a freeze."""


def freeze_document(*, frozen: bool, by: str, why: str) -> str:
    """Return the document of the control :data:`FREEZE`."""
    return canonical({"frozen": frozen, "by": by, "why": why})


def is_set(control: Control | None) -> bool:
    """Return whether payments are frozen. What cannot be believed or read freezes them."""
    if control is None:
        return False
    try:
        return control.tampered or json.loads(control.document)["frozen"] is not False
    except (ValueError, LookupError, TypeError):
        return True


async def change_freeze(journal: ControlRecord, *, frozen: bool, by: str, why: str, at: datetime) -> bool:
    """Freeze payments, or lift the freeze, and return whether that changed anything.

    A freeze whose row is not proven is replaced by either.

    :param by: the person who decided so, as the audit record names them.
    """
    while True:
        control = await journal.control(FREEZE)
        if is_set(control) is frozen and not (control is not None and control.tampered):
            return False
        version, document = control.version if control else 0, freeze_document(frozen=frozen, by=by, why=why)
        body = {"action": "freeze" if frozen else "thaw", "by": by, "why": why}
        if await journal.change_control(FREEZE, version, document, body, at, over_tampered=True) is not None:
            return True


class FreezeCheck:
    """The state of the freeze that this process has proven to be lifted.

    A statement compares it with :data:`FREEZE_STATE`, so that nothing is proven again where nothing has changed.
    """

    def __init__(self, versions: ControlVersions) -> None:
        self._versions = versions
        self._lifted: str | None = ""

    @property
    def lifted(self) -> str:
        """The state in which nothing is frozen. No journal has the state ``frozen``."""
        return FROZEN if self._lifted is None else self._lifted

    @property
    def newest(self) -> int:
        """The newest version of the freeze that this process has read."""
        return self._versions.newest(FREEZE)

    def forget(self) -> None:
        """Prove the state anew the next time."""
        self._lifted = None

    def is_frozen(self, mac: RowMac, newest: int, row: Sequence[Any]) -> bool:
        """Return whether payments are frozen.

        :param newest: the newest version of the freeze that was known before the row was read.
        :param row: the columns that :func:`read_control` takes, and last :data:`FREEZE_STATE`.
        """
        frozen = is_set(read_control(mac, newest, FREEZE, row))
        self._lifted = None if frozen else row[len(row) - 1]
        return frozen
