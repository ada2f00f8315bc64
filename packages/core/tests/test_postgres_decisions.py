"""In PostgreSQL a decision waits for a change of people that was first, and is weighed by its outcome."""

import asyncio
from typing import Any

import asyncpg
import pytest

from riel.confirm.decisions import Weighing
from riel.journal import Challenge, Control, DecisionResult, PaymentRecord
from riel.journal.controls import FREEZE, REHEARSAL_PEOPLE
from riel.journal.freeze import freeze_document
from riel.testing.journal_contract import NOW, new_intent, open_challenge
from riel.testing.journal_contract.decisions import BY, decide, new_decision, new_question
from riel.testing.journal_contract.freeze import set_freeze

from .postgres_support import STUCK, PostgresSchema, until

pytestmark = pytest.mark.anyio

LOCK = "SELECT name FROM controls WHERE name = $1 FOR UPDATE"


async def test_an_approver_who_was_revoked_first_does_not_count(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    await open_challenge(journal, new_question())
    await journal.change_control(REHEARSAL_PEOPLE, 0, "ana", BY, NOW)
    blocker: Any = await asyncpg.connect(store.url)
    await blocker.execute("BEGIN")
    await blocker.fetchrow(LOCK, REHEARSAL_PEOPLE)

    def weigh(challenge: Challenge, decisions: object, people: Control | None, policy: object) -> Weighing | str:
        if people is None or "ana" not in people.document:
            return "ana is no approver"
        return Weighing(approvers=("ana",), need=1, approved=True)

    revoking = asyncio.create_task(journal.change_control(REHEARSAL_PEOPLE, 1, "nobody", BY, NOW))
    await until(lambda: store.says(f"SELECT count(*) = 1 {STUCK}"))
    deciding = asyncio.create_task(other.decide(new_decision(), weigh, new_intent(), NOW))
    await until(lambda: store.says(f"SELECT count(*) = 2 {STUCK}"))
    await blocker.execute("ROLLBACK")
    revoked = await revoking
    assert revoked is not None
    assert (revoked.version, revoked.tampered) == (2, False)
    assert await deciding == DecisionResult("refused", why="ana is no approver")
    assert await other.decisions("pay_a") == []
    for handle in (blocker, journal, other):
        await handle.close()


async def test_a_freeze_that_was_first_lets_nothing_be_decided(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    await open_challenge(journal, new_question())
    await set_freeze(journal, frozen=True)
    await set_freeze(journal, frozen=False)
    blocker: Any = await asyncpg.connect(store.url)
    await blocker.execute("BEGIN")
    await blocker.fetchrow(LOCK, FREEZE)
    document = freeze_document(frozen=True, by="ana", why="a stolen phone")
    freezing = asyncio.create_task(journal.change_control(FREEZE, 2, document, BY, NOW))
    await until(lambda: store.says(f"SELECT count(*) = 1 {STUCK}"))
    deciding = asyncio.create_task(decide(other))
    await until(lambda: store.says(f"SELECT count(*) = 2 {STUCK}"))
    await blocker.execute("ROLLBACK")
    assert await freezing
    assert await deciding == DecisionResult("frozen")
    assert await other.payments() == []
    for handle in (blocker, journal, other):
        await handle.close()


async def test_two_approvers_who_wait_for_each_other_make_one_payment(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    await open_challenge(journal, new_question())
    blocker: Any = await asyncpg.connect(store.url)
    await blocker.execute("BEGIN")
    await blocker.fetchrow("SELECT id FROM challenges WHERE id = 'pay_a' FOR UPDATE")
    deciding = [asyncio.create_task(decide(journal, "ana", need=2)), asyncio.create_task(decide(other, "luis", need=2))]
    await until(lambda: store.says(f"SELECT count(*) = 2 {STUCK}"))
    await blocker.execute("ROLLBACK")
    answers = await asyncio.gather(*deciding)
    assert DecisionResult("waiting", 1, 2) in answers
    assert sum(isinstance(answer, PaymentRecord) for answer in answers) == 1
    for handle in (blocker, journal, other):
        await handle.close()
