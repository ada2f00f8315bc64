"""SQL of the controls, and of the proofs that were used."""

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
from riel.journal.postgres import audit
from riel.journal.postgres.selects import check_schema
from riel.journal.postgres.sessions import Rollback, Session, Sessions
from riel.journal.row_mac import RowMac

T = TypeVar("T")

CONTROL_COLUMNS = "c.name, c.version, c.document, c.at, e.n, e.hash, e.row_mac, e.body"
FROM_CONTROL = (
    " FROM (SELECT $1::text AS name) wanted "
    "LEFT JOIN controls c ON c.name = wanted.name LEFT JOIN events e ON e.seq = (SELECT seq FROM events "
    "WHERE payment_id = 'journal' AND event = $2 ORDER BY n DESC LIMIT 1)"
)
SELECT_CONTROL = f"SELECT {CONTROL_COLUMNS}{FROM_CONTROL}"
SELECT_FREEZE = f"SELECT {CONTROL_COLUMNS}, {FREEZE_STATE} AS state{FROM_CONTROL}"
LOCK_CONTROL = "SELECT name FROM controls WHERE name = $1 FOR UPDATE"
INSERT_CONTROL = "INSERT INTO controls (name, version, document, at) VALUES ($1, $2, $3, $4)"
"""Of two transactions that write a first version, the second finds the name taken, and is repeated."""
UPDATE_CONTROL = "UPDATE controls SET version = $2, document = $3, at = $4 WHERE name = $1"
USE_PROOF = (
    "INSERT INTO used_proofs (replay_key, at, mac) VALUES ($1, $2, $3) ON CONFLICT (replay_key) DO NOTHING "
    "RETURNING replay_key"
)


class PostgresControls:
    """Keeps the protocol :class:`riel.journal.controls.ControlRecord`."""

    def __init__(self, sessions: Sessions, mac: RowMac) -> None:
        self._sessions = sessions
        self._mac = mac
        self._versions = ControlVersions()
        self._freeze = FreezeCheck(self._versions)

    async def control(self, name: str) -> Control | None:
        control = await self._sessions.read(lambda session: get(session, self._mac, self._versions, name))
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
        async def changed(session: Session) -> Control | None:
            await check_schema(session)
            locked = await session.row(LOCK_CONTROL, name)
            current = await get(session, self._mac, self._versions, name)
            if current is not None and current.tampered and not over_tampered:
                return current
            if version != (current.version if current else 0):
                return None
            if used is not None and not await use_proof(session, self._mac, used, to_millis(at)):
                raise Rollback(None)
            new = Control(name, version + 1, document, from_millis(to_millis(at)))
            await session.row(UPDATE_CONTROL if locked else INSERT_CONTROL, name, new.version, document, to_millis(at))
            await _append_event(session, self._mac, new, changed_body(new, body, used))
            return new

        control = await self._sessions.transact(changed)
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
        return await self._sessions.write(lambda session: use_proof(session, self._mac, replay_key, to_millis(at)))


async def get(session: Session, mac: RowMac, versions: ControlVersions, name: str) -> Control | None:
    """One control as it stands."""
    newest = versions.newest(name)
    return read_control(mac, newest, name, await session.row(SELECT_CONTROL, name, control_event(name)))


async def is_frozen(session: Session, mac: RowMac, check: FreezeCheck) -> bool:
    """Whether payments are frozen."""
    newest = check.newest
    return check.is_frozen(mac, newest, await session.row(SELECT_FREEZE, FREEZE, control_event(FREEZE)))


async def _append_event(session: Session, mac: RowMac, control: Control, body: Mapping[str, Any]) -> None:
    at = to_millis(control.at)
    await audit.append(session, mac, JOURNAL_CHAIN, at, control_event(control.name), body, control_row(control))


async def use_proof(session: Session, mac: RowMac, replay_key: str, at: int) -> bool:
    """Use a proof up. Return whether it was not used before."""
    return await session.write(USE_PROOF, replay_key, at, used_proof_mac(mac, replay_key, at)) is not None
