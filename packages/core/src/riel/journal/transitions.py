"""Which state of a payment may follow which, and on what authority.

Positive evidence from the rail always counts, with or without the lease. A negative conclusion, and a decision to send
again, need the lease: only the newest owner may draw them. An operator decides what is in review.
"""

from riel.journal.records import LEARNED, ChallengeState, Change, State

S = State
C = ChallengeState

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

OF_A_CHALLENGE: dict[str, frozenset[str]] = {
    "": frozenset({C.OPEN, C.REFUSED}),
    C.OPEN: frozenset({C.LOCKED, C.EXPIRED, C.DECLINED, S.SENDING}),
}
"""What may follow each state of a challenge, up to the payment that it is confirmed as."""


def allowed(before: State, after: State, *, leased: bool) -> bool:
    """Whether ``before`` may become ``after``, on evidence alone or also with the lease."""
    return after in ON_EVIDENCE[before] or (leased and after in WITH_THE_LEASE[before])


FACTS_MAY_FOLLOW = frozenset({S.PENDING, S.SETTLED})
"""The states in which a rail may still tell facts: a link that the person needs, the payee's name at their bank."""


def adds_facts(before: State, change: Change) -> bool:
    """Whether ``change`` adds facts to a payment and changes no state. Such evidence needs no lease."""
    return change.event == LEARNED and change.to is before and before in FACTS_MAY_FOLLOW


def is_valid(before: str, after: str) -> bool:
    """Whether the record of a challenge and its payment may go from ``before`` (``""``: nothing yet) to ``after``.

    A record does not show which process held the lease, so every authority is assumed.
    """
    if after in OF_A_CHALLENGE.get(before, ()):
        return True
    if before not in ON_EVIDENCE or after not in ON_EVIDENCE:
        return False
    was, is_ = State(before), State(after)
    return allowed(was, is_, leased=True) or is_ in BY_AN_OPERATOR.get(was, ())
