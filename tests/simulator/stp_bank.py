"""The pretend STP in a simulation, on the simulation's clock, behind a network that loses, delays and repeats.

The ledger is that of the pretend STP. The operating day of a booking is computed here a second time, from cut-offs that
are written by hand: with shared code, a mistake would agree with itself.

A copy that the network makes always arrives on the operating day of its order: STP would book one that arrives a day
later, and no client can prevent that.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx

from rail_spei.sandbox.app import stp_sandbox
from rail_spei.sandbox.behaviour import StpBehaviour
from riel import Debit, Status

from .bookings import SimBooking
from .network import DEADLINE, NetworkRequest, NetworkResponse, PretendBank

if TYPE_CHECKING:
    from .simulation import Simulation

LATE = 60.0
"""Seconds after which an order arrives whose request STP's gateway answered with 504."""
AROUND_CUTOFF = 300.0
STP_SKEW = 45.0
"""The largest error of STP's clock, in seconds."""
KNOWN_CUTOFF = AROUND_CUTOFF - STP_SKEW - 5.0
"""By STP's clock, an order that leaves earlier before the cut-off may be one of before the margin by riel's."""
WAY = AROUND_CUTOFF - STP_SKEW - LATE - 25.0
"""Seconds that an order may be under way. With both clocks' errors it is within the rail's margin at the cut-off."""
WATCH = 600.0
BACK = 30.0
REFUSED_ONCE = 26
"""The centavos of an order that STP refuses when it comes first, and takes when it comes again."""
RETURNED = (4, 22)


class PretendStp(PretendBank):
    """STP and the network in front of it."""

    nonsense = (
        b"<html>",
        b'{"resultado":{}}',
        b'{"resultado":{"id":0}}',
        b'{"resultado":{"id":null}}',
        b'{"resultado":',
    )

    def __init__(self, simulation: "Simulation", cutoffs: Sequence[datetime], punctual: bool, **contract: Any) -> None:
        super().__init__(simulation, STP_SKEW)
        draws = simulation.random
        self._cutoffs = cutoffs
        self._punctual = punctual
        self._behaviour = StpBehaviour(
            settled_seconds=draws.choice((0.0, 1.0, 20.0)),
            returned_seconds=BACK,
            slow_seconds=DEADLINE * 3,
            late_seconds=LATE,
            lookup_lag_seconds=draws.choice((0.0, 50.0)),
        )
        self.sandbox = stp_sandbox(behaviour=self._behaviour, clock=self.clock, sleep=simulation.pause, **contract)

    @property
    def lags(self) -> bool:
        """Whether queries show an earlier state."""
        return bool(self._behaviour.lookup_lag_seconds)

    def reference(self, request: httpx.Request) -> str:
        """The tracking key in a request."""
        return str(json.loads(request.content)["claveRastreo"])

    def moves_money(self, request: NetworkRequest) -> bool:
        """Whether the request is an order."""
        return request.method == "PUT"

    def found(self, response: NetworkResponse) -> str:
        """The state in the answer to a query."""
        return str(json.loads(response.body).get("respuesta", {}).get("estado", "nothing"))

    def latest(self) -> float:
        """The longest time in transit, in seconds, of an order that is sent now.

        Where the network is not punctual, it is hours, and yet no order that may be sent again crosses the cut-off. A
        server whose clock is wrong cannot know that the cut-off is near: from such a one, none is under way for days.
        """
        if self._punctual or self._simulation.profile == "clocks":
            return WAY
        if self.until_the_cutoff() > KNOWN_CUTOFF:
            return max(WAY, self.until_the_cutoff() - LATE - 10.0)
        following = self._cutoffs[bisect_right(self._cutoffs, self.clock()) + 1]
        return (following - self.clock()).total_seconds() + WATCH / 2

    def latest_copy(self) -> float:
        """The longest time in transit, in seconds, of a copy, which stays within the operating day."""
        return min(self.latest(), self.until_the_cutoff() - LATE - 1.0)

    def may_repeat(self, request: NetworkRequest) -> bool:
        """Whether the network may make a copy: no client can know that STP takes the copy of what it refused."""
        amount = Decimal(json.loads(request.body, parse_float=str)["monto"])
        return amount * 100 % 100 != REFUSED_ONCE

    def until_the_cutoff(self) -> float:
        """The seconds until the next cut-off."""
        now = self.clock()
        return (self._cutoffs[bisect_right(self._cutoffs, now)] - now).total_seconds()

    def harm_of_another(self, reference: str) -> str:
        """The harm that one more copy sent now could do; empty for none."""
        first, now = self._day(self._first_left[reference]), self._day(self.clock())
        return "" if first == now else f"it first left on day {first}: on day {now} STP would book it again"

    def when(self, at: datetime) -> str:
        """The operating day."""
        return f" on day {self._day(at)}"

    def _day(self, at: datetime) -> int:
        """The number of the operating day, counted from the one in which the simulation begins."""
        return bisect_right(self._cutoffs, at)

    def booking(self, debit: Debit) -> SimBooking:
        """The booking of an order, as the checks compare it."""
        now = self.clock()
        settles = debit.at + timedelta(seconds=self._behaviour.settled_seconds)
        back = settles + timedelta(seconds=BACK)
        settled, returned = settles <= now, debit.amount % 100 in RETURNED and back <= now
        return SimBooking(
            reference=debit.reference,
            kind="payment",
            amount=debit.amount,
            account=debit.beneficiary,
            original="",
            at=(debit.at - self._simulation.begins).total_seconds(),
            status=Status.RETURNED if returned else Status.SETTLED if settled else Status.PENDING,
            settled_at=(settles - self._simulation.begins).total_seconds() if settled else None,
        )
