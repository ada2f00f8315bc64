"""A disk that fails, at each call that SQLite makes of it: nothing is sent that is not written, nothing is paid twice.

Before the first byte leaves, a failure is a refusal (``JOURNAL_UNAVAILABLE``), and the same call may be repeated. After
that, what the bank said is written once the disk works again. Whatever is told stands on the disk at that instant.
"""

import asyncio
import errno
import resource
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

from riel.errors import JournalUnavailable
from riel.journal import PaymentRecord, State
from riel.journal.sqlite import SqliteJournal
from riel.journal.sqlite import connect as opening
from riel.journal.sqlite.owners import LockFileOwners
from riel.journal.sqlite.writer import Writer
from riel.testing.harness import Harness
from riel.testing.keys import ROW_MAC

from .support.apsw_journal import journal_on
from .support.bank_process import BankProcess
from .support.failing_disk import FailingDisk, failing_vfs
from .support.invariants import check_invariants, records
from .support.memory_folder import memory_folder
from .support.mock_harness import ObservedMockBank, open_challenge, payment_request, run_mock_harness
from .support.processes import ForkServer, RielProcess, until
from .support.retrying_agent import PAYEE
from .support.server import SEND, STATUS, Envelope, Installation, Server, run_server
from .support.shares import in_shares, share_of

pytestmark = pytest.mark.anyio

T = TypeVar("T")

