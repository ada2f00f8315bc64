"""The measurements by name, each run in a process of its own, so that none disturbs or hides another."""

import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context

from benchmarks.figures import Figure, Result

MEASUREMENTS = {
    "payments": "benchmarks.payments:measure",
    "replicas": "benchmarks.replicas:measure",
    "growth": "benchmarks.growth:measure",
    "calls": "benchmarks.stdio:measure_calls",
    "startup": "benchmarks.stdio:measure_startup",
    "memory": "benchmarks.stdio:measure_memory",
    "clabe": "benchmarks.clabe:measure",
}
"""Where each one is. It is imported by the process that runs it: a module that cannot be imported fails alone."""

Measure = Callable[[int], Iterator[Figure]]
"""Takes the number of rounds, and yields each figure as soon as it is known."""


def load_measurement(where: str) -> Measure:
    """Import ``module:function``."""
    module, _, function = where.partition(":")
    measure: Measure = getattr(import_module(module), function)
    return measure


def run_measurement(name: str, rounds: int, where: str = "") -> Result:
    """Run one measurement in a new process. A failure is part of the result, with the figures before it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_measure, name, where or MEASUREMENTS[name], rounds).result()
        except BrokenProcessPool:
            return Result(measurement=name, figures=(), error="its process ended before it answered")


def _measure(name: str, where: str, rounds: int) -> Result:
    figures: list[Figure] = []
    error = ""
    try:
        figures.extend(load_measurement(where)(rounds))
    except Exception as failure:
        traceback.print_exc(file=sys.stderr)
        error = f"{type(failure).__name__}: {failure}"
    return Result(measurement=name, figures=tuple(figures), error=error)
