"""Why there is no payment, as the verbs of a journal say it."""

from dataclasses import dataclass
from typing import Literal

from riel.guards import Reservation

ConfirmFailure = Literal[
    "consumed",
    "locked",
    "expired",
    "declined",
    "rate_limited",
    "code_reused",
    "reference_taken",
    "not_settled",
    "exceeds_payment",
    "tampered",
    "frozen",
    "undecided",
]
"""Why there is no payment: how the challenge ended, too many wrong codes, a code that was used before, a reference that
is taken, a refund of what has not settled or of more than is left, a row that is not as riel wrote it, that payments
are frozen, or that people decide about this payment and no code confirms it."""


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A limit has no room for ``reservation``: nothing was opened or created. ``left`` could still be reserved."""

    reservation: Reservation
    left: int
