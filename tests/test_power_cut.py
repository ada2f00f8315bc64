"""A power cut takes back nothing that was acknowledged, and leaves no half of anything.

The disk is simulated: the real store writes through a VFS that records every call, and an image of what may be left is
made for cuts at random instants. Each image is opened by the real store. So that one can believe it, the same harness
has to find what is lost with the pragmas that everybody else uses.
"""

import asyncio
import random
import secrets
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from riel.errors import JournalUnavailable, Misconfigured, NotAllowed
from riel.guards import Reservation
from riel.journal import PaymentRecord, State
from riel.journal.sqlite import SqliteJournal
from riel.journal.sqlite import connect as opening
from riel.money import Money
from riel.testing.journal_contract.fixtures import (
    NOW,
    SECOND,
    AttemptLimits,
    claim,
    move,
    new_challenge,
    new_intent,
    try_to_open,
)
from riel.testing.keys import ROW_MAC

from .support.apsw_journal import journal_on
from .support.memory_folder import memory_folder
from .support.power_cut import DiskLog, DiskReplay, Key, recorded_vfs

pytestmark = pytest.mark.anyio

CUSTOMERS = 4
PAYMENTS = 6
IMAGES = 1_000
CONTROLS = 300
MANY = 25_000

HALVES = {
    "a consumed question without a payment": (
        "SELECT count(*) FROM challenges c LEFT JOIN payments p USING (id) "
        "WHERE (c.state = 'consumed') <> (p.id IS NOT NULL)"
    ),
    "a birth without the try that was right": (
        "SELECT count(*) FROM payments p WHERE NOT EXISTS "
        "(SELECT 1 FROM attempts t WHERE t.challenge_id = p.id AND t.outcome = 'right')"
    ),
    "an outcome without its notice": (
        "SELECT (SELECT count(*) FROM events WHERE event IN ('payment.settled', 'payment.rejected')) "
        "<> (SELECT count(*) FROM outbox)"
    ),
    "a limit that counts something else than what was taken": (
        "SELECT (SELECT coalesce(sum(amount), 0) FROM limit_usage) <> (SELECT count(*) FROM challenges c "
        "LEFT JOIN payments p USING (id) WHERE c.reservations <> '' AND (p.state IS NULL OR p.state <> 'rejected'))"
    ),
    "a row that belongs to nothing": "SELECT count(*) FROM pragma_foreign_key_check",
}
ROWS = {
    "events": "SELECT payment_id, count(*) FROM events GROUP BY 1",
    "attempts": "SELECT challenge_id, count(*) FROM attempts GROUP BY 1",
    "anchors": "SELECT '', count(*) FROM anchors",
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    with memory_folder(tmp_path) as folder:
        yield folder


async def a_busy_day(journal: SqliteJournal, log: DiskLog) -> None:
    """Several customers at once, each with payments of every fate. Whatever they are told is put on the log."""
    await asyncio.gather(*(a_customer(journal, log, name) for name in "abcdefgh"[:CUSTOMERS]))


async def a_customer(journal: SqliteJournal, log: DiskLog, who: str) -> None:
    for number in range(PAYMENTS):
        record = await a_birth(journal, log, f"{who}{number}")
        match number % 3:
            case 0:
                fate = [State.SETTLED]
            case 1:
                fate = [State.UNKNOWN, State.REJECTED]
            case _:
                fate = [State.PENDING, State.SETTLED]
        for events, state in enumerate(fate, 3):
            held = record if record.owner else await claim(journal, record)
            record = await move(journal, held, state, next_at=NOW)
            log.told("events", record.id, events)
        if number % 2:
            await journal.anchor(NOW)
            log.told("anchors", "", 1)


async def a_birth(journal: SqliteJournal, log: DiskLog, name: str) -> PaymentRecord:
    question = new_challenge(name, money=Money(50_000, "MXN"), expires_at=NOW + 600 * SECOND)
    hold = Reservation(
        scope="day|mock", bucket=0, since=0, amount=1, limit=10_000, error=lambda left: NotAllowed(reason="too much")
    )
    asked = await try_to_open(journal, question, holds=[hold])
    log.told("events", question.id, 1)
    counted = await journal.count_attempt(question.id, question.principal, NOW, AttemptLimits(per_window=1_000))
    log.told("attempts", question.id, 1)
    record = await journal.create_payment(counted, asked.challenge.id, None, new_intent(f"REF-{name}"), NOW)
    log.told("events", question.id, 2)
    assert isinstance(record, PaymentRecord)
    return record


async def recorded(folder: Path, pragmas: Mapping[str, str]) -> DiskLog:
    """The log of a busy day."""
    log, place = DiskLog(), folder / "recorded"
    place.mkdir()
    with recorded_vfs(log) as vfs:
        journal = journal_on(place / "journal.db", vfs, pragmas)
        await a_busy_day(journal, log)
        await journal.close()
    return log


async def cut(folder: Path, log: DiskLog, images: int, chance: random.Random) -> Counter[str]:
    """What is found after that many power cuts at random instants of ``log``."""
    found: Counter[str] = Counter()
    instants = iter(sorted(chance.randrange(len(log.played) + 1) for _ in range(images)))
    disk, played = DiskReplay(), 0
    for number, instant in enumerate(instants):
        while played < instant:
            disk.play(log.played[played])
            played += 1
        place = folder / f"image-{number}"
        place.mkdir()
        for name, content in disk.cut(chance).items():
            (place / name).write_bytes(content)
        found[await after(place / "journal.db", disk.facts)] += 1
        shutil.rmtree(place)
    return found


async def after(path: Path, facts: Mapping[Key, int]) -> str:
    """What somebody finds who starts anew with this file: ``"ok"``, or what is wrong with it."""
    try:
        journal = SqliteJournal.open(str(path), ROW_MAC)
    except (Misconfigured, sqlite3.Error):
        return "corrupt: it does not open"
    try:
        return await flaw(journal, facts)
    except JournalUnavailable:
        return "corrupt: it cannot be read"
    finally:
        await journal.close()


async def flaw(journal: SqliteJournal, facts: Mapping[Key, int]) -> str:
    def look(db: sqlite3.Connection) -> str:
        if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            return "corrupt: the integrity check fails"
        for kind, sql in ROWS.items():
            there = {(kind, whose): rows for whose, rows in db.execute(sql)}
            if any(there.get(key, 0) < rows for key, rows in facts.items() if key[0] == kind):
                return f"lost: {kind} that were acknowledged"
        return next((what for what, sql in HALVES.items() if db.execute(sql).fetchone()[0]), "ok")

    found = await journal._writer.read(look)
    _, broken = await journal.verify()
    return found if broken is None else f"corrupt: {broken.sentence}"


def kinds(found: Counter[str]) -> set[str]:
    return {what.partition(":")[0] for what in found}


def seeded(seed: int) -> random.Random:
    print(f"random.Random({seed})")
    return random.Random(seed)  # noqa: S311  # it must be possible to repeat it


async def test_after_a_power_cut_all_that_was_acknowledged_is_there_and_no_half_of_anything(memory: Path) -> None:
    log = await recorded(memory, opening.PRAGMAS)
    began = time.monotonic()
    found = await cut(memory, log, IMAGES, seeded(1))
    print(f"{IMAGES} images of {len(log.played)} steps in {time.monotonic() - began:.1f} s: {dict(found)}")
    assert found == {"ok": IMAGES}


@pytest.mark.long
async def test_after_very_many_power_cuts(memory: Path) -> None:
    began, found = time.monotonic(), Counter[str]()
    chance = seeded(secrets.randbelow(10**9))
    for number in range(25):
        (place := memory / str(number)).mkdir()
        found += await cut(place, await recorded(place, opening.PRAGMAS), MANY // 25, chance)
        shutil.rmtree(place)
        print(f"{found.total():>7} images  {time.monotonic() - began:6.1f} s  {dict(found)}", flush=True)
    assert found == {"ok": MANY}


# That the harness sees


async def test_with_the_pragmas_of_most_programs_an_acknowledged_payment_is_lost(memory: Path) -> None:
    pragmas = opening.PRAGMAS | {"journal_mode": "delete", "synchronous": "2"}
    found = await cut(memory, await recorded(memory, pragmas), CONTROLS, seeded(1))
    assert kinds(found) == {"ok", "lost"}


async def test_where_nothing_is_synced_the_file_is_corrupted(memory: Path) -> None:
    found = await cut(memory, await recorded(memory, opening.PRAGMAS | {"synchronous": "0"}), CONTROLS, seeded(1))
    assert "corrupt" in kinds(found)


# That the simulated pragmas are the real ones


async def test_the_pragmas_in_force_are_those_that_were_cut(tmp_path: Path) -> None:
    journal = SqliteJournal.open(str(tmp_path / "journal.db"), ROW_MAC)
    try:
        in_force = {
            name: await journal._writer.read(lambda db, name=name: str(db.execute(f"PRAGMA {name}").fetchone()[0]))
            for name in opening.PRAGMAS
        }
    finally:
        await journal.close()
    assert in_force == opening.PRAGMAS
    assert (in_force["journal_mode"], in_force["synchronous"], in_force["fullfsync"]) == ("truncate", "3", "1")
