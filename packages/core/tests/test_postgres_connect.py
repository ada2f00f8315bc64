"""What a PostgreSQL journal refuses at its start, and what its tables refuse ever after."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import asyncpg
import pytest
from tests.support.postgres import Postgres

from riel.clock import utc_now
from riel.errors import Misconfigured
from riel.journal.open import open_journal
from riel.journal.postgres import PostgresJournal
from riel.journal.postgres.connect import migrations
from riel.testing.journal_contract import create_audited, create_payment, create_settled
from riel.testing.keys import ROW_MAC

from .postgres_support import PostgresSchema, until

pytestmark = pytest.mark.anyio


async def refusal(url: str, **how: bool) -> str:
    """The sentence that the operator reads."""
    with pytest.raises(Misconfigured) as refused:
        await open_journal(url, ROW_MAC, **how)
    sentence = str(refused.value)
    assert sentence.startswith("RIEL_JOURNAL: ")
    assert "\n" not in sentence
    return sentence


@contextmanager
def set_to(server: Postgres, name: str, value: str) -> Iterator[None]:
    """The whole server with another setting."""
    server.run("postgres", f"ALTER SYSTEM SET {name} = {value}", "SELECT pg_reload_conf()")
    try:
        while server.run("postgres", f"SHOW {name}")[0][0] != value:
            pass
        yield
    finally:
        server.run("postgres", f"ALTER SYSTEM RESET {name}", "SELECT pg_reload_conf()")
        while server.run("postgres", f"SHOW {name}")[0][0] == value:
            pass


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
async def test_a_server_that_forgets_is_refused(store: PostgresSchema, name: str) -> None:
    with set_to(store.server, name, "off"):
        assert f"runs with {name}=off: it may lose payments" in await refusal(store.url)


async def test_a_commit_that_waits_for_no_disk_is_refused(store: PostgresSchema) -> None:
    sentence = await refusal(f"{store.url}%20-csynchronous_commit%3Doff")
    assert "runs with synchronous_commit=off: it may lose payments" in sentence


@pytest.mark.parametrize(("given", "in_force"), [("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
async def test_no_commit_is_weaker_than_on_and_none_is_cut_short(
    store: PostgresSchema, given: str, in_force: str
) -> None:
    options = f"%20-csynchronous_commit%3D{given}%20-cstatement_timeout%3D1%20-clock_timeout%3D1"
    journal = await PostgresJournal.open(store.url + options, ROW_MAC)
    for name, value in (("synchronous_commit", in_force), ("statement_timeout", "0"), ("lock_timeout", "0")):
        row = await journal._sessions.read(lambda session, name=name: session.row(f"SHOW {name}"))
        assert row[0] == value
    await journal.close()


async def test_standbys_that_no_commit_waits_for_are_warned_of(
    store: PostgresSchema, caplog: pytest.LogCaptureFixture
) -> None:
    await (await store.open()).close()
    assert caplog.text == ""
    with store.server.standby():
        await until(lambda: store.says("SELECT count(*) FROM pg_stat_replication"))
        await (await store.open()).close()
    assert "no commit waits for any of them" in caplog.text


def test_without_its_library_it_is_said_what_to_install() -> None:
    deed = (
        "import sys, asyncio; sys.modules['asyncpg'] = None; from riel.journal.open import open_journal; "
        "asyncio.run(open_journal('postgresql://ana:hunter2@db/riel', None))"
    )
    ran = subprocess.run([sys.executable, "-c", deed], capture_output=True, text=True, check=False, timeout=300)
    last = ran.stderr.splitlines()[-1]
    assert "RIEL_JOURNAL: a postgresql:// journal needs asyncpg: pip install 'riel[postgres]'." in last


async def test_ten_may_make_the_tables_at_once(store: PostgresSchema) -> None:
    journals = await asyncio.gather(*(store.open() for _ in range(10)))
    await asyncio.gather(*(journal.close() for journal in journals))
    assert store.run("SELECT max(version), count(*) FROM riel_schema") == [(len(migrations()), len(migrations()))]


async def test_a_newer_schema_is_refused_and_left_alone(store: PostgresSchema) -> None:
    await (await store.open()).close()
    store.run("INSERT INTO riel_schema VALUES (99)")
    assert "was written by a newer riel (schema 99); upgrade riel" in await refusal(store.url)
    assert store.run("SELECT max(version) FROM riel_schema") == [(99,)]


async def test_the_tables_of_another_program_are_refused_and_left_alone(store: PostgresSchema) -> None:
    store.run("CREATE TABLE letters (text TEXT)")
    assert "has the tables of another program" in await refusal(store.url)
    assert store.run("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()") == [(1,)]


async def test_whoever_only_reads_makes_nothing(store: PostgresSchema) -> None:
    assert "there is no journal at" in await refusal(store.url, make=False)
    assert store.run("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()") == [(0,)]
    await (await store.open()).close()
    await (await open_journal(store.url, ROW_MAC, make=False)).close()


async def test_a_schema_that_is_not_there_is_refused(store: PostgresSchema) -> None:
    assert "has no schema to write to" in await refusal(store.url.replace("search_path%3D", "search_path%3Dno_"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ana:hunter2hunter2@127.0.0.1:1/riel",
        "postgresql://ana:hunter2%68unter2@127.0.0.1:1/riel?sslmode=hunter2hunter2",
        "postgresql:///riel?host=/nowhere&user=ana&password=hunter2hunter2",
    ],
)
async def test_a_server_that_cannot_be_reached_is_named_without_its_password(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Misconfigured) as refused:
        await open_journal(url, ROW_MAC)
    assert "/riel cannot be used as a journal: " in str(refused.value)
    assert "hunter2" not in str(refused.value) + caplog.text
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_a_database_that_is_not_there_is_said_to_be_missing(postgres: Postgres) -> None:
    assert 'database "nowhere" does not exist' in await refusal(postgres.url("nowhere"))


@pytest.mark.parametrize("seconds", [-3600, 3600])
async def test_a_machine_whose_clock_is_wrong_does_not_start(store: PostgresSchema, seconds: int) -> None:
    with pytest.raises(Misconfigured, match="the clock of this machine is 3600 s away from the clock of the database"):
        await PostgresJournal.open(store.url, ROW_MAC, now=lambda: utc_now() + timedelta(seconds=seconds))
    assert store.run("SELECT count(*) FROM owners") == [(0,)]


async def test_a_clock_that_goes_wrong_is_said_aloud(store: PostgresSchema, caplog: pytest.LogCaptureFixture) -> None:
    journal = await PostgresJournal.open(
        store.url, ROW_MAC, lease=timedelta(milliseconds=30), now=lambda: utc_now() - timedelta(seconds=7)
    )

    async def said() -> bool:
        return "away from the database's" in caplog.text

    await until(said)
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    await journal.close()


@pytest.mark.parametrize("table", ["events", "anchors"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET at = at + 1", "TRUNCATE {}"])
async def test_the_record_is_only_added_to(store: PostgresSchema, table: str, statement: str) -> None:
    journal = await store.open()
    await create_audited(journal)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        store.run(statement.format(table))
    assert await journal.verify() == (7, None)
    await journal.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO payments SELECT * FROM payments",
        "UPDATE payments SET reference = 'REF-a' WHERE id = 'pay_b'",
        "UPDATE payments SET amount = 0",
        "UPDATE payments SET state = 'paid'",
        "UPDATE payments SET refund_of = 'pay_a' WHERE id = 'pay_b'",
        "UPDATE challenges SET replay_key = 'step'",
        "UPDATE challenges SET state = 'open', digest = ''",
        "INSERT INTO events VALUES (99, 'pay_a', 1, 0, 'e', '{}', '', '', '')",
        "INSERT INTO events VALUES (99, 'pay_none', 1, 0, 'e', '{}', '', '', '')",
    ],
)
async def test_what_must_be_unique_is_so_in_the_store_itself(store: PostgresSchema, statement: str) -> None:
    journal = await store.open()
    await create_settled(journal, "a")
    await create_settled(journal, "b")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        store.run(statement)
    await journal.close()


async def test_codes_of_another_key_are_noticed(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    answers = await asyncio.gather(*(handle.bind_key(key) for handle in (journal, other) for key in ("ours", "theirs")))
    (key,) = set(answers)
    assert await other.key_id() == key
    assert store.run("SELECT id FROM server_keys") == [(key,)]
    await journal.close()
    await other.close()


async def test_who_leaves_takes_its_row_along(store: PostgresSchema) -> None:
    journal = await store.open()
    await create_payment(journal)
    assert store.run("SELECT count(*) FROM owners WHERE lease_until > now()") == [(1,)]
    await journal.close()
    assert store.run("SELECT count(*) FROM owners") == [(0,)]
