"""A million CLABEs, checked by riel-mexico and by PyPI's clabe: the function, with the institution, and as a field.

The peer's wheel brings a top-level package ``tests``, which would hide ours wherever both are installed. So it stays in
a folder of its own, which BENCHMARK_PEERS names: ``uv pip install --no-deps --target FOLDER clabe``.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter

from benchmarks.figures import Figure, Series
from rail_spei.institutions import Catalogue
from riel_mexico import Clabe, check_digit, clabe

CHECKS = 1_000_000
NUMBERS = 100_000
"""So many different ones are checked again and again: more than the caches of a processor hold."""

Check = Callable[[str], Any]


def measure(rounds: int) -> Iterator[Figure]:
    """Seconds of one processor for a million valid CLABEs. The peer's check always looks for the institution too."""
    peer, catalogue = _peer(), Catalogue.read(None)
    codes = [institution.clabe_code for institution in catalogue if institution.status == "active"]
    if peer is not None:  # an institution that the peer does not know would be refused sooner
        codes = [code for code in codes if code in peer.BANKS]
    numbers = _random_clabes(codes)
    peer_check = peer and peer.validate_clabe
    peer_field = peer and TypeAdapter(peer.Clabe).validate_python
    checks: list[tuple[str, Check, Check | None, str]] = [
        ("form and check digit", clabe, peer_check, ""),
        ("and the institution", catalogue.of, peer_check, ""),
        ("a field of pydantic", TypeAdapter(Clabe).validate_python, peer_field, ""),
    ]
    for title, check, other, goal in checks:
        ours, peers = list[float](), list[float]()
        for _ in range(rounds):
            ours.append(_seconds(check, numbers))
            if other is not None:
                peers.append(_seconds(other, numbers))
        yield Figure(
            name=f"a million CLABEs, {title}",
            ours=Series(tuple(ours), "s"),
            peer=Series(tuple(peers), "s") if peers else None,
            peer_name="clabe",
            goal=goal,
        )


def _peer() -> Any:
    folder = os.environ.get("BENCHMARK_PEERS")
    if folder is None:
        return None
    sys.path.append(folder)
    try:
        return import_module("clabe")
    finally:
        sys.path.remove(folder)


def _random_clabes(codes: Sequence[str]) -> list[str]:
    random_numbers = random.Random(18)  # noqa: S311 (the same numbers in every run)
    bodies = [f"{random_numbers.choice(codes)}{random_numbers.randrange(10**14):014d}" for _ in range(NUMBERS)]
    return [body + check_digit(body) for body in bodies]


def _seconds(check: Check, numbers: Sequence[str]) -> float:
    begun = time.process_time()
    for _ in range(CHECKS // NUMBERS):
        for number in numbers:
            check(number)
    return time.process_time() - begun
