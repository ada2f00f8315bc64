"""What simulated banks declare in ``Guarantees``, and how they really are, which is never worse."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

from riel import Guarantees
from riel.rail.guarantees import FOREVER

NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)
"""When a simulation begins."""
SKEW = 2.0
"""How wrong a clock may be, in seconds: two of them differ by less than the margin that riel keeps."""

DEADLINE = 6.0
ABSENCE = 12.0
WATCH = 60.0
LAG = 4.0
WINDOW = 30.0
RETURNS = 40.0
SLACK = 5.0
"""How much of a declared time an honest author leaves for clocks that differ, in seconds."""

REFUSALS = ("CLOSED", "NO_FUNDS")


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


@dataclass(frozen=True, kw_only=True)
class SimTraits:
    """One bank. ``punctual``: nothing arrives later than its absence proves; else it may, but while it is watched."""

    dedupe: Literal["no", "by_key", "by_reference"]
    window: float | None
    refusals_stored: bool
    lookup: bool
    lag: float
    absence: bool
    watch: float
    settles_later: bool
    returns: bool
    punctual: bool
    tells_refusals: bool

    @property
    def duplicates(self) -> bool:
        """Whether its network may deliver a request twice: where it books the copy, that must be seen."""
        return self.dedupe != "no" and (self.refusals_stored or (self.lookup and not self.punctual))

    @property
    def latest(self) -> float:
        """How many seconds after it left a request may still arrive."""
        promised = DEADLINE + ABSENCE if self.absence else 2 * DEADLINE
        if not self.lookup or self.punctual:
            return promised - self.lag - SLACK
        return max(self.watch - self.lag - 2 * SLACK, promised - self.lag - SLACK)

    def guarantees(self) -> Guarantees:
        """What its rail declares."""
        window = FOREVER if self.window is None else _seconds(self.window)
        return Guarantees(
            dedupe=self.dedupe,
            dedupe_window=window if self.dedupe != "no" else timedelta(0),
            refusals_stored=self.refusals_stored,
            refusals=frozenset(REFUSALS),
            lookup="by_reference" if self.lookup else "no",
            lookup_lag=_seconds(self.lag),
            absence_after=_seconds(ABSENCE) if self.absence else None,
            late_arrival_window=_seconds(self.watch),
            return_window=_seconds(RETURNS) if self.returns else timedelta(0),
            settlement="later" if self.settles_later else "at_once",
            refunds="by_rail",
            send_deadline=_seconds(DEADLINE),
        )


def random_traits(random: Random) -> SimTraits:
    """One of them."""
    dedupe = random.choice(("no", "by_key", "by_key", "by_reference"))
    lookup = random.random() < 0.8
    absence = lookup and random.random() < 0.75
    punctual = not lookup or random.random() < 0.5
    return SimTraits(
        dedupe=dedupe,
        window=random.choice((WINDOW, None)),
        refusals_stored=random.random() < 0.5,
        lookup=lookup,
        lag=random.choice((0.0, LAG)) if lookup else 0.0,
        absence=absence,
        watch=0.0 if punctual and absence and random.random() < 0.3 else WATCH,
        settles_later=lookup and random.random() < 0.4,
        returns=lookup and random.random() < 0.25,
        punctual=punctual,
        tells_refusals=random.random() < 0.5,
    )


def in_doubt(traits: SimTraits) -> SimTraits:
    """One that tells of a refusal, and may book the next copy all the same."""
    return replace(
        traits,
        dedupe="by_key",
        window=None,
        refusals_stored=False,
        lookup=True,
        absence=True,
        watch=WATCH,
        punctual=True,
        tells_refusals=True,
    )
