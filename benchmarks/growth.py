"""What one payment costs in a journal that holds a thousand, a hundred thousand or a million already."""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import nop
from benchmarks.figures import Figure, middle
from benchmarks.payments import FOLDER
from riel.journal import open_journal

ROWS = (1_000, 100_000, 1_000_000)
PAYMENTS = 400
TABLES = ("challenges", "tries", "payments", "events", "outbox")

NEW_IN_SQLITE = {
    "id": "printf('pay_%012x%020x', 1700000000000 + k, k)",
    "tries.id": "NULL",
    "outbox.id": "printf('pay_%012x%020x.3', 1700000000000 + k, k)",
    "challenge": "printf('pay_%012x%020x', 1700000000000 + k, k)",
    "payment_id": "printf('pay_%012x%020x', 1700000000000 + k, k)",
    "seq": "NULL",
    "digest": "randomblob(32)",
    "reference": "hex(randomblob(12))",
    "principal": "'session ' || (k % 1000)",
    "created_at": "1700000000000 + k",
    "at": "1700000000000 + k",
    "sent_at": "1700000000000 + k",
    "next_at": "1700000000000 + k",
}
"""What differs from row to row; everything else is as in a payment that was really made."""


async def _one_payment(url: str) -> None:
    await nop.pay(await open_journal(url), 1, 1)


def fill(file: Path, rows: int) -> None:
    """Copy the one payment in ``file`` until there are ``rows``."""
    db = sqlite3.connect(file, isolation_level=None)
    db.executescript("PRAGMA foreign_keys = 0; PRAGMA synchronous = 0; PRAGMA journal_mode = memory; BEGIN")
    for table in TABLES:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        db.execute(
            "WITH RECURSIVE series (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM series WHERE k < ?) "
            f"INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {', '.join(_value(table, column, NEW_IN_SQLITE) for column in columns)} FROM series, {table} t "
            "WHERE t.rowid <= (SELECT max(rowid) FROM "
            f"{table}) ORDER BY k",
            (rows,),
        )
    db.execute("COMMIT")
    db.execute("ANALYZE")
    db.close()


def _value(table: str, column: str, new: Mapping[str, str]) -> str:
    return new.get(f"{table}.{column}", new.get(column, f"t.{column}"))


def measure(rounds: int = 3) -> list[Figure]:
    """The typical time of a payment at each size, and how it compares with the smallest."""
    figures: list[Figure] = []
    smallest = 0.0
    for rows in ROWS:
        with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as folder:
            file = Path(folder, "journal.db")
            url = f"sqlite:///{file}"
            asyncio.run(_one_payment(url))
            begun = time.perf_counter()
            fill(file, rows)
            size = file.stat().st_size / 2**20
            sys.stderr.write(f"  {rows:,} payments, {size:,.0f} MB, filled in {time.perf_counter() - begun:.0f} s\n")
            typical = middle([middle(asyncio.run(_paid(url, n))) for n in range(rounds)])
        smallest = smallest or typical
        aim = "1.3 at most" if rows == ROWS[-1] else ""
        what = f"a payment in a SQLite journal of {rows:,}"
        first = f"{smallest * 1000:.2f} ms at {ROWS[0]:,}"
        figures.append(Figure(what, f"{typical * 1000:.2f} ms", first, typical / smallest, aim))
    return figures


async def _paid(url: str, number: int) -> list[float]:
    _, took = await nop.pay(await open_journal(url), 1, PAYMENTS, who=f"measured {number}")
    return took[PAYMENTS // 5 :]
