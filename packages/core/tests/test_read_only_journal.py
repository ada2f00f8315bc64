"""A journal that is only read, or that cannot be written: what still works, and what the log says."""

import errno
import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from riel.errors import JournalUnavailable, Misconfigured
from riel.journal.open import open_journal
from riel.journal.sqlite import connect
from riel.journal.sqlite.owners import LockFileOwners
from riel.journal.sqlite.writer import Writer
from riel.testing.journal_contract import NOW, count_attempt, create_payment, new_challenge, new_intent, open_challenge
from riel.testing.keys import ROW_MAC

from .sqlite_support import SqliteFile

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "journal.db")


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system was remounted: nothing can be made or opened for writing."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *rest, **more)

    def register(self: LockFileOwners) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(connect.os, "open", refuse)
    monkeypatch.setattr(LockFileOwners, "register", register)


async def test_a_journal_on_a_read_only_file_system_can_be_read_and_verified(
    store: SqliteFile, request: pytest.FixtureRequest
) -> None:
    journal = await store.open()
    await create_payment(journal)
    await journal.anchor(NOW)
    await journal.close()
    request.getfixturevalue("read_only")
    journal = await open_journal(str(store.path), ROW_MAC, make=False)
    assert [record.id for record in await journal.payments()] == ["pay_a"]
    assert await journal.verify() == (2, None)
    assert len(await journal.anchored_events(0, most=10)) == 2
    with pytest.raises(JournalUnavailable):
        await journal.append_event("pay_a", "seen", {}, NOW)
    await journal.close()
    with pytest.raises(Misconfigured, match="Read-only file system"):
        await open_journal(str(store.path), ROW_MAC)


async def test_a_command_that_reads_migrates_nothing(store: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await store.open()).close()
    newer = [*connect.migrations(), "CREATE TABLE later (a INTEGER) STRICT;"]
    monkeypatch.setattr(connect, "migrations", lambda: newer)
    with pytest.raises(Misconfigured, match=r"written by an older riel \(schema 1\): start riel serve"):
        await open_journal(str(store.path), ROW_MAC, make=False)
    db = sqlite3.connect(store.path)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()
    await (await open_journal(str(store.path), ROW_MAC)).close()


async def test_an_older_riel_creates_nothing_once_the_journal_is_of_a_newer_one(store: SqliteFile) -> None:
    journal = await store.open()
    await create_payment(journal)
    db = sqlite3.connect(store.path)
    db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(JournalUnavailable, match="newer riel"):
        await open_challenge(journal, new_challenge("b"))
    await journal.close()


async def test_a_challenge_of_an_older_riel_becomes_no_payment_once_the_journal_is_of_a_newer_one(
    store: SqliteFile,
) -> None:
    journal = await store.open()
    challenge = (await open_challenge(journal, new_challenge("a"))).challenge
    attempt = await count_attempt(journal, challenge)
    db = sqlite3.connect(store.path)
    db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(JournalUnavailable, match="newer riel"):
        await journal.create_payment(attempt, challenge.id, None, new_intent("REF-a"), NOW)
    assert await journal.payment(challenge.id) is None
    await journal.close()


async def test_a_full_disk_is_said_once_in_the_log_until_something_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def small() -> sqlite3.Connection:
        db = sqlite3.connect(tmp_path / "small.db", isolation_level=None)
        db.execute("CREATE TABLE t (a)")
        db.execute("PRAGMA max_page_count = 8")
        return db

    writer = Writer(small)
    writer.start()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(JournalUnavailable):
                await writer.write(lambda db: db.execute("INSERT INTO t VALUES (zeroblob(100000))"))
    assert [record.getMessage() for record in caplog.records] == [
        "the journal fails: no space is left on the disk (ENOSPC)"
    ]
    await writer.close()
