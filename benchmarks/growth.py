"""What one payment costs in a journal that holds a thousand, a hundred thousand or a million already."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.support.postgres import running

from benchmarks.figures import Figure, Series
from benchmarks.fill_journal import fill_postgres, fill_sqlite
from benchmarks.payments import FOLDER
from benchmarks.workload import confirm_payments
from riel.journal.open import open_journal
from riel.testing.keys import ROW_MAC

ROWS = (1_000, 100_000, 1_000_000)
PAYMENTS = 400
FillJournal = Callable[[int], tuple[str, int]]
"""Makes a journal of so many payments, and returns its URL and its size in bytes."""


def measure(rounds: int) -> Iterator[Figure]:
    """The median duration of a payment at each size, beside the smallest size."""
    for store, journals in {"SQLite": _sqlite, "PostgreSQL": _postgres}.items():
        with journals() as fill:
            smallest: Series | None = None
            for rows in ROWS:
                begun = time.perf_counter()
                url, size = fill(rows)
                seconds = time.perf_counter() - begun
                sys.stderr.write(f"  {store}, {rows:,} payments, {size / 2**20:,.0f} MB, filled in {seconds:.0f} s\n")
                ours = Series(tuple(asyncio.run(_duration(url, number)) for number in range(rounds)), "ms")
                smallest = smallest or ours
                yield Figure(
                    name=f"a payment in {store}, {rows:,} there",
                    ours=ours,
                    peer=smallest,
                    peer_name=f"{ROWS[0]:,} there",
                    goal="1.3 at most" if rows == ROWS[-1] else "",
                )


@contextmanager
def _sqlite() -> Iterator[FillJournal]:
    with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as folder:

        def fill(rows: int) -> tuple[str, int]:
            file = Path(folder, f"{rows}.db")
            asyncio.run(_one_payment(f"sqlite:///{file}"))
            fill_sqlite(file, rows)
            return f"sqlite:///{file}", file.stat().st_size

        yield fill


@contextmanager
def _postgres() -> Iterator[FillJournal]:
    with running() as server:

        def fill(rows: int) -> tuple[str, int]:
            url = server.fresh()
            asyncio.run(_one_payment(url))
            fill_postgres(server, url, rows)
            return url, server.run(url, "SELECT pg_database_size(current_database()) AS size")[0]["size"]

        yield fill


async def _one_payment(url: str) -> None:
    await confirm_payments(await open_journal(url, ROW_MAC), 1, 1, "session")


async def _duration(url: str, number: int) -> float:
    """Return the median duration of a payment in milliseconds, the first fifth of the payments left out."""
    durations = await confirm_payments(await open_journal(url, ROW_MAC), 1, PAYMENTS, f"measured {number}")
    return median(durations.payments[PAYMENTS // 5 :]) * 1000
