"""The newest anchor beside the key: a journal that was put back is not used as if nothing had been since."""

import logging
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from riel.errors import Misconfigured
from riel.journal import Journal
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.events import RESTORED
from riel.journal.newest_anchor import FOLDER, AnchorKeeper
from riel.testing.journal_contract import NOW, create_payment, create_settled
from riel.testing.keys import ROW_MAC

from .sqlite_support import SqliteFile

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "journal.db")


async def anchored(journal: Journal, home: Path, name: str) -> None:
    await AnchorKeeper(home, journal, ROW_MAC).check()
    await create_settled(journal, name)
    assert await journal.anchor(NOW)


async def put_back(store: SqliteFile, home: Path) -> Journal:
    """A journal with two anchors, replaced by a copy that was made after the first."""
    journal = await store.open()
    await anchored(journal, home, "a")
    await journal.close()
    copy = shutil.copy(store.path, home / "copy.db")
    journal = await store.open()
    await AnchorKeeper(home, journal, ROW_MAC).check()
    await anchored(journal, home, "b")
    await journal.close()
    shutil.copy(copy, store.path)
    return await store.open()


async def test_a_journal_that_was_put_back_is_refused_in_a_sentence_that_names_riel_restore(
    store: SqliteFile, tmp_path: Path
) -> None:
    journal = await put_back(store, tmp_path)
    with pytest.raises(Misconfigured, match=r"^RIEL_JOURNAL: the journal is older than anchor 2, .*run riel restore"):
        await AnchorKeeper(tmp_path, journal, ROW_MAC).check()
    await journal.close()


async def test_a_journal_that_riel_restored_is_taken_and_its_newest_anchor_is_kept(
    store: SqliteFile, tmp_path: Path
) -> None:
    journal = await put_back(store, tmp_path)
    await journal.append_event(JOURNAL_CHAIN, RESTORED, {"by": "op", "since": 0}, NOW + timedelta(hours=1))
    await journal.anchor(NOW + timedelta(hours=1))
    await AnchorKeeper(tmp_path, journal, ROW_MAC).check()
    await AnchorKeeper(tmp_path, journal, ROW_MAC).check()
    (kept,) = [path.read_text() for path in (tmp_path / FOLDER).iterdir()]
    assert kept.split()[2] == (await journal.anchors())[-1].hash
    await journal.close()


async def test_a_restore_that_somebody_else_wrote_into_the_chain_is_none(store: SqliteFile, tmp_path: Path) -> None:
    journal = await put_back(store, tmp_path)
    await journal.append_event(JOURNAL_CHAIN, RESTORED, {"by": "op", "since": 0}, NOW + timedelta(hours=1))
    store.tamper("UPDATE events SET mac = '' WHERE payment_id = 'journal'")
    with pytest.raises(Misconfigured, match="riel restore"):
        await AnchorKeeper(tmp_path, journal, ROW_MAC).check()
    await journal.close()


async def test_a_home_that_cannot_be_written_stops_nothing(
    store: SqliteFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    journal = await store.open()
    await create_payment(journal, "a")
    await journal.anchor(NOW)
    with caplog.at_level(logging.WARNING), pytest.raises(Misconfigured, match="cannot be read"):
        await AnchorKeeper(tmp_path, journal, ROW_MAC).check()
    await journal.close()
