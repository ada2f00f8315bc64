"""A journal in PostgreSQL, and servers of two releases of riel that share it."""

import pytest

from riel.errors import JournalUnavailable, Misconfigured
from riel.journal.open import open_journal
from riel.journal.postgres import connect
from riel.testing.journal_contract import NOW, count_attempt, create_payment, new_challenge, new_intent, open_challenge
from riel.testing.keys import ROW_MAC

from .postgres_support import PostgresSchema

pytestmark = pytest.mark.anyio

VERSIONS = "SELECT max(version) FROM riel_schema"


async def test_a_command_that_reads_migrates_nothing(store: PostgresSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await store.open()).close()
    newer = [*connect.migrations(), "CREATE TABLE later (a BIGINT)"]
    monkeypatch.setattr(connect, "migrations", lambda: newer)
    with pytest.raises(Misconfigured, match=r"written by an older riel \(schema 1\): start riel serve"):
        await open_journal(store.url, ROW_MAC, make=False)
    assert store.run(VERSIONS) == [(1,)]
    await (await open_journal(store.url, ROW_MAC)).close()
    assert store.run(VERSIONS) == [(2,)]


async def test_a_challenge_of_an_older_riel_becomes_no_payment_once_the_journal_is_of_a_newer_one(
    store: PostgresSchema,
) -> None:
    journal = await store.open()
    challenge = (await open_challenge(journal, new_challenge("a"))).challenge
    attempt = await count_attempt(journal, challenge)
    store.run("INSERT INTO riel_schema (version) VALUES (2)")
    with pytest.raises(JournalUnavailable, match="newer riel"):
        await journal.create_payment(attempt, challenge.id, None, new_intent("REF-a"), NOW)
    assert await journal.payment(challenge.id) is None
    await journal.close()


async def test_the_owner_of_a_payment_lives_until_it_has_left(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    record = await create_payment(journal)
    assert record.owner is not None
    assert await other.is_owner_alive(record.owner)
    await journal.close()
    assert not await other.is_owner_alive(record.owner)
    await other.close()
