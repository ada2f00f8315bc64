"""What one payment costs in a journal that holds a thousand, a hundred thousand or a million already."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.postgres import running

from benchmarks import filling, nop
from benchmarks.figures import Figure, middle
from benchmarks.payments import FOLDER
from riel.journal import open_journal

ROWS = (1_000, 100_000, 1_000_000)
PAYMENTS = 400
Filled = Callable[[int], tuple[str, int]]
"""Makes a journal of so many payments, and tells its URL and its bytes."""


def measure(rounds: int = 3) -> list[Figure]:
    """The typical time of a payment at each size, and how it compares with the smallest."""
    figures: list[Figure] = []
    for what, place in {"SQLite": _sqlite, "PostgreSQL": _postgres}.items():
        with place() as filled:
            smallest = 0.0
            for rows in ROWS:
                begun = time.perf_counter()
                url, size = filled(rows)
                took = time.perf_counter() - begun
                sys.stderr.write(f"  {what}, {rows:,} payments, {size / 2**20:,.0f} MB, filled in {took:.0f} s\n")
                typical = middle([middle(asyncio.run(_paid(url, n))) for n in range(rounds)])
                smallest = smallest or typical
                aim = "1.3 at most" if rows == ROWS[-1] else ""
                first = f"{smallest * 1000:.2f} ms at {ROWS[0]:,}"
                told = f"{typical * 1000:.2f} ms"
                figures.append(Figure(f"a payment in {what}, {rows:,} there", told, first, typical / smallest, aim))
    return figures


@contextmanager
def _sqlite() -> Iterator[Filled]:
    with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as folder:

        def filled(rows: int) -> tuple[str, int]:
            file = Path(folder, f"{rows}.db")
            asyncio.run(_one_payment(f"sqlite:///{file}"))
            filling.in_sqlite(file, rows)
            return f"sqlite:///{file}", file.stat().st_size

        yield filled


@contextmanager
def _postgres() -> Iterator[Filled]:
    with running() as server:

        def filled(rows: int) -> tuple[str, int]:
            url = server.fresh()
            asyncio.run(_one_payment(url))
            filling.in_postgres(server, url, rows)
            return url, server.run(url, "SELECT pg_database_size(current_database()) AS size")[0]["size"]

        yield filled


async def _one_payment(url: str) -> None:
    await nop.pay(await open_journal(url), 1, 1)


async def _paid(url: str, number: int) -> list[float]:
    _, took = await nop.pay(await open_journal(url), 1, PAYMENTS, who=f"measured {number}")
    return took[PAYMENTS // 5 :]
