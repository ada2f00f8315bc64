"""What a rail can do and what it promises: values that its author declares, and that decide what is safe."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from riel.errors import BrokenRail

FOREVER = timedelta.max
"""A window that never closes."""

MAX_SEND_DEADLINE = timedelta(minutes=5)
"""A server that stops waits as long for the answer to what has left."""


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether a rail can do a thing, and if not, why: the agent is told the same words."""

    available: bool
    reason: str = ""
    permanent: bool = False


yes = Capability(available=True)


def never(reason: str) -> Capability:
    """The rail cannot do this by its nature, for ``reason``."""
    return Capability(available=False, reason=reason, permanent=True)


def not_yet(reason: str) -> Capability:
    """This package does not do it yet, for ``reason``."""
    return Capability(available=False, reason=reason)


NO_STATEMENT = not_yet("This package does not read the rail's own list of a day yet.")
NO_RETURN = not_yet("This package does not give back payments that were received.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the rail can do besides sending.

    ``statement``: its client has ``statement(day)`` as well, which lists all that the rail took on one day.
    ``returns``: its client has ``build_return(refund)`` as well, which makes the payment that returns a received one.
    """

    refund: Capability
    partial_refund: Capability
    status: Capability = yes
    statement: Capability = NO_STATEMENT
    returns: Capability = NO_RETURN


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantees:
    """What the rail promises, declared by its author. Nothing has a lenient default.

    :raises BrokenRail: two values contradict each other, or one is out of its bounds.

    :param dedupe: how the rail treats a second order with the same reference: books it again (``no``), answers with
        the first one (``by_key``), or refuses it (``by_reference``).
    :param dedupe_window: for how long after the first send it does so; nothing is sent again outside it.
    :param refusals_stored: whether a refusal is final for its reference, so that a later copy of the same order is
        refused too.
    :param refusals: the rail's codes after which nothing was booked; any other code is an unknown outcome.
    :param lookup: how an order can be found again, if at all.
    :param lookup_lag: how far a look-up may be behind.
    :param absence_after: how long after the last send "not found" proves that nothing was booked; ``None``: never.
    :param late_arrival_window: how long an order that counts as rejected is still looked for: a request can arrive
        late. So long, what it reserved of the limits stays taken, and a refund keeps its amount of its payment.
    :param return_window: how long after settlement the money may come back; zero where it cannot.
    :param settlement: whether an accepted order has settled, or settles later.
    :param refunds: how a refund is made: not at all, by the rail on the original, or as a payment back.
    :param send_deadline: how long one send may take, connect to last byte: five minutes at most.
    """

    dedupe: Literal["no", "by_key", "by_reference"]
    dedupe_window: timedelta
    refusals_stored: bool
    refusals: frozenset[str]
    lookup: Literal["no", "by_reference", "by_key", "by_list"]
    lookup_lag: timedelta
    absence_after: timedelta | None
    late_arrival_window: timedelta
    return_window: timedelta
    settlement: Literal["at_once", "later"]
    refunds: Literal["no", "by_rail", "as_payment"]
    send_deadline: timedelta

    def __post_init__(self) -> None:
        if (self.dedupe == "no") != (self.dedupe_window == timedelta(0)):
            raise BrokenRail("declares guarantees whose dedupe_window is not zero exactly when dedupe is 'no'")
        if self.lookup == "no" and self.absence_after is not None:
            raise BrokenRail(
                "declares guarantees with an absence_after, though lookup is 'no': nothing can be found missing"
            )
        if not timedelta(0) < self.send_deadline <= MAX_SEND_DEADLINE:
            raise BrokenRail("declares a send_deadline that is not between nothing and five minutes")
        for name in ("dedupe_window", "lookup_lag", "late_arrival_window", "return_window"):
            if getattr(self, name) < timedelta(0):
                raise BrokenRail(f"declares a negative {name}")
