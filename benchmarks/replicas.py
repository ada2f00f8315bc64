"""PostgreSQL shared by 1, 2 and 4 replicas, 8 and 64 payments at a time, beside pgbench with the same statements."""

import asyncio
import json
import subprocess
import sys
from itertools import count

from tests.support.postgres import Postgres, running

from benchmarks import pgbench
from benchmarks.figures import Figure, middle
from riel.journal import open_journal

LOG = {
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_directory": "log",
    "log_filename": "'postgresql.log'",
    "log_parameter_max_length": "-1",
}
PAYMENTS = {8: 1600, 64: 3200}
TOLD = {"write": "the record of payments", "pay": "whole payments"}
COMBINATIONS = [(work, replicas) for work in TOLD for replicas in (1, 2, 4)]
_names = count()


def _rate(work: str, url: str, replicas: int, sessions: int) -> tuple[float, float]:
    """Payments a second of all replicas together, and the typical time of one.

    :param work: ``write`` for what a payment writes to the journal, ``pay`` for the teller's work as well.
    """
    each, payments = sessions // replicas, PAYMENTS[sessions] // replicas
    arguments = [sys.executable, "-m", "benchmarks.replica", work, url, str(each), str(payments)]
    started = [
        subprocess.Popen(
            [*arguments, f"replica {next(_names)}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(replicas)
    ]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    told = []
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in started:
        out, _ = one.communicate()
        told.append(json.loads(out))
    took = [seconds for each in told for seconds in each["took"]]
    return len(took) / max(each["seconds"] for each in told), middle(took)


def measure(rounds: int = 3) -> list[Figure]:
    """Each combination, in turn with pgbench."""
    figures = []
    with running(**LOG) as server:
        text = pgbench.script(pgbench.recorded(server))
        for sessions, payments in PAYMENTS.items():
            peers, ours = list[float](), {each: list[tuple[float, float]]() for each in COMBINATIONS}
            for _ in range(rounds):
                peers.append(pgbench.rate(server, _empty(server), text, sessions, payments))
                for (work, replicas), rates in ours.items():
                    rates.append(_rate(work, _empty(server), replicas, sessions))
                    sys.stderr.write(f"  {work}, {replicas} replicas, {sessions} at a time: {rates[-1][0]:,.0f}/s\n")
            peer = middle(peers)
            for (work, replicas), rates in ours.items():
                rate, typical = middle([rate for rate, _ in rates]), middle([typical for _, typical in rates])
                what = f"{TOLD[work]}, {replicas} replica{'s' * (replicas > 1)}, {sessions} at a time"
                told = f"{rate:,.0f}/s, p50 {typical * 1000:.1f} ms"
                aim = "0.7 at least" if work == "write" else ""
                figures.append(Figure(what, told, f"{peer:,.0f}/s, pgbench", rate / peer, aim))
    return figures


def _empty(server: Postgres) -> str:
    """The URL of an empty journal."""
    url = server.fresh()

    async def make() -> None:
        await (await open_journal(url)).close()

    asyncio.run(make())
    return url
