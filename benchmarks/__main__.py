"""Run the measurements, some minutes each, and print their figures beside the baseline.

The exit status is 1 where a measurement failed; the figures of the others are shown all the same.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.figures import print_table
from benchmarks.measurements import MEASUREMENTS, run_measurement
from benchmarks.report import BASELINE, Report, machine_facts, read_reports, revision, utc_date, write_reports


def main() -> int:
    """Measure, print the table, and write the file that ``--json`` names."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("only", nargs="*", metavar="NAME", help=f"some of {', '.join(MEASUREMENTS)}; all by default")
    options.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each figure is measured")
    options.add_argument("--json", type=Path, metavar="FILE", help="put the figures into this file as well")
    options.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE", help="figures to compare with")
    arguments = options.parse_args()
    if unknown := sorted(set(arguments.only) - set(MEASUREMENTS)):
        options.error(f"there is no measurement {' or '.join(unknown)}")
    baseline = read_reports(arguments.baseline) if arguments.baseline.exists() else {}
    file: Path | None = arguments.json
    written = read_reports(file) if file is not None and file.exists() else {}
    results = []
    for name in arguments.only or MEASUREMENTS:
        sys.stderr.write(f"measuring {name} ...\n")
        date, commit, machine = utc_date(), revision(), machine_facts()
        results.append(run_measurement(name, arguments.rounds))
        if file is not None:  # after each one, so that an interrupted run keeps what it has
            written[name] = Report(date=date, commit=commit, machine=machine, result=results[-1])
            write_reports(file, written)
    compared = [baseline[result.measurement] for result in results if result.measurement in baseline]
    ratios = {name: ratio for report in compared for name, ratio in report.ratios.items()}
    print_table(
        results, ratios, [f"baseline of {report.result.measurement}: {report.conditions}" for report in compared]
    )
    return 1 if any(result.error for result in results) else 0


if __name__ == "__main__":  # each measurement runs in a new process, which imports this module
    sys.exit(main())
