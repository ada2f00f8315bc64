"""The SQLite store keeps every promise of a journal, and its own: of the file and its pragmas."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from riel.confirm import Terms, Wording, digest, render_challenge
from riel.confirm.bound_code import code_for
from riel.confirm.factors.file import FileFactor
from riel.errors import Misconfigured
from riel.journal import PaymentRecord
from riel.journal.audit.chain import link
from riel.journal.canonical_json import canonical
from riel.journal.columns import to_millis
from riel.journal.open import open_journal
from riel.journal.sqlite import SqliteJournal
from riel.journal.sqlite.connect import connect, migrations
from riel.payments.context import confirmation_request
from riel.testing.journal_contract import (
    ACCOUNT,
    DAY,
    MINUTE,
    NOW,
    PAYEE,
    JournalPromises,
    count_attempt,
    create_audited,
    create_payment,
    create_settled,
    enter_wrong_code,
    new_challenge,
    new_intent,
)
from riel.testing.keys import ROW_MAC

from .sqlite_support import SqliteFile

pytestmark = pytest.mark.alone


@pytest.fixture
def store(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "made" / "journal.db")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class TestSqlite(JournalPromises):
    """Every promise of the suite."""


# The file


@pytest.mark.anyio
async def test_the_pragmas_that_survive_a_power_cut_are_in_force(store: SqliteFile) -> None:
    journal = SqliteJournal.open(str(store.path), ROW_MAC)
    for name, value in {
        "journal_mode": "truncate",
        "synchronous": 3,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "fullfsync": 1,
    }.items():
        assert await journal._writer.read(lambda db, name=name: db.execute(f"PRAGMA {name}").fetchone()[0]) == value
    tables = "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'"
    strict = await journal._writer.read(lambda db: {row["name"]: row["strict"] for row in db.execute(tables)})
    assert set(strict.values()) == {1}
    assert {"challenges", "attempts", "payments", "events", "anchors", "outbox"} <= set(strict)
    await journal.close()


@pytest.mark.anyio
async def test_nobody_else_reads_the_file(store: SqliteFile) -> None:
    before = os.umask(0)
    try:
        journal = await store.open()
    finally:
        os.umask(before)
    await create_payment(journal)
    owners = store.path.with_name("journal.db.owners")
    modes = {path: path.stat().st_mode & 0o777 for path in (store.path.parent, *store.path.parent.rglob("*"))}
    (me,) = owners.iterdir()
    assert modes.pop(me) == 0o600
    assert modes.pop(owners) == 0o700
    assert modes.pop(store.path.parent) == 0o700
    assert set(modes.values()) == {0o600}, modes
    await journal.close()
    assert list(owners.iterdir()) == []


def test_a_journal_in_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match="runs with journal_mode=memory, which may lose payments"):
        connect(Path(":memory:"))


async def refusal(url: str) -> str:
    """The sentence that the operator reads."""
    with pytest.raises(Misconfigured) as refused:
        await open_journal(url, ROW_MAC)
    sentence = str(refused.value)
    assert sentence.startswith("RIEL_JOURNAL: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@pytest.mark.anyio
async def test_a_newer_schema_is_refused_and_left_alone(store: SqliteFile) -> None:
    await (await store.open()).close()
    store.tamper("PRAGMA user_version = 99")
    assert "written by a newer riel (schema 99); upgrade riel" in await refusal(str(store.path))
    db = sqlite3.connect(store.path)
    assert db.execute("PRAGMA user_version").fetchone() == (99,)
    db.close()


@pytest.mark.anyio
async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ana, " * 1000)
    assert "not a database" in await refusal(str(letter))
    assert letter.read_text() == "Dear Ana, " * 1000


@pytest.mark.anyio
async def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "journal.db.owners").touch()
    assert str(tmp_path) in await refusal(str(tmp_path))
    assert "file" in await refusal(str(tmp_path / "file" / "journal.db"))
    assert "journal.db.owners" in await refusal(str(tmp_path / "journal.db"))


@contextmanager
def as_somebody() -> Iterator[None]:
    """Without the powers of root, whom no permission stops."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.anyio
async def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with as_somebody():
        sentence = await refusal(str(locked / "journal.db"))
    assert "Permission denied" in sentence


