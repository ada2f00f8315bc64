"""Whether rows are as riel left them: judged by their MACs, and by what the events of their chains say.

The stores hand the rows over page by page. Without the server's key, MACs are not checked.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from riel.journal.audit.chain import JOURNAL_CHAIN, ChainBreak
from riel.journal.columns import PROVEN_CHALLENGE_COLUMNS, PROVEN_PAYMENT_COLUMNS
from riel.journal.controls import CHANGED, COLUMNS, HEAD, digest_of
from riel.journal.events import ATTEMPT_FAILED, CHALLENGE_DECIDED, TOPICS
from riel.journal.records import ChallengeState, State
from riel.journal.row_mac import (
    ATTEMPTS,
    CHALLENGES,
    CONTROLS,
    DECISIONS,
    OUTBOX,
    PAYMENTS,
    USED_PROOFS,
    ProvenRow,
    RowMac,
    RowProof,
    proven_row,
)

Total = tuple[str, int]
"""The scope and the bucket of a limit."""


def check_rows(
    mac: RowMac, challenges: Iterable[Any], payments: Iterable[Any], created: Mapping[str, str]
) -> ChainBreak | None:
    """Find the first challenge or payment whose row is not as the last event of its chain left it.

    :param challenges: database rows of the proven columns by place, and by name the end of the chain.
    :param payments: the same of the payments of these challenges.
    :param created: the body of the event that created each payment.
    """
    paid = {row["id"]: row for row in payments}
    for row in challenges:
        payment = paid.get(row["id"])
        challenge = proven_row(CHALLENGES, PROVEN_CHALLENGE_COLUMNS, row)
        if payment is None:
            broken = _check_row(mac, challenge, row)
        else:
            broken = _check_row(mac, proven_row(PAYMENTS, PROVEN_PAYMENT_COLUMNS, payment), payment)
            broken = broken or _check_consumed(mac, challenge, row, created.get(row["id"], "{}"))
        if broken is not None:
            return broken
    return None


def _check_row(mac: RowMac, proven: ProvenRow, row: Any) -> ChainBreak | None:
    n, name = row["last_n"] or 0, proven.table.removesuffix("s")
    match proven.proof(mac, row["last_row_mac"] or "", n, row["last_hash"] or ""):
        case RowProof.PROVEN | RowProof.UNPROVABLE:
            return None
        case RowProof.DISTRUSTED:
            return ChainBreak(row["id"], n, f"the {name} {row['id']} was found altered: riel has said so in its chain")
    return ChainBreak(row["id"], n, f"the {name} {row['id']} was altered: its row is not as event {n} left it")


def _check_consumed(mac: RowMac, challenge: ProvenRow, row: Any, body: str) -> ChainBreak | None:
    text = json.loads(body).get("challengeMac", "")
    if mac.proves(text, "consumed challenges", *challenge.values):
        return None
    return ChainBreak(row["id"], 1, f"the challenge {row['id']} was altered after it was consumed")


def check_attempts(mac: RowMac, attempts: Iterable[Any], failed: Mapping[str, int]) -> ChainBreak | None:
    """Find the first attempt that was altered, added, or removed although an event tells of it.

    :param attempts: rows of ``principal``, ``challenge_id``, ``at``, ``outcome`` and ``mac``.
    :param failed: how many wrong codes the chain of each challenge tells of.
    """
    wrong = Counter[str]()
    for row in attempts:
        principal, challenge_id, at, outcome, text = row
        if not mac.proves(text, ATTEMPTS, principal, challenge_id, at, outcome):
            return ChainBreak(challenge_id or "", 0, f"an attempt of {principal} was altered, or added")
        wrong[challenge_id] += outcome != "right"
    for challenge_id, count in failed.items():
        if wrong[challenge_id] < count:
            return ChainBreak(challenge_id, 0, f"an attempt for {challenge_id} is missing: it was removed")
    return None


def check_messages(mac: RowMac, messages: Iterable[Any]) -> ChainBreak | None:
    """Find the first message of the outbox that was altered or added: rows of id, topic, body, time and MAC."""
    for message_id, topic, body, created_at, text in messages:
        if not mac.proves(text, OUTBOX, message_id, topic, body, created_at):
            return ChainBreak("", 0, f"the message {message_id} of the outbox was altered, or added")
    return None


def expected_messages(events: Iterable[Any]) -> list[str]:
    """Return the ids of the messages that these events wrote: rows of ``payment_id``, ``n``, ``event`` and ``body``."""
    names: dict[str, set[str]] = {}
    for kind, state in TOPICS:
        names.setdefault(kind, set()).add(state.value)
    found = []
    for payment_id, n, event, body in events:
        kind = event.partition(".")[0]
        if kind in names and event != f"{kind}.created" and json.loads(body).get("to") in names[kind]:
            found.append(f"{payment_id}.{n}")
    return found


def missing_message(expected: Sequence[str], known: Iterable[str]) -> ChainBreak | None:
    """Find the first message that an event wrote and that is gone."""
    for message_id in sorted(set(expected) - set(known)):
        payment_id, _, n = message_id.rpartition(".")
        return ChainBreak(payment_id, int(n), f"the message {message_id} of the outbox is missing: it was removed")
    return None


def check_totals(reserved: Iterable[Any], totals: Iterable[Any]) -> ChainBreak | None:
    """Find the first total of a limit that is not what the challenges reserve.

    :param reserved: rows of ``reservations``, the state of the challenge and that of its payment, or NULL.
    :param totals: rows of ``scope``, ``bucket`` and ``amount``.
    """
    expected = Counter[Total]()
    for text, challenge, payment in reserved:
        if reserves(challenge, payment):
            for scope, bucket, amount in json.loads(text):
                expected[scope, bucket] += amount
    known = {(scope, bucket): amount for scope, bucket, amount in totals}
    for scope, bucket in sorted(expected.keys() | known.keys()):
        if expected[scope, bucket] != known.get((scope, bucket), 0):
            return ChainBreak("", 0, f"the total of the limit {scope} was altered: it is not what payments reserve")
    return None


def reserves(challenge: str, payment: str | None) -> bool:
    """Return whether a challenge, or its payment, takes what it reserved of the limits."""
    if payment is not None:
        return payment != State.REJECTED
    return challenge == ChallengeState.OPEN


def count_failed(events: Iterable[Any]) -> Counter[str]:
    """Count the wrong codes by challenge: rows of ``payment_id`` and ``event``."""
    return Counter(payment_id for payment_id, event in events if event == ATTEMPT_FAILED)


def check_decisions(mac: RowMac, decisions: Iterable[Any], events: Iterable[Any]) -> ChainBreak | None:
    """Find the first decision that is not as riel wrote it, that no event tells of, or that is gone.

    :param decisions: rows of the columns of decisions and their MAC.
    :param events: of the same challenges: rows of ``payment_id``, ``n``, ``event`` and ``body``.
    """
    known = dict[tuple[str, str], str]()
    for row in decisions:
        challenge_id, approver, verdict, *_ = row
        if not mac.proves(row[-1], DECISIONS, *row[:-1]):
            return ChainBreak(challenge_id, 0, f"the decision of {approver} about {challenge_id} was altered, or added")
        known[challenge_id, approver] = verdict
    for challenge_id, n, event, body in events:
        if event == CHALLENGE_DECIDED:
            recorded = json.loads(body)
            if known.pop((challenge_id, recorded["by"]), None) != recorded["verdict"]:
                return ChainBreak(challenge_id, n, f"the decision of event {n} of {challenge_id} is missing: removed")
    for challenge_id, approver in sorted(known):
        return ChainBreak(challenge_id, 0, f"no event tells of the decision of {approver}: it was added")
    return None


def check_decision_proofs(missing: Iterable[Any]) -> ChainBreak | None:
    """Find the first decision whose proof does not count as used: rows of its challenge's id."""
    for (challenge_id,) in missing:
        return ChainBreak(challenge_id, 0, f"the proof of a decision about {challenge_id} is missing: it was removed")
    return None


