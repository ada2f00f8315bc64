"""Controls: the documents of state that give rights. These are the people, the policy and the freeze.

The row of a control is proven by the newest event of that control in the chain of the journal. A row that was inserted,
altered, removed or put back decides nothing: it is read as ``tampered``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from riel.journal.columns import EPOCH, from_millis, to_millis
from riel.journal.row_mac import CONTROLS, USED_PROOFS, ProvenRow, RowMac, RowProof
from riel.rail import Mode

PEOPLE, REHEARSAL_PEOPLE, POLICY, FREEZE = "people", "people.rehearsal", "policy", "freeze"
"""The names of the controls. A credential of a rehearsal is never one of live money, so its people stand apart."""

CHANGED = ".changed"
"""The end of the name of an event that changed a control: ``policy.changed``."""

COLUMNS = ("name", "version", "document", "at")
HEAD = len(COLUMNS)
MAX_VERSION = 2**53


@dataclass(frozen=True, slots=True)
class Control:
    """One document as it stands: ``version`` counts from one.

    ``tampered``: its row is not as riel wrote it, or is of an older version. ``document`` is then not to be believed.
    """

    name: str
    version: int
    document: str
    at: datetime
    tampered: bool = False


class ControlRecord(Protocol):
    """The part of a journal that keeps the controls, and the proofs that were used."""

    async def control(self, name: str) -> Control | None:
        """Return a control as it stands; ``None`` if there never was one."""

    async def change_control(
        self,
        name: str,
        version: int,
        document: str,
        body: Mapping[str, Any],
        at: datetime,
        *,
        used: str | None = None,
        over_tampered: bool = False,
    ) -> Control | None:
        """Write the next version of a control with its event ``<name>.changed``, in one transaction.

        Returns ``None``, and writes nothing, where another change was first or ``used`` was used before. A control
        that is tampered is returned as it is and nothing is written, unless ``over_tampered``.

        :param version: the version that the caller has read; 0 where there was no control.
        :param body: what the event says: by whom, which action, whom it concerns. Never a secret. The journal adds
            ``version``, the SHA-256 of the document, and that of ``used``.
        :param used: names the proof that allowed the change, which is used up with it.
        :param over_tampered: write also over a control whose row is not as riel wrote it.
        """

    async def use_once(self, replay_key: str, at: datetime) -> bool:
        """Use a proof up, and return whether this is its first use in the whole journal."""


def people_control(mode: Mode) -> str:
    """Return the name of the control with the people who decide about money of that mode."""
    return PEOPLE if mode == "live" else REHEARSAL_PEOPLE


def control_event(name: str) -> str:
    """Return the name of the event that changes a control."""
    return name + CHANGED


def digest_of(text: str) -> str:
    """Return the SHA-256 of a document or of the name of a proof, as events hold it."""
    return hashlib.sha256(text.encode()).hexdigest()


def control_row(control: Control) -> ProvenRow:
    """Return the columns of a control that its MAC covers: all."""
    return ProvenRow(CONTROLS, COLUMNS, (control.name, control.version, control.document, to_millis(control.at)))


def changed_body(control: Control, body: Mapping[str, Any], used: str | None) -> dict[str, Any]:
    """Return the body of the event that writes ``control``."""
    added = {"version": control.version, "sha256": digest_of(control.document)}
    return {**body, **added, **({"proof": digest_of(used)} if used is not None else {})}


def used_proof_mac(mac: RowMac, replay_key: str, at: int) -> str:
    """Return the MAC of a proof that was used."""
    return mac.of(USED_PROOFS, replay_key, at)


class ControlVersions:
    """The newest version of each control that this process has read: an older one was put back."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}

    def newest(self, name: str) -> int:
        """Return the newest version that was read; 0 if none was."""
        return self._newest.get(name, 0)

    def note(self, control: Control | None) -> None:
        """Remember the version of a control that was read after its commit."""
        if control is not None and not control.tampered:
            self._newest[control.name] = max(control.version, self.newest(control.name))


def read_control(mac: RowMac, newest: int, name: str, row: Sequence[Any]) -> Control | None:
    """Read a row of :data:`COLUMNS` and of the newest event of the control: number, hash, MAC of the row, and body.

    Each of the two may be missing, and its values are NULL then.

    :param newest: the newest version that was known before the row was read.
    """
    stored, (n, event_hash, text, body) = tuple(row[:HEAD]), tuple(row[HEAD : HEAD + 4])
    if stored[0] is None and n is None and not newest:
        return None
    if stored[0] == name and n is not None and stored[1] >= newest:
        proof = ProvenRow(CONTROLS, COLUMNS, stored).proof(mac, text, n, event_hash)
        if proof is RowProof.PROVEN:
            return Control(name, stored[1], stored[2], from_millis(stored[3]))
    mac.report(CONTROLS, name)
    version = max(_bounded(stored[1]), _bounded(_version_in(body)), newest)
    return Control(name, version, stored[2] or "", EPOCH, tampered=True)


def _version_in(body: str | None) -> Any:
    try:
        return json.loads(body or "{}").get("version")
    except (ValueError, AttributeError):
        return None


def _bounded(version: Any) -> int:
    """A version that somebody wrote, where a next one can follow it."""
    return version if isinstance(version, int) and 0 < version < MAX_VERSION else 0