WHAT = {**PAYEE, "amount": 50_000}
HOW = {
    "fails once": FailingDisk(once=True),
    "is broken": FailingDisk(),
    "is full": FailingDisk(full=True),
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    with memory_folder(tmp_path) as folder:
        yield folder


class Story:
    """One payment on a disk, whose agent repeats whatever failed. ``refused`` is how often that was."""

    def __init__(self, folder: Path, disk: FailingDisk, fails_at: int | None) -> None:
        self.path = folder / "journal.db"
        self.bank = ObservedMockBank(on_request=self._at_the_bank)
        self.refused = 0
        self._disk = disk
        self._fails_at = fails_at
        self._copies = 0

    async def play(self) -> int:
        """Pay, and prove that it was paid once; how many calls the disk was asked for."""
        with failing_vfs(self._disk) as vfs:
            journal = journal_on(self.path, vfs)
            start = len(self._disk.calls)
            if self._fails_at is not None:
                self._disk.fails_at = start + self._fails_at
            async with run_mock_harness(self.bank, journal) as harness:
                told = await self._paid(harness)
                self._disk.recover()
                (record,) = await harness.settle_all()
                assert record.id == told.id
                calls = len(self._disk.calls) - start
        await self._is_sound()
        return calls

    async def _paid(self, harness: Harness) -> PaymentRecord:
        request = payment_request(harness)
        challenge, code = await self._insisted(lambda: open_challenge(harness, request))
        assert self._on_disk("challenges", challenge.id)
        record = await self._insisted(lambda: harness.engine.confirm(request, code))
        state = self._on_disk("payments", record.id)
        assert record.state in {State.SENDING, state}, f"told {record.state}, and on the disk it is {state}"
        return record

    async def _insisted(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result in the end. Where the journal refused, nothing has left, and the disk is repaired."""
        try:
            return await work()
        except JournalUnavailable:
            self.refused += 1
            assert self.bank.debits == []
            assert self.bank.orders == 0
            self._disk.recover()
            return await work()

    def _at_the_bank(self, request: str) -> None:
        """An order arrives: by now it must be on the disk, whatever becomes of us."""
        if request.startswith("POST"):
            assert self._on_disk("payments") == "sending"

    def _on_disk(self, table: str, one: str | None = None) -> str | None:
        """The state of the row, as whoever comes after a kill would read it."""
        self._copies += 1
        path = self._disk.copied(self.path, self.path.with_name(f"copy-{self._copies}"))
        db = sqlite3.connect(path)
        try:
            found = db.execute(f"SELECT state FROM {table} WHERE id = coalesce(?, id)", (one,)).fetchone()
        finally:
            db.close()
        return found[0] if found else None

    async def _is_sound(self) -> None:
        journal = SqliteJournal.open(str(self.path), ROW_MAC)
        try:
            (record,) = await journal.payments()
            _, broken = await journal.verify()
            ok = await journal._writer.read(lambda db: db.execute("PRAGMA integrity_check").fetchone()[0])
        finally:
            await journal.close()
        assert (broken, ok) == (None, "ok")
        assert (record.state, self.bank.debits) == (State.SETTLED, [record.reference])


@in_shares
@pytest.mark.parametrize("how", HOW)
async def test_a_payment_on_a_disk_that_fails_at_any_call_is_paid_once(memory: Path, how: str, share: int) -> None:
    (whole := memory / "whole").mkdir()
    calls = await Story(whole, FailingDisk(), None).play()
    refused, failures = 0, {}
    for fails_at in (places := share_of(range(calls), share, list(HOW).index(how))):
        (folder := memory / str(fails_at)).mkdir()
        disk = replace(HOW[how], calls=[])
        story = Story(folder, disk, fails_at)
        try:
            await story.play()
        except Exception as failure:
            failures[fails_at] = f"{failure!r:.300}"
        refused += bool(story.refused)
        shutil.rmtree(folder)
    print(f"a disk that {how}, from {len(places)} of {calls} calls: {refused} refusals before anything was sent")
    assert failures == {}
    assert 0 < refused < len(places)


# A file that somebody else holds


@pytest.fixture
def short_busy_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT", timedelta(milliseconds=5))


@pytest.mark.usefixtures("short_busy_timeout")
async def test_where_another_writer_holds_the_file_nothing_is_sent(tmp_path: Path) -> None:
    bank, path = ObservedMockBank(), tmp_path / "journal.db"
    async with run_mock_harness(bank, tmp_path) as harness:
        _, code = await open_challenge(harness, request := payment_request(harness))
        with held(path):
            with pytest.raises(JournalUnavailable):
                await harness.engine.confirm(request, code)
            assert bank.requests == []
        await harness.engine.confirm(request, code)
        (record,) = await harness.settle_all()
        assert (record.state, bank.debits) == (State.SETTLED, [record.reference])


@pytest.mark.usefixtures("short_busy_timeout")
async def test_where_another_writer_holds_the_file_after_the_send_the_answer_is_written_when_it_lets_go(
    tmp_path: Path,
) -> None:
    bank, path = ObservedMockBank(), tmp_path / "journal.db"
    with ExitStack() as holding:
        bank.on_request = lambda request: holding.enter_context(held(path))
        async with run_mock_harness(bank, tmp_path) as harness:
            _, code = await open_challenge(harness, request := payment_request(harness))
            told = await harness.engine.confirm(request, code)
            assert (told.state, len(bank.debits)) == (State.SENDING, 1)
            holding.close()
            bank.on_request = lambda request: None
            (record,) = await harness.settle_all()
            assert (record.state, record.sends, bank.debits) == (State.SETTLED, 1, [record.reference])
            assert bank.requests == ["POST /payments"]  # what it said was kept: nobody had to ask for it


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program writes to the journal for as long as the block lasts."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.close()


class Damaged(sqlite3.Connection):
    """A connection to a file whose damage is told in bytes that are no text, once."""

    told = False

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "BEGIN IMMEDIATE" and not self.told:
            self.told = True
            b"malformed database schema (\xff)".decode()
        return super().execute(sql, *values)


async def test_damage_that_is_told_in_bytes_refuses_one_write_and_stops_nobody() -> None:
    writer = Writer(lambda: sqlite3.connect(":memory:", isolation_level=None, factory=Damaged))
    writer.start()
    try:
        with pytest.raises(JournalUnavailable):
            await writer.write(lambda db: None)
        async with asyncio.timeout(120):
            assert await writer.write(lambda db: "written") == "written"
    finally:
        await writer.close()


def test_an_owner_who_cannot_be_asked_after_counts_as_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_descriptor(*how: object, **more: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    owners = LockFileOwners(tmp_path)
    (tmp_path / "somebody").touch()
    with monkeypatch.context() as failing_now:
        failing_now.setattr(FileLock, "acquire", no_descriptor)
        assert not owners.is_dead("somebody")
    assert owners.is_dead("somebody")
    assert owners.is_dead("nobody")


# A real server, whose files may grow no more, or which may open none


@contextmanager
def limited(process: RielProcess, what: int, most: int) -> Iterator[None]:
    """The process may have no more than ``most`` of that for as long as the block lasts."""
    soft, hard = resource.prlimit(process.pid, what)
    resource.prlimit(process.pid, what, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(process.pid, what, (soft, hard))


LIMITS = {"writes nothing": (resource.RLIMIT_FSIZE, 1), "opens nothing": (resource.RLIMIT_NOFILE, 4)}

REFUSALS = {"writes nothing": {"JOURNAL_UNAVAILABLE"}, "opens nothing": {"JOURNAL_UNAVAILABLE", "RAIL_BROKEN"}}


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_server_that_cannot_write_refuses_and_the_same_call_pays_later(
    fork_server: ForkServer, home: Installation, bank: BankProcess, limit: str
) -> None:
    async with run_server(fork_server, home, bank) as server:
        held = await server.call(SEND, **WHAT)
        code = home.code(held["data"]["paymentId"])
        with limited(server.process, *LIMITS[limit]):
            refused = await server.call(SEND, **WHAT, verificationCode=code)
            assert refused["error"]["code"] in REFUSALS[limit]
            assert bank.debits() == []
        paid = await server.call(SEND, **WHAT, verificationCode=code)
        assert paid["data"]["status"] == "success"
    await check_invariants(home, bank, [held, paid])


@pytest.mark.parametrize("limit", LIMITS)
async def test_what_the_bank_said_while_nothing_could_be_written_is_written_later(
    fork_server: ForkServer, home: Installation, bank: BankProcess, limit: str
) -> None:
    async with run_server(fork_server, home, bank, answer_within=2.0) as server:
        held = await server.call(SEND, **WHAT)
        code = home.code(held["data"]["paymentId"])
        bank.hold_answer()
        call = asyncio.create_task(server.call(SEND, **WHAT, verificationCode=code))
        await until(bank.debits, "a debit")
        with limited(server.process, *LIMITS[limit]):
            bank.release_answer()
            told = await call
            assert told["data"]["status"] == "pending"
            again = await server.call(SEND, **WHAT, verificationCode=code)
            assert again["data"]["status"] == "pending"
        asked = await until_known(server, told["data"]["trackingKey"])
    assert [record.sends for record in await records(home)] == [1]
    await check_invariants(home, bank, [held, told, again, asked])


async def until_known(server: Server, reference: str) -> Envelope:
    async with asyncio.timeout(120):
        while True:
            asked = await server.call(STATUS, trackingKey=reference)
            if asked["data"]["status"] == "success":
                return asked
            await asyncio.sleep(0.05)
