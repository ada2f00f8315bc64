"""``python -m tests.simulator SEED`` tells the story of one seed; with ``--seeds`` it lives through many and counts."""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext

from . import Outcome, simulate, story
from .bugs import BUGS
from .rails import RAILS
from .world import CALM_AFTER

CHUNK = 250
Part = tuple[int, Counter[str], list[Outcome]]


def _chunk(first: int, last: int, rail: str | None) -> Part:
    """Live through some seeds: how many, what happened in them, and those that broke a promise."""
    counted, broken = Counter[str](), []
    for seed in range(first, last):
        outcome = simulate(seed, rail=rail)
        counted += outcome.counted
        if outcome.broken is not None:
            broken.append(outcome)
    return last - first, counted, broken


def _many(first: int, seeds: int, jobs: int, rail: str | None) -> int:
    began, done, counted, broken = time.monotonic(), 0, Counter[str](), list[Outcome]()
    starts = range(first, first + seeds, CHUNK)
    with ProcessPoolExecutor(jobs) as pool:
        parts = [pool.submit(_chunk, start, min(start + CHUNK, first + seeds), rail) for start in starts]
        for part in as_completed(parts):
            lived, happened, found = part.result()
            done, counted, broken = done + lived, counted + happened, broken + found
            rate = done / (time.monotonic() - began)
            print(f"\r{done:,} of {seeds:,} seeds, {rate:.0f}/s, {len(broken)} broken ", end="", flush=True)
    print()
    took = time.monotonic() - began
    rows = [
        ("seeds", f"{done:,}"),
        ("payments and refunds", f"{counted.pop('payments', 0):,}"),
        ("crashes", f"{counted.pop('crashes', 0):,}"),
        ("pauses", f"{counted.pop('pauses', 0):,}"),
        ("virtual hours", f"{counted.pop('seconds', 0) / 3600:,.1f}"),
        *((name, f"{count:,}") for name, count in counted.most_common()),
        ("real seconds", f"{took:,.0f}"),
        ("seeds per second", f"{done / took:.1f}"),
        ("violations", f"{len(broken):,}"),
    ]
    for name, value in rows:
        print(f"{name:<30}{value:>12}")
    for outcome in sorted(broken, key=lambda each: each.seed)[:20]:
        print(f"seed {outcome.seed}: {outcome.broken}")
    if broken:
        print("\n" + story(min(broken, key=lambda each: len(each.history))))
    return 1 if broken else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=0, help="the seed to tell of, or the first of many")
    parser.add_argument("--seeds", type=int, help="live through that many, and print a table")
    parser.add_argument("--jobs", type=int, default=1, help="in that many processes")
    parser.add_argument("--bug", choices=sorted(BUGS), help="with this mistake in the code")
    parser.add_argument("--mood", choices=sorted(CALM_AFTER), help="in a world of that mood, whatever it draws")
    parser.add_argument("--rail", choices=sorted(RAILS), help="with that rail, whichever it draws")
    asked = parser.parse_args()
    if asked.seeds:
        return _many(asked.seed, asked.seeds, asked.jobs, asked.rail)
    outcome = simulate(asked.seed, BUGS[asked.bug] if asked.bug else nullcontext, asked.mood, asked.rail)
    print(story(outcome))
    print(", ".join(f"{count} {name}" for name, count in outcome.counted.items() if count))
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
