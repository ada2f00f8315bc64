"""What is enumerated in full by ``nox -s long``, of which an ordinary run takes every third one."""

from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")

SHARES = 3

in_shares = pytest.mark.parametrize(
    "share", [0, *(pytest.param(share, marks=pytest.mark.long) for share in range(1, SHARES))]
)
"""The first share of an enumeration runs always, the others where ``long`` is asked for."""


def share_of(every: Sequence[T], share: int, nth: int = 0) -> Sequence[T]:
    """That share of an enumeration.

    :param nth: which of several enumerations it is: an ordinary run takes another third of each.
    """
    taken = every[(share + nth) % SHARES :: SHARES]
    assert taken, f"{len(every)} are too few for {SHARES} shares"
    return taken
