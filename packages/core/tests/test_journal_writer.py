"""One thread commits what waits in one go, and nobody hears of anything that is not on the disk."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from riel.crash_points import at_crash_points
from riel.errors import JournalUnavailable, Misconfigured
from riel.journal.sqlite.connect import connect
from riel.journal.sqlite.writer import MAX_BATCH, Writer

PATIENCE = 120.0


class Watched(sqlite3.Connection):
    """A real connection that remembers its commits, and can be told that the disk is full."""

    commits = 0
    full = False

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            if self.full:
                raise sqlite3.OperationalError("database or disk is full")
            self.commits += 1
        return super().execute(sql, *arguments)


class Bench:
    """A writer, its connection, and the units that the tests are made of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db: Watched
        self.writer = Writer(self._connect)

    def _connect(self) -> sqlite3.Connection:
        connect(self.path).close()
        self.db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, factory=Watched)
        for pragma in ("journal_mode = truncate", "synchronous = 3", "foreign_keys = 1"):
            self.db.execute(f"PRAGMA {pragma}")
        return self.db

    @staticmethod
    def unit(name: str, body: str = "") -> Callable[[sqlite3.Connection], str]:
        """Write one row."""

        def write(db: sqlite3.Connection) -> str:
            db.execute(
                "INSERT INTO outbox (id, topic, body, created_at, next_at) VALUES (?, 't', ?, 0, 0)", (name, body)
            )
            return name

        return write

    async def put(self, *names: str) -> list[Any]:
        """What each waiter hears of its own row."""
        writes = (self.writer.write(self.unit(name)) for name in names)
        return await asyncio.gather(*writes, return_exceptions=True)

    def on_disk(self) -> set[str]:
        """What another process can see."""
        other = sqlite3.connect(self.path, timeout=0)
        try:
            return {row[0] for row in other.execute("SELECT id FROM outbox")}
        finally:
            other.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "journal.db")
    bench.writer.start()
    yield bench
    await bench.writer.close()


@pytest.fixture
def passing() -> Iterator[Callable[[Callable[[str], None]], None]]:
    """Watch the crash points as they are passed."""
    yield at_crash_points
    at_crash_points(None)


class WriterGate:
    """Holds the writer's thread at a crash point, so that calls pile up behind it."""

    def __init__(self, point: str) -> None:
        self._point = point
        self._reached, self._go = threading.Event(), threading.Event()

    def __call__(self, name: str) -> None:
        if name == self._point and not self._go.is_set():
            self._reached.set()
            assert self._go.wait(PATIENCE)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, PATIENCE)

    def open(self) -> None:
        self._go.set()


def failing(after: Callable[[sqlite3.Connection], Any]) -> Callable[[sqlite3.Connection], None]:
    """A unit that writes and then fails."""

    def unit(db: sqlite3.Connection) -> None:
        after(db)
        raise LookupError("a bug")

    return unit


@pytest.mark.anyio
async def test_a_unit_that_fails_takes_nothing_with_it(bench: Bench, passing: Any) -> None:
    gate = WriterGate("commit:before")
    passing(gate)
    first = asyncio.create_task(bench.put("first"))
    await gate.reached()
    writes = [bench.writer.write(bench.unit(f"good{n}")) for n in range(3)]
    writes.insert(1, bench.writer.write(failing(bench.unit("bad"))))
    writes.insert(3, bench.writer.write(bench.unit("good0")))
    answers = asyncio.gather(*writes, return_exceptions=True)
    await asyncio.sleep(0)
    gate.open()
    good0, bug, good1, twice, good2 = await answers
    assert (good0, good1, good2) == ("good0", "good1", "good2")
    assert isinstance(bug, LookupError), "a bug stays what it is"
    assert isinstance(twice, JournalUnavailable), "what the store refused was not written"
    assert isinstance(twice.__cause__, sqlite3.IntegrityError)
    assert await first == ["first"]
    assert bench.on_disk() == {"first", "good0", "good1", "good2"}
    assert bench.db.commits == 2, "all of them in one go"


