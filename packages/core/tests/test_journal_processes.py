"""Several processes share one journal: whoever dies loses its payments to one other, and nothing else is lost."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from riel.testing.journal_contract import DAY, NOW, event_names, new_intent

from .sqlite_support import SqliteFile

PATIENCE = 120.0


@pytest.fixture
def store(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "made" / "journal.db")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


CHILD = """
import asyncio, os, signal, sys
from riel.crash_points import at_crash_points
from riel.journal.open import open_journal
from riel.testing.journal_contract import create_payment
from riel.testing.keys import ROW_MAC

async def main(path):
    journal = await open_journal(path, ROW_MAC)
    {deed}

asyncio.run(main(sys.argv[1]))
"""

PAY_AND_STAY = """
    await create_payment(journal)
    print("paid", flush=True)
    await asyncio.Event().wait()
"""

DIE_AT = """
    passed = []
    def hook(name):
        passed.append(name)
        if passed.count({point!r}) == {nth}:
            os.kill(os.getpid(), signal.SIGKILL)
    at_crash_points(hook)
    await create_payment(journal)
"""


def run(deed: str, store: SqliteFile) -> subprocess.Popen[bytes]:
    """A real process with a handle to the journal."""
    script = CHILD.format(deed=deed)
    return subprocess.Popen([sys.executable, "-c", script, str(store.path)], stdout=subprocess.PIPE)


@contextmanager
def child_that_paid(store: SqliteFile) -> Iterator[subprocess.Popen[bytes]]:
    """A living process that owns the payment ``pay_a``."""
    with run(PAY_AND_STAY, store) as child:
        try:
            assert child.stdout is not None
            assert select.select([child.stdout], [], [], PATIENCE)[0], "the child does not pay"
            assert child.stdout.readline() == b"paid\n"
            yield child
        finally:
            child.kill()


@pytest.mark.anyio
async def test_a_process_that_was_killed_loses_its_payments_to_one_other(store: SqliteFile) -> None:
    handles = [await store.open() for _ in range(3)]
    with child_that_paid(store) as child:
        for handle in handles:
            assert await handle.claim(NOW, (), most=10) == [], "its owner is alive"
            assert await handle.claim_one("pay_a", NOW, ()) is None
        child.send_signal(signal.SIGKILL)
        child.wait(PATIENCE)
        claims = await asyncio.gather(*(handle.claim(NOW, (), most=10) for handle in handles))
        ((taken,),) = [claimed for claimed in claims if claimed]
        assert (taken.id, taken.fence) == ("pay_a", 2)
        assert [await handle.claim_one("pay_a", NOW, {"pay_a"}) for handle in handles] == [None] * 3
    for handle in handles:
        await handle.close()


@pytest.mark.anyio
async def test_a_process_that_is_merely_stopped_keeps_its_payments(store: SqliteFile) -> None:
    journal = await store.open()
    with child_that_paid(store) as child:
        child.send_signal(signal.SIGSTOP)
        _, status = await asyncio.to_thread(os.waitpid, child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert await journal.claim(NOW + DAY, (), most=10) == []
        assert await journal.claim_one("pay_a", NOW + DAY, ()) is None
    await journal.close()


@pytest.mark.anyio
async def test_a_kill_before_the_commit_takes_the_whole_payment_along(store: SqliteFile) -> None:
    journal = await store.open()
    with run(DIE_AT.format(point="commit:before", nth=3), store) as child:
        assert child.wait(PATIENCE) == -signal.SIGKILL
    asked = await journal.challenge("pay_a")
    assert asked is not None
    assert (asked.state, asked.attempts) == ("open", 1), "the try that was answered is still counted"
    assert await journal.payments() == []
    assert await event_names(journal, "pay_a") == ["challenge.opened"]
    assert await journal.verify() == (1, None)
    await journal.close()


@pytest.mark.anyio
async def test_a_kill_after_the_commit_takes_nothing_along(store: SqliteFile) -> None:
    journal = await store.open()
    with run(DIE_AT.format(point="commit:after", nth=3), store) as child:
        assert child.wait(PATIENCE) == -signal.SIGKILL
    (taken,) = await journal.claim(NOW, (), most=10)
    assert (taken.id, taken.state, taken.body) == ("pay_a", "sending", new_intent().body)
    assert await event_names(journal, "pay_a") == ["challenge.opened", "payment.created"]
    assert await journal.verify() == (2, None)
    await journal.close()
