"""A durable payment (a counted try, the one transaction, the recorded result) at 1, 8 and 64 at a time."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Series
from benchmarks.workload import Durations, confirm_payments
from riel.journal.open import open_journal
from riel.testing.keys import ROW_MAC

FOLDER = os.environ.get("BENCHMARK_FOLDER")
"""Where the files lie: a folder on a disk, since a folder in memory syncs for nothing."""

PAYMENTS = {1: 150, 8: 800, 64: 3200}
"""How many payments are made with so many sessions."""

GOALS = {1: "p50 within 5 ms", 64: "at least 3,000/s"}


def measure(rounds: int) -> Iterator[Figure]:
    """Payments a second, and the duration of one, beside how often the disk can sync."""
    for sessions, payments in PAYMENTS.items():
        peers, ours = list[float](), list[Durations]()
        for _ in range(rounds):
            peers.append(syncs_a_second())
            ours.append(asyncio.run(_confirm_payments(sessions, payments)))
        yield Figure(
            name=f"durable payments, {sessions} at a time",
            ours=Series(tuple(durations.rate for durations in ours), "payments/s"),
            peer=Series(tuple(peers), "syncs/s"),
            peer_name="disk",
            p50_ms=median(median(durations.payments) for durations in ours) * 1000,
            goal=GOALS.get(sessions, ""),
        )


async def _confirm_payments(sessions: int, payments: int) -> Durations:
    with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as folder:
        journal = await open_journal(f"sqlite:///{folder}/journal.db", ROW_MAC)
        return await confirm_payments(journal, sessions, payments, "session")


def syncs_a_second(seconds: float = 1.0) -> float:
    """How often a second the disk makes a written page durable, one after the other."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        file = os.open(Path(folder) / "page", os.O_RDWR | os.O_CREAT)
        syncs, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            os.pwrite(file, b"x" * 4096, 4096 * (syncs % 16))
            os.fdatasync(file)
            syncs += 1
        os.close(file)
        return syncs / (time.perf_counter() - begun)