@pytest.mark.parametrize("point", ["commit:before", "commit:after"])
@pytest.mark.anyio
async def test_waiters_hear_only_after_the_commit(bench: Bench, passing: Any, point: str) -> None:
    gate = WriterGate(point)
    passing(gate)
    writes = [asyncio.create_task(bench.writer.write(bench.unit(f"{n}"))) for n in range(3)]
    await gate.reached()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(write.done() for write in writes)
    assert bool(bench.on_disk()) == (point == "commit:after")
    gate.open()
    await asyncio.gather(*writes)
    assert bench.on_disk() == {"0", "1", "2"}


@pytest.mark.anyio
async def test_a_kill_is_announced_before_and_after_every_commit_of_a_write(bench: Bench, passing: Any) -> None:
    seen: list[str] = []
    passing(seen.append)
    await bench.put("a")
    await bench.writer.read(lambda db: None)
    await bench.put("b")
    assert seen == ["commit:before", "commit:after"] * 2


@pytest.mark.anyio
async def test_sixty_four_writes_at_once_share_a_few_commits(bench: Bench) -> None:
    await bench.put("warm")
    before = bench.db.commits
    names = [f"{n}" for n in range(64)]
    assert await bench.put(*names) == names
    assert bench.db.commits - before <= 8
    assert bench.on_disk() == {"warm", *names}


@pytest.mark.anyio
async def test_no_batch_is_longer_than_what_one_transaction_should_hold(bench: Bench, passing: Any) -> None:
    gate = WriterGate("commit:before")
    passing(gate)
    first = asyncio.create_task(bench.put("first"))
    await gate.reached()
    names = [f"{n}" for n in range(MAX_BATCH + 1)]
    rest = asyncio.gather(*(bench.writer.write(bench.unit(name)) for name in names))
    await asyncio.sleep(0)  # each of them is in the queue when this returns, so the batches do not depend on luck
    gate.open()
    assert await rest == names
    assert await first == ["first"]
    assert bench.db.commits == 3


# A disk that does not take it


async def fails(bench: Bench, *names: str) -> None:
    """Every waiter is told that it was not written, and it was not."""
    answers = await bench.put(*names)
    assert [type(answer) for answer in answers] == [JournalUnavailable] * len(names)
    assert all(isinstance(answer.__cause__, sqlite3.Error) for answer in answers)
    assert not bench.on_disk() & set(names)


@pytest.mark.anyio
async def test_a_commit_that_fails_is_told_to_every_waiter_and_the_next_one_works(bench: Bench) -> None:
    bench.db.full = True
    await fails(bench, "a", "b", "c")
    bench.db.full = False
    assert await bench.put("a", "d") == ["a", "d"]
    assert bench.on_disk() == {"a", "d"}


@pytest.mark.anyio
async def test_a_full_disk_is_told_to_every_waiter_and_the_next_one_works(bench: Bench) -> None:
    await bench.put("before")
    await bench.writer.read(lambda db: db.execute("PRAGMA max_page_count = 1").fetchall())  # as small as it now is
    writes = (bench.writer.write(bench.unit(f"{n}", "x" * 5000)) for n in range(20))
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert {type(answer) for answer in answers} == {JournalUnavailable}
    assert bench.on_disk() == {"before"}
    await bench.writer.read(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall())
    assert await bench.put("after") == ["after"]
    assert bench.on_disk() == {"before", "after"}


