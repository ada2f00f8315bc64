"""One replica: pays when it is told to, or only writes what a payment writes, and says how long it took."""

import asyncio
import json
import sys

from benchmarks import nop
from riel.journal import open_journal

WARM = 20


WORK = {"pay": nop.pay_whole, "write": nop.write_whole}


async def run(what: str, url: str, sessions: int, payments: int, who: str) -> None:
    """Warm up, wait for a line, work, and print the seconds and the times."""
    await WORK[what](await open_journal(url), sessions, WARM, f"{who} warm")
    journal = await open_journal(url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    seconds, took = await WORK[what](journal, sessions, payments, who)
    sys.stdout.write(json.dumps({"seconds": seconds, "took": took}) + "\n")


asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
