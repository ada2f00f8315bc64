"""Which state of a payment may follow which, and on what authority.

Positive evidence from the rail always counts, whoever brings it. A negative conclusion, and a decision to send again,
need the lease: only the newest owner may draw them. An operator decides what is in review.
"""

from riel.journal.records import State

S = State

ON_EVIDENCE: dict[State, frozenset[State]] = {
    S.SENDING: frozenset({S.PENDING, S.SETTLED, S.RETURNED}),
    S.UNKNOWN: frozenset({S.PENDING, S.SETTLED, S.RETURNED}),
    S.PENDING: frozenset({S.SETTLED, S.RETURNED}),
    S.REJECTED: frozenset({S.PENDING, S.SETTLED, S.RETURNED}),
    S.REVIEW: frozenset({S.PENDING, S.SETTLED, S.RETURNED}),
    S.SETTLED: frozenset({S.RETURNED}),
    S.RETURNED: frozenset(),
}

WITH_THE_LEASE: dict[State, frozenset[State]] = {
    S.SENDING: frozenset({S.SENDING, S.UNKNOWN, S.REJECTED, S.REVIEW}),
    S.UNKNOWN: frozenset({S.SENDING, S.REJECTED, S.REVIEW}),
    S.PENDING: frozenset({S.REJECTED, S.REVIEW}),
    S.REJECTED: frozenset({S.REVIEW}),
    S.REVIEW: frozenset(),
    S.SETTLED: frozenset({S.REVIEW}),
    S.RETURNED: frozenset(),
}

BY_AN_OPERATOR: dict[State, frozenset[State]] = {S.REVIEW: frozenset({S.SETTLED, S.REJECTED})}

ANNOUNCED = frozenset({S.SETTLED, S.RETURNED, S.REJECTED, S.REVIEW})
"""States whose arrival others are told of."""


def allowed(before: State, after: State, *, leased: bool) -> bool:
    """Whether ``before`` may become ``after``, on evidence alone or also with the lease."""
    return after in ON_EVIDENCE[before] or (leased and after in WITH_THE_LEASE[before])