@pytest.mark.anyio
async def test_what_the_database_refuses_at_the_commit_itself_is_not_written(bench: Bench) -> None:
    def unit(db: sqlite3.Connection) -> None:
        db.execute("PRAGMA defer_foreign_keys = 1")
        db.execute("INSERT INTO events (payment_id, n, at, event, body, hash) VALUES ('pay_none', 1, 0, '', '{}', '')")

    answers = await asyncio.gather(
        bench.writer.write(bench.unit("a")), bench.writer.write(unit), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {JournalUnavailable}
    assert bench.on_disk() == set()
    assert await bench.put("a") == ["a"]


@pytest.mark.anyio
async def test_a_lock_that_is_never_given_back_is_told(bench: Bench) -> None:
    await bench.writer.read(lambda db: db.execute("PRAGMA busy_timeout = 20").fetchall())
    other = sqlite3.connect(bench.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert [type(answer) for answer in await bench.put("a", "b")] == [JournalUnavailable] * 2
    other.execute("ROLLBACK")
    other.close()
    assert await bench.put("a", "b") == ["a", "b"]


# Who waits, and who does not


@pytest.mark.anyio
async def test_a_waiter_that_goes_away_disturbs_nobody(bench: Bench, passing: Any) -> None:
    gate = WriterGate("commit:before")
    passing(gate)
    writes = [asyncio.create_task(bench.writer.write(bench.unit(name))) for name in "abc"]
    await gate.reached()
    writes[1].cancel()
    await asyncio.wait({writes[1]})
    gate.open()
    async with asyncio.timeout(PATIENCE):
        assert await writes[0] == "a"
        assert await writes[2] == "c"
    assert bench.on_disk() == {"a", "b", "c"}, "a commit is never cancelled"
    assert await bench.put("d") == ["d"]


@pytest.mark.anyio
async def test_a_loop_that_is_gone_disturbs_nobody(bench: Bench, passing: Any) -> None:
    gate = WriterGate("commit:before")
    passing(gate)

    def another_loop() -> None:
        async def leave() -> None:
            write = asyncio.ensure_future(bench.writer.write(bench.unit("gone")))
            await gate.reached()
            write.cancel()

        asyncio.run(leave())

    await asyncio.to_thread(another_loop)
    mine = asyncio.create_task(bench.put("mine"))
    await asyncio.sleep(0)
    gate.open()
    async with asyncio.timeout(PATIENCE):
        assert await mine == ["mine"]
    assert bench.on_disk() == {"gone", "mine"}


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
@pytest.mark.anyio
async def test_the_loop_goes_on_while_another_process_holds_the_file(bench: Bench, lock: str) -> None:
    other = sqlite3.connect(bench.path, isolation_level=None)
    other.execute(lock)
    write = asyncio.create_task(bench.put("a"))
    read = asyncio.create_task(bench.writer.read(lambda db: db.execute("SELECT 1").fetchone()[0]))
    for _ in range(10):  # a loop that waited for the file would never come to where the file is let go
        await asyncio.sleep(0.005)
    assert not write.done()
    other.execute("ROLLBACK")
    other.close()
    assert await write == ["a"]
    assert await read == 1


@pytest.mark.anyio
async def test_a_read_sees_what_was_written_before_it(bench: Bench) -> None:
    def count(db: sqlite3.Connection) -> int:
        total: int = db.execute("SELECT count(*) FROM outbox").fetchone()[0]
        return total

    calls = [call for n in range(20) for call in (bench.writer.write(bench.unit(f"{n}")), bench.writer.read(count))]
    assert (await asyncio.gather(*calls))[1::2] == list(range(1, 21))


@pytest.mark.anyio
async def test_a_read_that_fails_is_told_to_its_reader_only(bench: Bench) -> None:
    answers = await asyncio.gather(
        bench.writer.read(lambda db: db.execute("SELECT * FROM nowhere")),
        bench.writer.read(lambda db: {}["missing"]),
        bench.writer.read(lambda db: 1),
        *(bench.writer.write(bench.unit(name)) for name in "ab"),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers[:2]] == [JournalUnavailable, KeyError]
    assert answers[2:] == [1, "a", "b"]


@pytest.mark.anyio
async def test_closing_commits_what_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db")
    bench.writer.start()
    writes = [asyncio.create_task(bench.writer.write(bench.unit(f"{n}"))) for n in range(300)]
    await asyncio.sleep(0)
    await bench.writer.close()
    assert await asyncio.gather(*writes) == [f"{n}" for n in range(300)]
    with pytest.raises(JournalUnavailable, match="closed"):
        await bench.writer.write(bench.unit("late"))


def test_a_database_that_cannot_be_opened_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ana, " * 1000)
    with pytest.raises(Misconfigured, match="cannot be used as a journal"):
        Writer(partial(connect, tmp_path / "letter.txt")).start()
