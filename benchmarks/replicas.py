"""PostgreSQL shared by 1, 2 and 4 replicas, 8 and 64 payments at a time, beside pgbench with the same statements."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from statistics import median

from tests.support.postgres import Postgres, running

from benchmarks import pgbench
from benchmarks.figures import Figure, Series
from riel.journal.open import open_journal
from riel.testing.keys import ROW_MAC

LOG = {
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_directory": "log",
    "log_filename": "'postgresql.log'",
    "log_parameter_max_length": "-1",
}
PAYMENTS = {8: 1600, 64: 3200}
"""How many payments are made with so many sessions, all replicas together."""

TITLES = {"record": "the record of payments", "make": "whole payments"}
GOALS = {"record": "0.7 at least"}
COMBINATIONS = [(work, replicas) for work in TITLES for replicas in (1, 2, 4)]
_numbers = count()


def measure(rounds: int) -> Iterator[Figure]:
    """Each combination, in turn with pgbench."""
    with running(**LOG) as server:
        script = pgbench.script(pgbench.recorded(server))
        for sessions, payments in PAYMENTS.items():
            peers, ours = list[float](), {each: list[tuple[float, float]]() for each in COMBINATIONS}
            for _ in range(rounds):
                peers.append(pgbench.rate(server, _empty_journal(server), script, sessions, payments))
                for (work, replicas), rates in ours.items():
                    rates.append(_rate(work, _empty_journal(server), replicas, sessions, payments))
                    sys.stderr.write(f"  {work}, {replicas} replicas, {sessions} at a time: {rates[-1][0]:,.0f}/s\n")
            for (work, replicas), rates in ours.items():
                yield Figure(
                    name=f"{TITLES[work]}, {replicas} replica{'s' * (replicas > 1)}, {sessions} at a time",
                    ours=Series(tuple(rate for rate, _ in rates), "payments/s"),
                    peer=Series(tuple(peers), "payments/s"),
                    peer_name="pgbench",
                    p50_ms=median(duration for _, duration in rates) * 1000,
                    goal=GOALS.get(work, ""),
                )


def _rate(work: str, url: str, replicas: int, sessions: int, payments: int) -> tuple[float, float]:
    """Payments a second of all replicas together, and the median seconds of one payment.

    :param work: ``record`` for what a payment writes to the journal, ``make`` for the engine's work as well.
    """
    arguments = [sys.executable, "-m", "benchmarks.replica", work, url]
    each = [str(sessions // replicas), str(payments // replicas)]
    with ExitStack() as stack:
        processes = []
        for _ in range(replicas):
            command = [*arguments, *each, f"replica {next(_numbers)}"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)  # it has ended by then, unless another one failed
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", f"a replica ended before it was ready to {work} payments"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [json.loads(process.communicate()[0]) for process in processes]
    durations = [seconds for answer in answers for seconds in answer["payments"]]
    return len(durations) / max(answer["seconds"] for answer in answers), median(durations)


def _empty_journal(server: Postgres) -> str:
    """Make an empty journal and return its URL."""
    url = server.fresh()

    async def create() -> None:
        await (await open_journal(url, ROW_MAC)).close()

    asyncio.run(create())
    return url
