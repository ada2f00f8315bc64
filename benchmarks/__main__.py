"""Run the measurements, some minutes each, and print their figures beside the baseline.

The exit status is 1 where a measurement failed; the figures of the others are shown all the same.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.figures import print_table
from benchmarks.measurements import MEASUREMENTS, run_measurement
from benchmarks.report import BASELINE, Report, machine_facts, revision, utc_date


def main() -> int:
    """Measure, print the table, and write the file that ``--json`` names."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("only", nargs="*", metavar="NAME", help=f"some of {', '.join(MEASUREMENTS)}; all by default")
    options.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each figure is measured")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
    options.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE", help="figures to compare with")
    arguments = options.parse_args()
    if unknown := sorted(set(arguments.only) - set(MEASUREMENTS)):
        options.error(f"there is no measurement {' or '.join(unknown)}")
    baseline = Report.read(arguments.baseline) if arguments.baseline.exists() else None
    date, commit, machine = utc_date(), revision(), machine_facts()
    results = []
    for name in arguments.only or MEASUREMENTS:
        sys.stderr.write(f"measuring {name} ...\n")
        results.append(run_measurement(name, arguments.rounds))
    report = Report(date=date, commit=commit, machine=machine, results=tuple(results))
    print_table(report.results, baseline.ratios if baseline else {}, baseline.date if baseline else "")
    if arguments.json is not None:
        report.write(arguments.json)
    return 1 if any(result.error for result in results) else 0


if __name__ == "__main__":  # each measurement runs in a new process, which imports this module
    sys.exit(main())
