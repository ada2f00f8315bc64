"""In a thousand simulations full of faults no promise is broken; the same seed gives the same simulation."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from riel.journal.row_mac import RowMac

from .simulator import simulate, transcript
from .simulator.rails import SHARE, rail_of

SEEDS, CHUNKS = 1_000, 4
ATTACKED = 150
MANY, MANY_CHUNKS = 100_000, 100
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_goes_wrong_no_promise_is_broken(chunk: int) -> None:
    size = SEEDS // CHUNKS
    for seed in range(chunk * size, (chunk + 1) * size):
        outcome = simulate(seed)
        assert outcome.broken is None, f"\n{transcript(outcome)}\n\nAgain: python -m tests.simulator {seed}"


def test_who_edits_rows_without_the_key_moves_no_money_and_disturbs_no_other_payment() -> None:
    counted = Counter[str]()
    for seed in range(ATTACKED):
        outcome = simulate(seed, rail="sim", attacked=True)
        assert outcome.broken is None, f"\n{transcript(outcome)}"
        counted += outcome.counted
    deeds = {name for name in counted if name.startswith("fault: attacker")}
    assert len(deeds) == 4, deeds


@contextmanager
def rows_believed() -> Iterator[None]:
    with patch.object(RowMac, "proves", lambda self, mac, label, *values: True):
        yield


def test_without_the_macs_the_same_edits_move_money() -> None:
    outcomes = (simulate(seed, rows_believed, rail="sim", attacked=True) for seed in range(ATTACKED))
    broken = [outcome.broken[0] for outcome in outcomes if outcome.broken]
    assert broken.count("confirmed") > 10


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(MANY_CHUNKS))
def test_in_a_hundred_thousand_worlds_no_promise_is_broken(chunk: int) -> None:
    size = MANY // MANY_CHUNKS
    for seed in range(SEEDS + chunk * size, SEEDS + (chunk + 1) * size):
        outcome = simulate(seed)
        assert outcome.broken is None, f"\n{transcript(outcome)}\n\nAgain: python -m tests.simulator {seed}"


def test_the_worlds_are_not_harmless() -> None:
    counted = sum((simulate(seed).counted for seed in range(60)), start=simulate(60).counted)
    assert counted["payments"] > 60
    assert counted["crashes"] > 20
    assert counted["pauses"] > 20
    assert len([name for name in counted if name.startswith("fault: ")]) > 15


def test_some_worlds_pay_through_spei_and_cross_the_cutoff() -> None:
    seeds = [seed for seed in range(SHARE * 12) if rail_of(seed) == "spei"]
    told = [line for seed in seeds for line in simulate(seed).history]
    booked = [what for _, who, what in told if who == "bank" and what.startswith("books")]
    assert len(seeds) == 12
    assert {what[-5:] for what in booked} >= {"day 0", "day 1"}


def test_some_worlds_pay_through_fintoc_and_outlast_its_memory() -> None:
    seeds = [seed for seed in range(SHARE * 100) if rail_of(seed) == "fintoc"]
    outcomes = [simulate(seed) for seed in seeds[:12]]
    booked = [what for each in outcomes for _, who, what in each.history if who == "bank" and what.startswith("books")]
    assert len(outcomes) == 12
    assert len(booked) > 6
    assert any(simulate(seed).counted["seconds"] > 24 * 3600 for seed in seeds), "one world in eight takes a day"


REPEATED = (7, 31, SHARE - 1, SHARE // 2)


def stories() -> str:
    """The histories of some seeds, on every rail."""
    return "\n".join(transcript(simulate(seed)) for seed in REPEATED)


def test_a_seed_tells_the_same_story_every_time() -> None:
    first = stories()
    assert stories() == first
    for hashes in ("1", "2"):  # also in another process, whose sets of strings have another order
        env = {**os.environ, "PYTHONHASHSEED": hashes}
        command = [sys.executable, "-c", "from tests.test_simulator import stories; print(stories())"]
        told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=300)
        assert told.stdout == f"{first}\n"
