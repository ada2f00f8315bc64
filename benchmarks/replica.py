"""One replica in a process of its own: it makes or records payments on a signal, and prints how long they took."""

import asyncio
import json
import sys

from benchmarks.workload import make_payments, record_payments
from riel.journal.open import open_journal
from riel.testing.keys import ROW_MAC

WARM_UP = 20
WORK = {"make": make_payments, "record": record_payments}


async def run(work: str, url: str, sessions: int, payments: int, principal: str) -> None:
    """Warm up, wait for a line, work, and print the seconds of the work and of each payment."""
    await WORK[work](await open_journal(url, ROW_MAC), sessions, WARM_UP, f"{principal} warm")
    journal = await open_journal(url, ROW_MAC)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    durations = await WORK[work](journal, sessions, payments, principal)
    sys.stdout.write(json.dumps({"seconds": durations.seconds, "payments": durations.payments}) + "\n")


asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
