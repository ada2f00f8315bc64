"""Between the look and the statement anything may happen: what was seen is compared again by the database itself."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread

import asyncpg
import pytest
from tests.support.postgres import Postgres, named

from riel.crash_points import at_crash_points
from riel.errors import JournalUnavailable
from riel.journal import Change, PaymentRecord, State
from riel.journal.audit.chain import link
from riel.journal.postgres import PostgresJournal
from riel.journal.postgres.audit import INSERT_EVENT
from riel.journal.postgres.selects import current_row
from riel.testing.journal_contract import (
    DAY,
    NOW,
    count_attempt,
    create_payment,
    create_refund,
    create_settled,
    event_names,
    move,
    new_challenge,
    new_intent,
    open_challenge,
)
from riel.testing.keys import ROW_MAC

from .postgres_support import PATIENCE, STUCK, PostgresSchema, until

S = State
pytestmark = pytest.mark.anyio


@contextmanager
def at(point: str, deed: Callable[[], object]) -> Iterator[None]:
    """``deed`` befalls the next pass of that point, and no other."""
    done: list[object] = []

    def hook(name: str) -> None:
        if name == point and not done:
            done.append(True)
            deed()

    at_crash_points(hook)
    try:
        yield
    finally:
        at_crash_points(None)
    assert done, f"{point} was never passed"


async def test_a_conclusion_under_a_lease_that_was_just_lost_is_not_written(store: PostgresSchema) -> None:
    journal = await store.open()
    record = await create_payment(journal)
    with at("commit:before", lambda: store.run("UPDATE payments SET fence = 2, owner = 'somebody'")):
        known, done = await journal.record(record.id, Change(to=S.REJECTED, event="no", fence=1), NOW)
    assert (known.state, known.fence, known.owner, done) == (S.SENDING, 2, "somebody", False)
    assert await event_names(journal, record.id) == ["challenge.opened", "payment.created"]
    await journal.close()


async def test_an_event_that_somebody_just_wrote_is_followed_and_not_replaced(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    record = await create_payment(journal)

    async def append_elsewhere() -> None:
        third = await store.open()
        await third.append_event("pay_a", "e", {}, NOW)
        await third.close()

    def elsewhere() -> None:
        thread = Thread(target=asyncio.run, args=(append_elsewhere(),))
        thread.start()
        thread.join()

    with at("commit:before", elsewhere):
        await move(journal, record, S.SETTLED)
    assert [(event.n, event.event) for event in await other.events(record.id)][2:] == [(3, "e"), (4, "payment.settled")]
    await journal.close()
    await other.close()


async def test_what_was_remembered_of_a_payment_is_not_believed(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    record = await create_payment(journal)
    assert (await move(other, record, S.SETTLED)).state is S.SETTLED
    known, done = await journal.record(record.id, Change(to=S.UNKNOWN, event="lost", fence=1), NOW)
    assert (known.state, done) == (S.SETTLED, False)
    returned, done = await journal.record(record.id, Change(to=S.RETURNED, event="returned"), NOW)
    assert (returned.state, done) == (S.RETURNED, True)
    assert (await journal.verify())[1] is None
    await journal.close()
    await other.close()


async def test_what_was_remembered_of_a_payment_refuses_nothing(store: PostgresSchema) -> None:
    journal = await store.open()
    record = await create_payment(journal)
    taken = await journal.claim_one(record.id, NOW, ())
    assert taken is not None
    assert taken.fence == 2
    assert (await move(journal, taken, S.REJECTED)).state is S.REJECTED
    await journal.close()


async def test_what_was_remembered_of_a_question_is_not_believed(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    for name, ends in (("a", "declined"), ("b", "consumed"), ("c", "")):
        asked = (await open_challenge(journal, new_challenge(name))).challenge
        await journal.challenges("ana", asked.digest)
        counted = await count_attempt(journal, asked)
        if ends == "declined":
            await other.decline(asked.id, "ana", NOW)
        elif ends == "consumed":
            await other.create_payment(await count_attempt(other, asked), asked.id, None, new_intent("REF-x"), NOW)
        else:
            await other.append_event(asked.id, "seen", {}, NOW)
        answer = await journal.create_payment(counted, asked.id, None, new_intent(f"REF-{name}"), NOW)
        assert answer == ends or (not ends and isinstance(answer, PaymentRecord))
    assert await event_names(journal, "pay_c") == ["challenge.opened", "seen", "payment.created"]
    assert (await journal.verify())[1] is None
    await journal.close()
    await other.close()


async def test_a_payment_that_another_took_between_look_and_claim_stays_with_it(store: PostgresSchema) -> None:
    gone, journal = await store.open(), await store.open()
    record = await create_payment(gone)
    await gone.close()
    # The other came after our look: by what we saw, its owner is one that does not live.
    newcomer = "UPDATE payments SET owner = 'newcomer', fence = fence + 1"
    with at("claim", lambda: store.run("INSERT INTO owners VALUES ('newcomer', now() + interval '1 hour')", newcomer)):
        assert await journal.claim(NOW + DAY, (), most=10) == []
    known = await journal.payment(record.id)
    assert known is not None
    assert (known.owner, known.fence) == ("newcomer", 2)
    assert await journal.claim_one(record.id, NOW, ()) is None
    await journal.close()


async def test_a_payment_that_became_ours_while_we_looked_is_not_claimed(store: PostgresSchema) -> None:
    journal = await store.open()
    busy: set[str] = set()
    record = await create_payment(journal)

    class Late(set[str]):
        """Empty when the look is taken; by the time it answers, the payment is being worked on."""

        def __iter__(self) -> Iterator[str]:
            busy.add(record.id)
            return iter(())

        def __contains__(self, one: object) -> bool:
            return one in busy

    assert await journal.claim(NOW + DAY, Late(), most=10) == []
    assert await journal.payment(record.id) == record
    await journal.close()


async def test_a_lost_answer_to_a_birth_has_given_birth_once(store: PostgresSchema) -> None:
    journal = await store.open()
    asked = (await open_challenge(journal, new_challenge())).challenge
    counted = await count_attempt(journal, asked)

    def lost() -> None:
        raise ConnectionResetError

    with at("commit:after", lost), pytest.raises(JournalUnavailable):
        await journal.create_payment(counted, asked.id, "step", new_intent(), NOW)
    record = await journal.payment(asked.id)
    assert record is not None
    assert (record.state, record.fence) == (S.SENDING, 1)
    assert await journal.create_payment(counted, asked.id, "step", new_intent("REF-b"), NOW) == "consumed"
    (taken,) = await journal.claim(NOW, (), most=1)
    assert (taken.id, taken.fence) == (asked.id, 2), "it is ours, and nobody works on it"
    await journal.close()


async def test_a_lost_answer_to_a_record_is_repeated_without_harm(store: PostgresSchema) -> None:
    journal = await store.open()
    record = await create_payment(journal)
    proof = Change(to=S.SETTLED, event="settled")

    def lost() -> None:
        raise ConnectionResetError

    with at("commit:after", lost), pytest.raises(JournalUnavailable):
        await journal.record(record.id, proof, NOW)
    known, done = await journal.record(record.id, proof, NOW)
    assert (known.state, done) == (S.SETTLED, False)
    assert await event_names(journal, record.id) == ["challenge.opened", "payment.created", "payment.settled"]
    assert len(await journal.lease_messages(NOW, lease=DAY, most=10)) == 1
    await journal.close()


async def test_messages_that_another_is_taking_are_left_to_it(store: PostgresSchema) -> None:
    journal = await store.open()
    for name in ("a", "b"):
        await move(journal, await create_payment(journal, name), S.SETTLED)
    other = await asyncpg.connect(store.url)
    await other.execute("BEGIN; UPDATE outbox SET attempts = 1 WHERE id LIKE 'pay_a%'")
    async with asyncio.timeout(PATIENCE):
        (message,) = await journal.lease_messages(NOW, lease=DAY, most=10)
    assert message.body["paymentId"] == "pay_b"
    await other.close()
    await journal.close()


async def test_an_anchor_seals_everything_up_to_its_number_while_many_write(store: PostgresSchema) -> None:
    journal, other = await store.open(), await store.open()
    sealed = asyncio.Event()

    async def write(name: int) -> None:
        handle = (journal, other)[name % 2]
        number = 0
        while not sealed.is_set() or number < 3:
            await open_challenge(
                handle, new_challenge(f"{name}-{number}", digest=f"{name}-{number}".encode().ljust(32))
            )
            number += 1

    async def seal() -> None:
        for number in range(15):
            await (journal, other)[number % 2].anchor(NOW)
            assert (await other.verify())[1] is None
        sealed.set()

    await asyncio.gather(*(write(name) for name in range(12)), seal(), seal())
    await journal.anchor(NOW)
    count, broken = await journal.verify()
    assert broken is None
    assert sum(anchor.count for anchor in await journal.anchors()) == count
    await journal.close()
    await other.close()


async def test_an_anchor_waits_for_an_event_whose_number_is_smaller(store: PostgresSchema) -> None:
    journal = await store.leased(timedelta(seconds=10))
    await open_challenge(journal, new_challenge())
    (asked,) = await journal.events("pay_a")
    current = await journal._sessions.read(lambda session: current_row(session, ROW_MAC, "pay_a"))
    assert current is not None
    row, head = current
    late = head.next_event(ROW_MAC, "pay_a", 0, "seen", {}, row)
    assert late.hash == link(asked.hash, "pay_a", 2, 0, "seen", "{}")
    slow = await asyncpg.connect(store.url)
    await slow.execute("BEGIN")
    await slow.execute(INSERT_EVENT, "pay_a", *late.values)
    await open_challenge(journal, new_challenge("b"))
    sealing = asyncio.create_task(journal.anchor(NOW))

    async def done_or_waiting() -> bool:
        return sealing.done() or await store.says(f"SELECT count(*) {STUCK}")

    await until(done_or_waiting)
    await slow.execute("COMMIT")
    assert await sealing
    assert [anchor.count for anchor in await journal.anchors()] == [3]
    assert await journal.verify() == (3, None)
    await slow.close()
    await journal.close()


async def test_who_was_not_heard_of_for_a_lease_loses_what_it_owned(store: PostgresSchema) -> None:
    stopped, other = await store.leased(timedelta(seconds=1)), await store.open()
    record = await create_payment(stopped)
    stopped._owners.stop_renewing()
    (taken,) = await until(lambda: other.claim(NOW, (), most=10))
    assert (taken.fence, taken.owner == record.owner) == (2, False)
    _, done = await stopped.record(record.id, Change(to=S.REJECTED, event="no", fence=1), NOW)
    assert not done, "it has been overtaken"
    known, done = await stopped.record(record.id, Change(to=S.SETTLED, event="yes", fence=1), NOW)
    assert (done, known.state) == (True, S.SETTLED), "good news counts whoever brings it"
    await stopped.close()
    await other.close()


async def test_a_lease_is_renewed_by_the_clock_of_the_database(store: PostgresSchema) -> None:
    journal = await store.leased(timedelta(seconds=1))
    ((first,),) = store.run("SELECT lease_until FROM owners")
    await until(lambda: store.says(f"SELECT lease_until > '{first.isoformat()}' FROM owners"))
    await journal.close()


async def test_no_setting_of_the_database_lets_parallel_refunds_take_more_than_was_paid(
    postgres: Postgres, database: str
) -> None:
    postgres.run("postgres", f"ALTER DATABASE {named(database)} SET default_transaction_isolation = 'repeatable read'")
    handles = [await PostgresJournal.open(database, ROW_MAC) for _ in range(4)]
    paid = await create_settled(handles[0], amount=100)
    given = await asyncio.gather(*(create_refund(handles[n % 4], f"back{n}", paid, 30) for n in range(10)))
    assert sum(isinstance(each, PaymentRecord) for each in given) == 3
    for handle in handles:
        await handle.close()


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE events DISABLE TRIGGER events_are_not_changed"],
        ["DROP TRIGGER anchors_are_not_changed ON anchors"],
        [
            "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.body := 'x'; RETURN NEW; END $$",
            "CREATE TRIGGER theirs BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION theirs()",
        ],
    ],
    ids=["disabled", "dropped", "added"],
)
async def test_a_trigger_that_riel_did_not_make_is_seen_by_verify(store: PostgresSchema, statements: list[str]) -> None:
    journal = await store.open()
    await create_payment(journal)
    assert (await journal.verify())[1] is None
    store.run(*statements)
    broken = (await journal.verify())[1]
    assert broken is not None
    assert "not as riel made it" in broken.sentence
    await journal.close()
