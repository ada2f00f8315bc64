"""SQL of the decisions of people, and of the challenges that wait for them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from riel.confirm.decisions import Decision, Weighing
from riel.journal import DecisionResult, Intent, LimitReached, PaymentRecord, Weigh, events
from riel.journal.columns import DECISION_COLUMNS, decision_values, to_millis
from riel.journal.controls import FREEZE, ControlVersions
from riel.journal.decisions import controls_for, decided_body, decision_mac, read_decisions, refusal_of, weighed
from riel.journal.freeze import FROZEN
from riel.journal.postgres import audit, challenges, controls, creation
from riel.journal.postgres.controls import PostgresControls
from riel.journal.postgres.payments import Creator
from riel.journal.postgres.selects import SELECT_CHALLENGES, check_schema
from riel.journal.postgres.sessions import Rollback, Session
from riel.journal.records import Challenge, ChallengeState
from riel.journal.row_mac import RowMac
from riel.journal.stored_rows import read_challenge
from riel.rail import Mode

SELECT_DECISIONS = f"SELECT {DECISION_COLUMNS} FROM decisions WHERE challenge_id = $1 ORDER BY at, approver"
INSERT_DECISION = (
    f"INSERT INTO decisions ({DECISION_COLUMNS}) VALUES ({', '.join(f'${place}' for place in range(1, 12))})"
)
LOCK_CHALLENGE = "SELECT id FROM challenges WHERE id = $1 FOR UPDATE"
LOCK_CONTROLS = "SELECT name FROM controls WHERE name = ANY($1::text[]) ORDER BY name FOR SHARE"
"""A change of one of them that was first is waited for, and seen; one that comes later waits for this decision."""
SELECT_WAITING = (
    SELECT_CHALLENGES + "base.state = 'open' AND base.requirement <> '' AND base.expires_at > $1 AND "
    "($2::text[] IS NULL OR (base.rail, base.mode) IN (SELECT * FROM unnest($2::text[], $3::text[]))) "
    "ORDER BY base.created_at DESC, base.id DESC LIMIT $4"
)


class PostgresDecisions(PostgresControls):
    """Keeps the protocol :class:`riel.journal.decisions.DecisionRecord`, but for the decision itself."""

    async def open_challenges(
        self, at: datetime, *, rails: Collection[tuple[str, Mode]] | None = None, most: int = 50
    ) -> Sequence[Challenge]:
        return await self._sessions.read(
            lambda session: open_challenges(session, self._mac, to_millis(at), rails, most)
        )

    async def decisions(self, challenge_id: str) -> Sequence[Decision]:
        found = await self._sessions.read(lambda session: get(session, self._mac, challenge_id))
        return [one for one in found if one is not None]


async def open_challenges(
    session: Session, mac: RowMac, at: int, rails: Collection[tuple[str, Mode]] | None, most: int
) -> list[Challenge]:
    """What waits for people, the newest first."""
    names, modes = ([pair[place] for pair in rails] if rails is not None else None for place in range(2))
    rows = await session.rows(SELECT_WAITING, at, names, modes, most)
    found = [read_challenge(mac, row).value for row in rows]
    return [challenge for challenge in found if challenge.state is ChallengeState.OPEN]


async def get(session: Session, mac: RowMac, challenge_id: str) -> list[Decision | None]:
    """The decisions about a challenge; ``None`` stands for one that is not as riel wrote it."""
    return read_decisions(mac, await session.rows(SELECT_DECISIONS, challenge_id))


async def decide(
    session: Session,
    creator: Creator,
    versions: ControlVersions,
    decision: Decision,
    weigh: Weigh,
    intent: Intent | None,
    at: datetime,
) -> PaymentRecord | DecisionResult | LimitReached:
    """Store a decision, and what follows from it, within one transaction. Where nothing does, nothing is stored."""
    await check_schema(session)
    mac, challenge_id = creator.mac, decision.challenge_id
    await session.row(LOCK_CHALLENGE, challenge_id)
    stored = await challenges.get(session, mac, challenge_id)
    if stored is None:
        return DecisionResult("expired")
    challenge, decisions = stored.value, await get(session, mac, challenge_id)
    known = [one for one in decisions if one is not None]
    if challenge.tampered or len(known) < len(decisions):
        await challenges.refuse_tampered(session, mac, stored, to_millis(at))
        return DecisionResult("tampered")
    if (refusal := refusal_of(challenge, at)) is not None:
        return refusal
    names = controls_for(challenge)
    await session.rows(LOCK_CONTROLS, [*names, FREEZE])
    if await controls.is_frozen(session, mac, creator.freeze):
        return DecisionResult(FROZEN)
    current = [await controls.get(session, mac, versions, name) for name in names]
    weighing = weighed(weigh, challenge, [*known, decision], current)
    if isinstance(weighing, DecisionResult):
        return weighing
    return await _follow(session, creator, decision, weighing, intent, at)


async def _follow(
    session: Session, creator: Creator, decision: Decision, weighing: Weighing, intent: Intent | None, at: datetime
) -> PaymentRecord | DecisionResult | LimitReached:
    """Write the decision and what follows from it, which may be found to be impossible only then.

    :raises Rollback: nothing of it is to be stored.
    """
    mac, now, challenge_id = creator.mac, to_millis(at), decision.challenge_id
    if decision.replay_key and not await controls.use_proof(session, mac, decision.replay_key, now):
        raise Rollback(DecisionResult("proof_reused"))
    await session.row(INSERT_DECISION, *decision_values(decision), decision_mac(mac, decision))
    await audit.append(session, mac, challenge_id, now, events.CHALLENGE_DECIDED, decided_body(decision))
    if weighing.declined:
        await challenges.end(
            session, mac, challenge_id, ChallengeState.DECLINED, now, by=weighing.declined_by, reason=decision.reason
        )
        return DecisionResult("declined", weighing.given, weighing.need)
    if not weighing.approved:
        return DecisionResult("waiting", weighing.given, weighing.need)
    if intent is None:
        raise ValueError("a decision that completes the approvals needs an intent")
    create = creation.create_limited if intent.refund_of is None else creation.create_refund
    try:
        created = await create(session, creator, None, challenge_id, None, intent, at, weighing.approvers)
    except Rollback as undone:
        created = undone.answer
    if isinstance(created, PaymentRecord):
        return created
    raise Rollback(created if isinstance(created, LimitReached) else DecisionResult(created))
