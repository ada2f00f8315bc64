"""A durable payment (a counted try, the one transaction, the recorded result) at 1, 8 and 64 at a time."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from benchmarks import nop
from benchmarks.figures import Figure, middle
from riel.journal import open_journal

FOLDER = os.environ.get("BENCHMARK_FOLDER")
"""Where the files lie: a folder on a disk, since a folder in memory syncs for nothing."""


async def _pay(sessions: int, payments: int) -> tuple[float, list[float]]:
    with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as folder:
        return await nop.pay(await open_journal(f"sqlite:///{folder}/journal.db"), sessions, payments)


def fsyncs(seconds: float = 1.0) -> float:
    """How often a second the disk makes a written page durable, one after the other."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        file = os.open(Path(folder) / "page", os.O_RDWR | os.O_CREAT)
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            os.pwrite(file, b"x" * 4096, 4096 * (done % 16))
            os.fdatasync(file)
            done += 1
        os.close(file)
        return done / (time.perf_counter() - begun)


def measure(rounds: int = 3) -> list[Figure]:
    """Payments a second, and the time of one, beside what the disk can do."""
    figures = []
    for sessions, payments in ((1, 150), (8, 800), (64, 3200)):
        rates, peers, typical = [], [], []
        for _ in range(rounds):
            peers.append(fsyncs())
            rate, took = asyncio.run(_pay(sessions, payments))
            rates.append(rate)
            typical.append(middle(took))
        ours, peer = middle(rates), middle(peers)
        aim = {1: "p50 within 5 ms", 64: "at least 3,000/s"}.get(sessions, "")
        figures.append(
            Figure(
                f"durable payments, {sessions} at a time",
                f"{ours:,.0f}/s, p50 {middle(typical) * 1000:.1f} ms",
                f"{peer:,.0f} fsync/s",
                ours / peer,
                aim,
            )
        )
    return figures