@pytest.mark.anyio
async def test_a_database_of_another_kind_is_refused_and_its_password_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "secret" not in await refusal("mysql://ana:secret@localhost/riel")
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


def test_many_may_make_the_file_at_once(store: SqliteFile) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: connect(store.path).close(), range(8)))
    db = sqlite3.connect(store.path)
    assert db.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    db.close()


@pytest.mark.parametrize("table", ["events", "anchors"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET at = at + 1"])
@pytest.mark.anyio
async def test_the_record_is_only_added_to(store: SqliteFile, table: str, statement: str) -> None:
    journal = await store.open()
    await create_audited(journal)
    db = sqlite3.connect(store.path, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement.format(table))
    db.close()
    assert await journal.verify() == (7, None)
    await journal.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO payments SELECT * FROM payments",
        "UPDATE payments SET reference = 'REF-a' WHERE id = 'pay_b'",
        "UPDATE payments SET amount = 0",
        "UPDATE payments SET amount = 1.5",
        "UPDATE payments SET state = 'paid'",
        "UPDATE payments SET refund_of = 'pay_a' WHERE id = 'pay_b'",
        "UPDATE challenges SET replay_key = 'step'",
        "UPDATE challenges SET state = 'open', digest = x'00'",
        "INSERT INTO events VALUES (99, 'pay_a', 1, 0, 'e', '{}', '', '', '')",
        "INSERT INTO events VALUES (99, 'pay_none', 1, 0, 'e', '{}', '', '', '')",
    ],
)
@pytest.mark.anyio
async def test_what_must_be_unique_is_so_in_the_store_itself(store: SqliteFile, statement: str) -> None:
    journal = SqliteJournal.open(str(store.path), ROW_MAC)
    await create_settled(journal, "a")
    await create_settled(journal, "b")
    with pytest.raises(sqlite3.IntegrityError):
        await attempt(journal, statement)
    await journal.close()


@pytest.mark.anyio
async def test_a_payment_that_was_added_without_a_question_is_seen(store: SqliteFile) -> None:
    journal = await store.open()
    await create_settled(journal, "a")
    store.tamper(
        "CREATE TEMP TABLE forged AS SELECT * FROM payments",
        "UPDATE forged SET id = 'pay_forged', reference = 'FORGED'",
        "INSERT INTO payments SELECT * FROM forged",
    )
    _, broken = await journal.verify()
    assert broken is not None
    assert (broken.payment_id, "no event confirmed" in broken.sentence) == ("pay_forged", True)
    await journal.close()


@pytest.mark.anyio
async def test_rows_of_a_damaged_file_are_a_break_and_not_a_crash(store: SqliteFile) -> None:
    journal = await store.open()
    await create_settled(journal)
    await journal.anchor(NOW)
    await journal.close()
    store.tamper(
        "PRAGMA writable_schema = 1",
        "UPDATE sqlite_master SET sql = replace(sql, 'BLOB    NOT NULL', 'BLOB') WHERE name = 'payments'",
        "PRAGMA writable_schema = RESET",
        "UPDATE payments SET body = NULL",
    )
    journal = await store.open()
    _, broken = await journal.verify()
    await journal.close()
    assert broken is not None
    assert "the file is damaged" in broken.sentence


@pytest.mark.anyio
async def test_a_confirmation_that_was_written_anew_and_says_nothing_is_seen(store: SqliteFile) -> None:
    journal = await store.open()
    record = await create_settled(journal, "a")
    previous, rewritten = "", []
    for event in await journal.events(record.id):
        body = canonical({"to": "sending"} if event.event == "payment.created" else event.body)
        previous = link(previous, record.id, event.n, to_millis(event.at), event.event, body)
        rewritten.append(f"UPDATE events SET body = '{body}', hash = '{previous}' WHERE seq = {event.seq}")
    store.tamper(*rewritten)
    _, broken = await journal.verify()
    assert broken is not None
    assert (broken.payment_id, broken.n) == (record.id, 2)
    await journal.close()


async def attempt(journal: SqliteJournal, statement: str) -> None:
    """Run a statement inside the journal, as a bug there would, and undo it."""

    def unit(db: sqlite3.Connection) -> Exception | None:
        db.execute("SAVEPOINT bug")
        try:
            db.execute(statement)
        except sqlite3.Error as failure:
            return failure
        finally:
            db.execute("ROLLBACK TO bug")
            db.execute("RELEASE bug")
        return None

    if (failure := await journal._writer.write(unit)) is not None:
        raise failure


