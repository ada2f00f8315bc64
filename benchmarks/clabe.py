"""A million CLABEs, checked by rail-spei and by PyPI's clabe: the function, with the institution, and as a field.

The peer's wheel brings a top-level package ``tests``, which would hide ours wherever both are installed. So it stays in
a folder of its own, which BENCHMARK_PEERS names: ``uv pip install --no-deps --target FOLDER clabe``.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter

from benchmarks.figures import Figure, middle
from rail_spei.fields import Clabe, check_digit, clabe
from rail_spei.institutions import Catalogue

CLABES = 1_000_000
DIFFERENT = 100_000
"""So many are made, and checked again and again: more than a processor keeps at hand."""

Check = Callable[[str], Any]


def measure(rounds: int = 3) -> list[Figure]:
    """Seconds of one processor for a million valid CLABEs. The peer's check always looks for the institution too."""
    peer, catalogue = _peer(), Catalogue.read(None)
    codes = [institution.clabe_code for institution in catalogue if institution.status == "active"]
    if peer is not None:  # what it does not know it refuses sooner
        codes = [code for code in codes if code in peer.BANKS]
    numbers = _numbers(codes)
    theirs = peer and peer.validate_clabe
    their_field = peer and TypeAdapter(peer.Clabe).validate_python
    pairs: list[tuple[str, Check, Check | None, str]] = [
        ("form and check digit", clabe, theirs, "1.5 s at most"),
        ("and the institution", catalogue.of, theirs, ""),
        ("a field of pydantic", TypeAdapter(Clabe).validate_python, their_field, ""),
    ]
    return [_figure(f"a million CLABEs, {what}", ours, their, numbers, rounds, aim) for what, ours, their, aim in pairs]


def _figure(what: str, ours: Check, theirs: Check | None, numbers: list[str], rounds: int, aim: str) -> Figure:
    """Both in turn, so that whatever else the machine does is shared."""
    took = [(_took(ours, numbers), _took(theirs, numbers) if theirs else 0.0) for _ in range(rounds)]
    mine, other = (middle(seconds) for seconds in zip(*took, strict=True))
    if not other:
        return Figure(what, f"{mine:.2f} s", "not here", None, aim)
    return Figure(what, f"{mine:.2f} s", f"{other:.2f} s", mine / other, aim)


def _peer() -> Any:
    folder = os.environ.get("BENCHMARK_PEERS")
    if folder is None:
        return None
    sys.path.append(folder)
    try:
        return import_module("clabe")
    finally:
        sys.path.remove(folder)


def _numbers(codes: list[str]) -> list[str]:
    chance = random.Random(18)  # noqa: S311 (the same numbers in every run)
    bodies = [f"{chance.choice(codes)}{chance.randrange(10**14):014d}" for _ in range(DIFFERENT)]
    return [body + check_digit(body) for body in bodies]


def _took(check: Check, numbers: Iterable[str]) -> float:
    begun = time.process_time()
    for _ in range(CLABES // DIFFERENT):
        for number in numbers:
            check(number)
    return time.process_time() - begun
