"""SQL of the decisions of people, and of the challenges that wait for them."""

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime

from riel.confirm.decisions import Decision, Weighing
from riel.journal import Control, DecisionResult, Intent, LimitReached, PaymentRecord, Weigh, events
from riel.journal.columns import DECISION_COLUMNS, decision_values, to_millis
from riel.journal.controls import ControlVersions
from riel.journal.decisions import controls_for, decided_body, decision_mac, read_decisions, refusal_of, weighed
from riel.journal.freeze import FROZEN
from riel.journal.records import Challenge, ChallengeState
from riel.journal.row_mac import RowMac
from riel.journal.sqlite import audit, challenges, controls, creation
from riel.journal.sqlite.connect import check_schema
from riel.journal.sqlite.controls import SqliteControls
from riel.journal.sqlite.database import TransactionQueue
from riel.journal.sqlite.owners import OwnerRegistry
from riel.journal.sqlite.payments import Owner
from riel.journal.sqlite.selects import SELECT_CHALLENGES
from riel.journal.stored_rows import read_challenge
from riel.rail import Mode

SELECT_DECISIONS = f"SELECT {DECISION_COLUMNS} FROM decisions WHERE challenge_id = ? ORDER BY at, approver"
INSERT_DECISION = f"INSERT INTO decisions ({DECISION_COLUMNS}) VALUES ({','.join('?' * 11)})"
WAITS_FOR_PEOPLE = "base.state = 'open' AND base.requirement <> '' AND base.expires_at > ?"


class SqliteDecisions(SqliteControls):
    """Keeps the protocol :class:`riel.journal.decisions.DecisionRecord`."""

    def __init__(
        self, writer: TransactionQueue, owners: OwnerRegistry, reader: sqlite3.Connection, mac: RowMac
    ) -> None:
        super().__init__(writer, reader, mac)
        self._owners = owners

    def _owner(self) -> Owner:
        return Owner(self._mac, self._owners.me, self._freeze)

    async def open_challenges(
        self, at: datetime, *, rails: Collection[tuple[str, Mode]] | None = None, most: int = 50
    ) -> Sequence[Challenge]:
        return await self._writer.read(lambda db: open_challenges(db, self._mac, to_millis(at), rails, most))

    async def decisions(self, challenge_id: str) -> Sequence[Decision]:
        return await self._read_directly(lambda db: [one for one in get(db, self._mac, challenge_id) if one])

    async def decide(
        self, decision: Decision, weigh: Weigh, intent: Intent | None, at: datetime
    ) -> PaymentRecord | DecisionResult | LimitReached:
        owner = self._owner()
        decided = await self._writer.write(lambda db: decide(db, owner, self._versions, decision, weigh, intent, at))
        await self._note_versions()
        return decided


def open_challenges(
    db: sqlite3.Connection, mac: RowMac, at: int, rails: Collection[tuple[str, Mode]] | None, most: int
) -> list[Challenge]:
    """What waits for people, the newest first."""
    condition, values = WAITS_FOR_PEOPLE, list[str | int]([at])
    if rails is not None:
        places = ",".join(["(?, ?)"] * len(rails))
        condition += f" AND (base.rail, base.mode) IN (VALUES {places})" if rails else " AND 0"
        values += [each for pair in sorted(rails) for each in pair]
    order = " ORDER BY base.created_at DESC, base.id DESC LIMIT ?"
    rows = db.execute(SELECT_CHALLENGES + condition + order, (*values, most))
    found = [read_challenge(mac, row).value for row in rows]
    return [challenge for challenge in found if challenge.state is ChallengeState.OPEN]


def get(db: sqlite3.Connection, mac: RowMac, challenge_id: str) -> list[Decision | None]:
    """The decisions about a challenge; ``None`` stands for one that is not as riel wrote it."""
    return read_decisions(mac, db.execute(SELECT_DECISIONS, (challenge_id,)))


def decide(
    db: sqlite3.Connection,
    owner: Owner,
    versions: ControlVersions,
    decision: Decision,
    weigh: Weigh,
    intent: Intent | None,
    at: datetime,
) -> PaymentRecord | DecisionResult | LimitReached:
    """Store a decision, and what follows from it. Where nothing does, nothing is stored."""
    check_schema(db)
    mac, now, challenge_id = owner.mac, to_millis(at), decision.challenge_id
    row = db.execute(SELECT_CHALLENGES + "id = ?", (challenge_id,)).fetchone()
    if row is None:
        return DecisionResult("expired")
    challenge, decisions = read_challenge(mac, row).value, get(db, mac, challenge_id)
    known = [one for one in decisions if one is not None]
    if challenge.tampered or len(known) < len(decisions):
        challenges.refuse_tampered(db, mac, challenge_id, now)
        return DecisionResult("tampered")
    if (refusal := refusal_of(challenge, at)) is not None:
        return refusal
    if controls.is_frozen(db, mac, owner.freeze):
        return DecisionResult(FROZEN)
    current: list[Control | None] = [controls.get(db, mac, versions, name) for name in controls_for(challenge)]
    weighing = weighed(weigh, challenge, [*known, decision], current)
    if isinstance(weighing, DecisionResult):
        return weighing
    db.execute("SAVEPOINT decision")
    answer = _follow(db, owner, decision, weighing, intent, at)
    stored = isinstance(answer, PaymentRecord) or (
        isinstance(answer, DecisionResult) and answer.outcome in ("waiting", "declined")
    )
    if not stored:
        db.execute("ROLLBACK TO decision")
    db.execute("RELEASE decision")
    return answer


def _follow(
    db: sqlite3.Connection, owner: Owner, decision: Decision, weighing: Weighing, intent: Intent | None, at: datetime
) -> PaymentRecord | DecisionResult | LimitReached:
    """Write the decision and what follows from it, which may be found to be impossible only then."""
    mac, now, challenge_id = owner.mac, to_millis(at), decision.challenge_id
    if decision.replay_key and not controls.use_proof(db, mac, decision.replay_key, now):
        return DecisionResult("proof_reused")
    db.execute(INSERT_DECISION, (*decision_values(decision), decision_mac(mac, decision)))
    row = db.execute(SELECT_CHALLENGES + "id = ?", (challenge_id,)).fetchone()
    proven = read_challenge(mac, row).row
    audit.append(db, mac, challenge_id, now, events.CHALLENGE_DECIDED, decided_body(decision), proven, row)
    if weighing.declined:
        challenges.end(
            db, mac, challenge_id, ChallengeState.DECLINED, now, by=weighing.declined_by, reason=decision.reason
        )
        return DecisionResult("declined", weighing.given, weighing.need)
    if not weighing.approved:
        return DecisionResult("waiting", weighing.given, weighing.need)
    if intent is None:
        raise ValueError("a decision that completes the approvals needs an intent")
    row = db.execute(SELECT_CHALLENGES + "id = ?", (challenge_id,)).fetchone()
    stored = read_challenge(mac, row)
    created = creation.consume(db, owner, stored, row, None, intent, at, weighing.approvers)
    return created if isinstance(created, PaymentRecord | LimitReached) else DecisionResult(created)
