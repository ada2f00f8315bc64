"""SQL of the controls, and of the proofs that were used."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.columns import from_millis, to_millis
from riel.journal.controls import (
    FREEZE,
    PEOPLE,
    POLICY,
    REHEARSAL_PEOPLE,
    Control,
    ControlVersions,
    changed_body,
    control_event,
    control_row,
    read_control,
    used_proof_mac,
)
from riel.journal.freeze import FREEZE_STATE, FROZEN, FreezeCheck
from riel.journal.row_mac import RowMac
from riel.journal.sqlite import audit
from riel.journal.sqlite.connect import check_schema
from riel.journal.sqlite.database import SqliteDatabase, TransactionQueue

T = TypeVar("T")

CONTROL_COLUMNS = "c.name, c.version, c.document, c.at, e.n, e.hash, e.row_mac, e.body"
FROM_CONTROL = (
    " FROM (SELECT ? AS name) wanted "
    "LEFT JOIN controls c ON c.name = wanted.name LEFT JOIN events e ON e.seq = (SELECT seq FROM events "
    "WHERE payment_id = 'journal' AND event = ? ORDER BY n DESC LIMIT 1)"
)
SELECT_CONTROL = f"SELECT {CONTROL_COLUMNS}{FROM_CONTROL}"
SELECT_FREEZE_STATE = f"SELECT {FREEZE_STATE}"
SELECT_FREEZE = f"SELECT {CONTROL_COLUMNS}, {FREEZE_STATE}{FROM_CONTROL}"
WRITE_CONTROL = (
    "INSERT INTO controls (name, version, document, at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
    "version = excluded.version, document = excluded.document, at = excluded.at"
)
USE_PROOF = "INSERT INTO used_proofs (replay_key, at, mac) VALUES (?, ?, ?) ON CONFLICT (replay_key) DO NOTHING"


class SqliteControls(SqliteDatabase):
    """Keeps the protocol :class:`riel.journal.controls.ControlRecord`."""

    def __init__(self, writer: TransactionQueue, reader: sqlite3.Connection, mac: RowMac) -> None:
        super().__init__(writer, reader, mac)
        self._versions = ControlVersions()
        self._freeze = FreezeCheck(self._versions)

    async def control(self, name: str) -> Control | None:
        control = await self._read_directly(lambda db: get(db, self._mac, self._versions, name))
        self._versions.note(control)
        return control

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
        def changed(db: sqlite3.Connection) -> Control | None:
            check_schema(db)
            current = get(db, self._mac, self._versions, name)
            if current is not None and current.tampered and not over_tampered:
                return current
            if version != (current.version if current else 0):
                return None
            if used is not None and not use_proof(db, self._mac, used, to_millis(at)):
                return None
            new = Control(name, version + 1, document, from_millis(to_millis(at)))
            db.execute(WRITE_CONTROL, (name, new.version, document, to_millis(at)))
            event, row = control_event(name), control_row(new)
            audit.append(db, self._mac, JOURNAL_CHAIN, to_millis(at), event, changed_body(new, body, used), row)
            return new

        control = await self._writer.write(changed)
        self._versions.note(control)
        return control

    async def _note_freeze(self, answer: T) -> T:
        """Return the answer of a transaction; where it is ``frozen``, the version of that freeze is remembered."""
        if answer == FROZEN:
            await self.control(FREEZE)
        return answer

    async def _note_versions(self) -> None:
        """Remember the versions of the controls that a decision is weighed by, once they are committed."""
        for name in (PEOPLE, REHEARSAL_PEOPLE, POLICY, FREEZE):
            await self.control(name)

    async def use_once(self, replay_key: str, at: datetime) -> bool:
        return await self._writer.write(lambda db: use_proof(db, self._mac, replay_key, to_millis(at)))


def get(db: sqlite3.Connection, mac: RowMac, versions: ControlVersions, name: str) -> Control | None:
    """One control as it stands."""
    newest = versions.newest(name)
    return read_control(mac, newest, name, db.execute(SELECT_CONTROL, (name, control_event(name))).fetchone())


def is_frozen(db: sqlite3.Connection, mac: RowMac, check: FreezeCheck) -> bool:
    """Whether payments are frozen."""
    if db.execute(SELECT_FREEZE_STATE).fetchone()[0] == check.lifted:
        return False
    newest = check.newest
    return check.is_frozen(mac, newest, db.execute(SELECT_FREEZE, (FREEZE, control_event(FREEZE))).fetchone())


def use_proof(db: sqlite3.Connection, mac: RowMac, replay_key: str, at: int) -> bool:
    """Use a proof up. Return whether it was not used before."""
    return db.execute(USE_PROOF, (replay_key, at, used_proof_mac(mac, replay_key, at))).rowcount == 1
