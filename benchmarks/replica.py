"""One replica: pays when it is told to, and says how long it took."""

import asyncio
import json
import sys

from benchmarks import nop
from riel.journal import open_journal

WARM = 20


async def run(url: str, sessions: int, payments: int, who: str) -> None:
    """Warm up, wait for a line, pay, and print the seconds and the times."""
    await nop.pay_whole(await open_journal(url), sessions, WARM, f"{who} warm")
    journal = await open_journal(url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    seconds, took = await nop.pay_whole(journal, sessions, payments, who)
    sys.stdout.write(json.dumps({"seconds": seconds, "took": took}) + "\n")


asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
