"""A restored journal takes no earlier code, looks before it sends, and says what may be missing."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from riel.journal import State
from riel.journal.audit.export import export_lines
from riel.journal.audit.verify_export import verify_lines
from riel.journal.epochs import begin_after_restore, note_comparison

from .engine_support import NOON, SETTLED, SOON, Gate, answers, working

pytestmark = pytest.mark.anyio

WARNING = "WARNING: payments made since 2026-03-07 12:00 UTC may be missing from the journal, perhaps this one too"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_code_from_before_the_restore_confirms_nothing(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
    async with working(tmp_path, now=NOON + timedelta(minutes=2)) as world:
        report = await begin_after_restore(world.journal, "ana", world.now)
        assert report.closed == 1
        assert await world.refusal(world.request(), code) == "2FA_EXPIRED"
        assert world.client.sent == []


async def test_a_new_challenge_warns_until_a_statement_covers_the_gap(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        await world.asked(world.request())
        world.later(hours=1)
        await begin_after_restore(world.journal, "ana", world.now)
        await world.asked(world.request())
        assert WARNING in world.person.asked[-1].text
        about = {"mode": world.rail.mode, "payer": world.rail.payer}
        await note_comparison(world.journal, "toy", NOON, NOON + timedelta(days=1), world.now, **about)
        world.later(minutes=2)
        await world.asked(world.request(1))
        assert "WARNING" not in world.person.asked[-1].text


async def test_another_server_learns_of_the_gap_from_the_journal(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        await world.asked(world.request())
        await begin_after_restore(world.journal, "ana", NOON + timedelta(hours=1))
    async with working(tmp_path, now=NOON + timedelta(hours=2)) as world:
        await world.asked(world.request())
        assert WARNING in world.person.asked[-1].text


@pytest.mark.parametrize("dedupe", ["no", "by_reference"])
async def test_a_payment_under_way_in_the_copy_is_looked_up_before_anything_is_sent(
    tmp_path: Path, dedupe: str
) -> None:
    gate, window = Gate(), timedelta(hours=24) if dedupe != "no" else timedelta(0)
    async with working(tmp_path, sends=gate, answer_within=SOON, dedupe=dedupe, dedupe_window=window) as world:
        await world.engine.confirm(world.request(), await world.asked(world.request()))
        shutil.copy(tmp_path / "journal.db", tmp_path / "copy.db")
        gate.open.set()
        await world.quiet()
        assert len(world.client.sent) == 1
    shutil.copy(tmp_path / "copy.db", tmp_path / "journal.db")
    async with working(
        tmp_path, finds=answers(SETTLED), dedupe=dedupe, dedupe_window=window, now=NOON + timedelta(minutes=2)
    ) as world:
        assert (await begin_after_restore(world.journal, "ana", world.now)).living == 1
        await world.round()
        (record,) = await world.journal.payments()
        assert (record.state, len(world.client.looked), world.client.sent) == (State.SETTLED, 1, [])


async def test_an_absence_is_proven_by_the_time_of_the_restore_and_not_by_that_of_the_copy(tmp_path: Path) -> None:
    gate, rules = Gate(), {"dedupe": "no", "dedupe_window": timedelta(0), "absence_after": timedelta(hours=1)}
    async with working(tmp_path, sends=gate, answer_within=SOON, **rules) as world:
        await world.engine.confirm(world.request(), await world.asked(world.request()))
        shutil.copy(tmp_path / "journal.db", tmp_path / "copy.db")
        gate.open.set()
        await world.quiet()
    shutil.copy(tmp_path / "copy.db", tmp_path / "journal.db")
    async with working(tmp_path, finds=answers(None), now=NOON + timedelta(minutes=90), **rules) as world:
        await begin_after_restore(world.journal, "ana", world.now)
        await world.round()
        (record,) = await world.journal.payments()
        assert record.state is State.SENDING, "it may have been sent just before the restore"
        world.later(minutes=90)
        await world.round()
        assert await world.state(record) is State.REJECTED
        assert world.client.sent == []


async def test_the_record_holds_with_its_own_chain_also_as_a_file(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        await world.paid(world.request())
        await begin_after_restore(world.journal, "ana", world.now)
        await world.journal.anchor(world.now)
        report = verify_lines([line async for line in export_lines(world.journal, "1", 0)])
        assert report.broken is None
        assert report.payments == 1
        assert (await world.journal.verify())[1] is None
