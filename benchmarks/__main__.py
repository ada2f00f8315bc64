"""Measure everything, some minutes long, and print the table of ratios."""

import argparse
import sys

from benchmarks import calls, clabe, growth, payments, replicas
from benchmarks.figures import Figure, show

MEASURES = {
    "payments": payments.measure,
    "calls": lambda: [calls.calls()],
    "starts": lambda: [calls.starts()],
    "memory": calls.memory,
    "growth": growth.measure,
    "replicas": replicas.measure,
    "clabe": clabe.measure,
}


def main() -> None:
    """One measurement after the other, with a word about which."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("only", nargs="*", metavar="WHAT", help=f"only some of {', '.join(MEASURES)}")
    only = options.parse_args().only
    if unknown := set(only) - set(MEASURES):
        options.error(f"nothing is called {' or '.join(sorted(unknown))}")
    figures: list[Figure] = []
    for name in only or MEASURES:
        sys.stderr.write(f"measuring {name} ...\n")
        figures += MEASURES[name]()
    show(figures)


main()
