"""The simulation finds each seeded bug within a few hundred seeds."""

import pytest

from .simulator import simulate
from .simulator.bugs import ATTACKED, BUGS, PROFILES, RAILS
from .simulator.checks import PROMISES

MOST = 800
"""In how many seeds a bug may hide. Most show in the first fifty; what the code draws first moves the others."""
DEEP = {"any_success_taken_for_acceptance", "clocks_that_differ_prove_an_absence"}
"""Bugs that hide for longer than a hundred seeds of a rail whose simulation lasts days."""


def test_there_are_enough_of_them() -> None:
    assert len(BUGS) >= 25


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in DEEP else ()) for name in sorted(BUGS)]
)
def test_a_bug_is_seen(name: str) -> None:
    for seed in range(MOST):
        profile, rail = PROFILES.get(name), RAILS.get(name, "sim")
        outcome = simulate(seed, BUGS[name], profile, rail, attacked=name in ATTACKED)
        if outcome.broken is not None:
            promise, sentence = outcome.broken
            assert promise in PROMISES
            print(f"{name}: seed {seed} breaks {promise!r}: {sentence}")
            return
    pytest.fail(f"{MOST} simulations did not show {name}")


def test_the_code_is_itself_again_after_a_bug() -> None:
    with BUGS["told_before_it_is_written"](), BUGS["no_compare_and_set"](), BUGS["a_digest_without_the_payee"]():
        pass
    assert all(simulate(seed).broken is None for seed in range(10))