def check_controls(
    mac: RowMac, controls: Iterable[Any], events: Iterable[Any], used_proofs: Iterable[Any]
) -> ChainBreak | None:
    """Find the first control that is not as its newest event left it, or a used proof that is not as riel wrote it.

    :param controls: rows of the columns of a control.
    :param events: of the chain of the journal, in order: rows of ``n``, ``event``, ``body``, ``hash`` and ``row_mac``.
    :param used_proofs: rows of ``replay_key``, ``at`` and ``mac``.
    """
    newest, proofs = dict[str, Any](), dict[str, int]()
    for row in events:
        n, event, body, *_ = row
        if event.endswith(CHANGED):
            newest[event.removesuffix(CHANGED)] = row
            if proof := json.loads(body).get("proof"):
                proofs[proof] = n
    known = {row[0]: tuple(row[:HEAD]) for row in controls}
    for name in sorted(known.keys() | newest.keys()):
        broken = _check_control(mac, name, known.get(name), newest.get(name))
        if broken is not None:
            return broken
    for replay_key, at, text in used_proofs:
        proofs.pop(digest_of(replay_key), None)
        if not mac.proves(text, USED_PROOFS, replay_key, at):
            return ChainBreak("", 0, "a used proof was altered, or added")
    for n in proofs.values():
        return ChainBreak(JOURNAL_CHAIN, n, f"the proof that event {n} of {JOURNAL_CHAIN} used is missing: removed")
    return None


def _check_control(mac: RowMac, name: str, stored: tuple[Any, ...] | None, event: Any) -> ChainBreak | None:
    if event is None:
        return ChainBreak(JOURNAL_CHAIN, 0, f"no event tells of the control {name}: it was added")
    n, _, body, event_hash, text = event
    if stored is None:
        return ChainBreak(JOURNAL_CHAIN, n, f"the control {name} is missing: it was removed")
    recorded = json.loads(body)
    proven = ProvenRow(CONTROLS, COLUMNS, stored).proof(mac, text, n, event_hash)
    said = (recorded.get("version"), recorded.get("sha256"))
    if said == (stored[1], digest_of(stored[2])) and proven in (RowProof.PROVEN, RowProof.UNPROVABLE):
        return None
    return ChainBreak(JOURNAL_CHAIN, n, f"the control {name} was altered: its row is not as event {n} left it")