@pytest.mark.anyio
async def test_no_code_is_anywhere_in_the_file_and_no_whole_account_in_what_is_told(store: SqliteFile) -> None:
    journal = await store.open()
    terms = Terms(
        principal="ana",
        rail="mock",
        mode="sandbox",
        kind="payment",
        money=new_challenge().money,
        payee=PAYEE,
        arguments={"account": ACCOUNT},
        payer="us",
    )
    words = render_challenge(terms, Wording(title="Mock", payer="our account", purpose="rent"))
    opened = await journal.open_challenge(
        new_challenge(digest=digest(terms)), lambda earlier: words, duplicate_window=MINUTE, decline_ttl=DAY
    )
    factor = FileFactor(b"a key of thirty-two bytes, whole", store.path)
    code = code_for(factor.key, confirmation_request(opened.challenge))
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    counted = await count_attempt(journal, opened.challenge)
    assert factor.check(confirmation_request(opened.challenge), wrong, NOW) is None
    await enter_wrong_code(journal, opened.challenge)
    proof = factor.check(confirmation_request(opened.challenge), code, NOW)
    assert proof is not None
    record = await journal.create_payment(counted, opened.challenge.id, proof.replay_key, new_intent(), NOW)
    assert isinstance(record, PaymentRecord)
    await journal.close()
    for path in store.path.parent.rglob("*"):
        held = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        assert code.encode() not in held
        assert wrong.encode() not in held
        assert factor.key not in held
    db = sqlite3.connect(store.path)
    told = [
        *db.execute("SELECT * FROM events"),
        *db.execute("SELECT * FROM outbox"),
        *db.execute("SELECT text FROM challenges"),
    ]
    assert not [row for row in told if ACCOUNT in str(row)]
    db.close()


@pytest.mark.anyio
async def test_a_row_can_be_read_whatever_another_process_does_with_the_file(store: SqliteFile) -> None:
    journal = await store.open()
    record = await create_payment(journal)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE payments SET provider_message = 'not committed'")
    assert await journal.payment(record.id) == record, "what is not committed is not read"
    other.execute("ROLLBACK")
    other.execute("BEGIN EXCLUSIVE")
    reads = asyncio.gather(
        journal.payment(record.id),
        journal.by_reference("mock", "sandbox", "REF-a"),
        journal.challenge(record.id),
        journal.challenges("ana", new_challenge().digest),
    )
    await asyncio.wait({reads}, timeout=0.05)
    assert not reads.done(), "a read waits for whoever commits, and the loop does not"
    other.execute("ROLLBACK")
    other.close()
    paid, referred, asked, (newest,) = await reads
    assert paid == referred == record
    assert asked == newest
    await journal.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER events_are_not_changed",
        "CREATE TRIGGER rewrites AFTER INSERT ON payments BEGIN UPDATE payments SET body = x'00'; END",
        "DROP INDEX one_open_challenge",
        "CREATE TABLE theirs (a)",
    ],
)
async def test_a_table_or_trigger_that_riel_did_not_make_is_seen_by_verify(store: SqliteFile, statement: str) -> None:
    journal = await store.open()
    await create_payment(journal)
    assert (await journal.verify())[1] is None
    with contextlib.closing(sqlite3.connect(store.path)) as db:
        db.execute(statement)
    broken = (await journal.verify())[1]
    assert broken is not None
    assert "not as riel made it" in broken.sentence
    await journal.close()


@pytest.mark.anyio
async def test_a_chain_that_was_removed_before_an_anchor_leaves_a_gap_in_the_numbers(store: SqliteFile) -> None:
    journal = await store.open()
    await create_payment(journal, "a")
    await create_payment(journal, "b")
    tables = (("events", "payment_id"), ("attempts", "challenge_id"), ("payments", "id"), ("challenges", "id"))
    store.tamper(*(f"DELETE FROM {table} WHERE {key} = 'pay_a'" for table, key in tables))
    broken = (await journal.verify())[1]
    assert broken is not None
    assert "number 2 of the journal is missing" in broken.sentence
    await journal.close()
