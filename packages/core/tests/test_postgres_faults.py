"""What befalls connections, servers and callers, and that nothing which was answered is lost by it."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import asyncpg
import pytest

from riel.errors import JournalUnavailable
from riel.journal import Change, PaymentRecord, State
from riel.testing.journal_contract import (
    NOW,
    count_attempt,
    create_payment,
    event_names,
    new_challenge,
    new_intent,
    open_challenge,
)

from .postgres_support import PATIENCE, STUCK, PostgresSchema, until

S = State
pytestmark = [pytest.mark.anyio, pytest.mark.once]

KILL = f"SELECT pg_terminate_backend(pid) {STUCK}"
COMMIT_WAITS = (
    """CREATE FUNCTION wait_for_seven() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END'""",
    """CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON payments DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait_for_seven()""",
)
"""As one that waits for a standby does: it is durable already, or will be, and nobody sees it yet."""


async def held_up(store: PostgresSchema) -> asyncpg.Connection:
    """Somebody who lets nobody write an event until it closes."""
    connection = await asyncpg.connect(store.url)
    await connection.execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
    return connection


async def until_somebody_waits(store: PostgresSchema) -> None:
    await until(lambda: store.says(f"SELECT count(*) {STUCK}"))


async def test_a_caller_that_goes_away_leaves_the_commit_whole(store: PostgresSchema) -> None:
    journal = await store.open()
    asked = (await open_challenge(journal, new_challenge())).challenge
    counted = await count_attempt(journal, asked)
    other = await held_up(store)
    call = asyncio.create_task(journal.create_payment(counted, asked.id, None, new_intent(), NOW))
    await until_somebody_waits(store)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await other.close()
    await journal.close()  # waits for what is under way, whoever asked for it
    after = await store.open()
    assert isinstance(await after.payment(asked.id), PaymentRecord)
    assert await event_names(after, asked.id) == ["challenge.opened", "payment.created"]
    await after.close()


async def test_a_write_whose_connection_broke_may_be_written_yet_and_nobody_says_that_nothing_was_sent(
    store: PostgresSchema,
) -> None:
    """The server is at the commit of a new payment, which has to wait, when the line to it breaks."""
    asked_by, reads_by = await store.open(), await store.open()
    asked = (await open_challenge(asked_by, new_challenge())).challenge
    counted = await count_attempt(asked_by, asked)
    await asyncio.to_thread(store.run, *COMMIT_WAITS)
    other = await asyncpg.connect(store.url)
    await other.execute("SELECT pg_advisory_lock(7)")
    call = asyncio.create_task(asked_by.create_payment(counted, asked.id, None, new_intent(), NOW))
    await until_somebody_waits(store)
    asked_by._sessions._pool.terminate()  # only our end of the line: the server has not noticed
    with pytest.raises(JournalUnavailable, match="may still be done") as failure:
        await call
    assert failure.value.error.code == "JOURNAL_UNCERTAIN"
    assert "Nothing was sent" not in failure.value.error.message
    assert await reads_by.payment(asked.id) is None
    await other.close()
    await until(lambda: reads_by.payment(asked.id))
    await asked_by.close()
    await reads_by.close()


async def test_a_statement_that_the_server_refused_was_not_written(store: PostgresSchema) -> None:
    journal = await store.open()
    record = await create_payment(journal)
    other = await held_up(store)
    call = asyncio.create_task(journal.record(record.id, Change(to=S.SETTLED, event="settled"), NOW))
    await until_somebody_waits(store)
    store.run(KILL.replace("pg_terminate_backend", "pg_cancel_backend"))
    with pytest.raises(JournalUnavailable, match="could not be written"):
        await call
    await other.close()
    assert await event_names(journal, record.id) == ["challenge.opened", "payment.created"]
    await journal.close()


async def test_a_statement_whose_backend_is_killed_may_have_been_written(store: PostgresSchema) -> None:
    journal = await store.open()
    record = await create_payment(journal)
    other = await held_up(store)
    call = asyncio.create_task(journal.record(record.id, Change(to=S.SETTLED, event="settled"), NOW))
    await until_somebody_waits(store)
    store.run(KILL)
    with pytest.raises(JournalUnavailable, match="may still be done"):
        await call
    await other.close()
    _, done = await journal.record(record.id, Change(to=S.SETTLED, event="settled"), NOW)
    assert done
    assert await event_names(journal, record.id) == ["challenge.opened", "payment.created", "payment.settled"]
    await journal.close()


async def test_reads_do_not_notice_that_every_connection_was_killed(store: PostgresSchema) -> None:
    journal = await store.open()
    record = await create_payment(journal)
    await asyncio.gather(*(journal.payment(record.id) for _ in range(20)))
    store.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'riel'")
    found = await asyncio.gather(*(journal.payment(record.id) for _ in range(20)))
    assert found == [record] * 20
    await journal.close()


async def test_a_server_that_crashes_and_comes_back_has_lost_nothing_that_was_answered(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    over = asyncio.Event()
    answered: list[PaymentRecord] = []
    refused: list[str] = []

    async def pay(worker: int) -> None:
        number = 0
        while not over.is_set():
            name, number = f"{worker}-{number}", number + 1
            try:
                record = await create_payment((journal, other)[worker % 2], name, digest=name.encode().ljust(32))
            except JournalUnavailable:
                refused.append(name)
                await asyncio.sleep(0.01)
            else:
                answered.append(record)

    async def crash() -> None:
        for _ in range(2):
            before = len(answered)
            await asyncio.to_thread(store.server.restart)

            async def goes_on(before: int = before) -> bool:
                return len(answered) >= before + 20

            await until(goes_on)
        over.set()

    await asyncio.gather(*(pay(worker) for worker in range(8)), crash())
    for record in answered:
        assert await journal.payment(record.id) == record
    held = {record.id for record in await other.payments(most=100_000)} - {record.id for record in answered}
    assert held <= {f"pay_{name}" for name in refused}, "what is there and was not answered was said to have failed"
    assert (await other.verify())[1] is None
    await until(lambda: store.says("SELECT count(*) = 2 FROM owners WHERE lease_until > now()"))
    await journal.close()
    await other.close()


async def test_without_a_server_nothing_is_written_and_nothing_hangs(store: PostgresSchema) -> None:
    journal = await store.open()
    record = await create_payment(journal)
    store.server.stop()
    try:
        for call in (journal.payment(record.id), open_challenge(journal, new_challenge("b")), journal.verify()):
            with pytest.raises(JournalUnavailable):
                await call
        await journal.close()
    finally:
        with suppress(Exception):
            store.server.start()
    after = await store.open()
    assert await after.payment(record.id) == record
    await after.close()


async def test_nobody_waits_for_ever_for_a_database_that_does_not_answer(store: PostgresSchema) -> None:
    journal = await store.leased(timedelta(seconds=PATIENCE))
    record = await create_payment(journal)
    other = await asyncpg.connect(store.url)
    await other.execute("BEGIN; LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
    journal._sessions._answers_within = timedelta(seconds=0.2)  # from now on, whatever is asked has to wait
    with pytest.raises(JournalUnavailable, match="could not be read"):
        await journal.payment(record.id)
    with pytest.raises(JournalUnavailable, match="may still be done") as late:
        await journal.record(record.id, Change(to=S.SETTLED, event="settled"), NOW)
    assert "Nothing was sent" not in late.value.error.next_action
    await other.close()
    await journal.close()
    after = await store.open()
    assert await event_names(after, record.id) == ["challenge.opened", "payment.created", "payment.settled"], (
        "what nobody waited for was written"
    )
    await after.close()
