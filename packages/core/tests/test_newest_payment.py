"""The newest payment beside the key: a copy that is put back before an anchor was made is noticed as well."""

import logging
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from riel import Order
from riel.errors import Misconfigured
from riel.journal import Journal
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.events import RESTORED
from riel.journal.newest_payment import FOLDER, PaymentKeeper
from riel.testing.journal_contract import NOW, create_payment, new_challenge, open_challenge
from riel.testing.keys import ROW_MAC

from .engine_support import SETTLED, working
from .sqlite_support import SqliteFile

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "journal.db")


async def put_back(store: SqliteFile, home: Path) -> Journal:
    """A journal with a payment and no anchor, replaced by a copy that was made before the payment."""
    journal = await store.open()
    await open_challenge(journal, new_challenge("first"))
    await journal.close()
    copy = shutil.copy(store.path, home / "copy.db")
    journal = await store.open()
    keeper = PaymentKeeper(home, journal, ROW_MAC)
    await keeper.check()
    await keeper.keep(await create_payment(journal, "a"))
    await PaymentKeeper(home, journal, ROW_MAC).check()
    await journal.close()
    shutil.copy(copy, store.path)
    return await store.open()


async def test_a_copy_that_was_put_back_before_an_anchor_was_made_is_refused_in_a_sentence(
    store: SqliteFile, tmp_path: Path
) -> None:
    journal = await put_back(store, tmp_path)
    with pytest.raises(Misconfigured, match=r"^RIEL_JOURNAL: .* the payment pay_a, .*run riel restore"):
        await PaymentKeeper(tmp_path, journal, ROW_MAC).check()
    await journal.close()


async def test_a_journal_that_riel_restored_is_taken_and_its_next_payment_is_kept(
    store: SqliteFile, tmp_path: Path
) -> None:
    journal = await put_back(store, tmp_path)
    await journal.append_event(JOURNAL_CHAIN, RESTORED, {"by": "op", "since": 0}, NOW + timedelta(hours=1))
    keeper = PaymentKeeper(tmp_path, journal, ROW_MAC)
    await keeper.check()
    await keeper.keep(await create_payment(journal, "b"))
    (file,) = (tmp_path / FOLDER).iterdir()
    assert file.read_text().split()[0] == "pay_b"
    assert file.stat().st_mode & 0o077 == 0
    await PaymentKeeper(tmp_path, journal, ROW_MAC).check()
    await journal.close()


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"pay_a", b"pay_a soon\n"])
async def test_a_file_that_a_power_cut_left_unfinished_stops_nothing(
    store: SqliteFile, tmp_path: Path, content: bytes
) -> None:
    journal = await put_back(store, tmp_path)
    (file,) = (tmp_path / FOLDER).iterdir()
    file.write_bytes(content)
    await PaymentKeeper(tmp_path, journal, ROW_MAC).check()
    await journal.close()


async def test_a_home_that_cannot_be_written_stops_no_payment(
    store: SqliteFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = await store.open()
    (tmp_path / FOLDER).write_text("a file in the place of the folder")
    with caplog.at_level(logging.WARNING):
        await PaymentKeeper(tmp_path, journal, ROW_MAC).keep(await create_payment(journal, "a"))
    assert "could not be kept" in caplog.text
    await journal.close()


async def test_a_payment_is_kept_before_its_order_leaves(tmp_path: Path) -> None:
    home, texts = tmp_path / "home", list[str]()

    async def sends(order: Order) -> object:
        texts.extend(file.read_text() for file in (home / FOLDER).iterdir())
        return SETTLED

    async with working(tmp_path, sends=sends) as world:
        keeper = PaymentKeeper(home, world.journal, ROW_MAC)
        world.engine.context = replace(world.engine.context, newest_payment=keeper)
        record = await world.paid(world.request(100))
    assert [text.split()[0] for text in texts] == [record.id]
