"""Measure everything, a few minutes long, and print the table of ratios."""

import argparse
import sys

from benchmarks import calls, payments
from benchmarks.figures import Figure, show


def main() -> None:
    """One measurement after the other, with a word about which."""
    argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__).parse_args()
    figures: list[Figure] = []
    for what, measure in (
        ("durable payments", payments.measure),
        ("calls over stdio", lambda: [calls.calls()]),
        ("start-up", lambda: [calls.starts()]),
        ("memory", calls.memory),
    ):
        sys.stderr.write(f"measuring {what} ...\n")
        figures += measure()
    show(figures)


main()
