"""``python -m tests.simulator SEED`` prints the history of one seed; with ``--seeds`` it runs many and counts."""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext

from . import Outcome, simulate, transcript
from .bugs import BUGS
from .profiles import CALM_AFTER
from .rails import RAILS

CHUNK = 250
Part = tuple[int, Counter[str], list[Outcome]]


def _chunk(first: int, last: int, rail: str | None) -> Part:
    """Run some seeds: how many there were, what happened in them, and the outcomes that broke a promise."""
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
            seeds_run, events, outcomes = part.result()
            done, counted, broken = done + seeds_run, counted + events, broken + outcomes
            for outcome in outcomes:
                print(f"\rseed {outcome.seed}: {outcome.broken}")
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
        print("\n" + transcript(min(broken, key=lambda each: len(each.history))))
    return 1 if broken else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=0, help="the seed to print, or the first of many")
    parser.add_argument("--seeds", type=int, help="run that many, and print a table")
    parser.add_argument("--jobs", type=int, default=1, help="in that many processes")
    parser.add_argument("--bug", choices=sorted(BUGS), help="with this mistake in the code")
    parser.add_argument(
        "--profile", choices=sorted(CALM_AFTER), help="with that profile of faults, whichever the seed draws"
    )
    parser.add_argument("--rail", choices=sorted(RAILS), help="with that rail, whichever the seed draws")
    options = parser.parse_args()
    if options.seeds:
        return _many(options.seed, options.seeds, options.jobs, options.rail)
    outcome = simulate(options.seed, BUGS[options.bug] if options.bug else nullcontext, options.profile, options.rail)
    print(transcript(outcome))
    print(", ".join(f"{count} {name}" for name, count in outcome.counted.items() if count))
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
