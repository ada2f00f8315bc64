"""The pretend Fintoc in a simulation: its clock is the simulation's, and its ledger its own.

When it has forgotten a key is worked out here once more: code that is wrong must not excuse itself.
"""

import json
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import httpx

from rail_fintoc.sandbox.app import pretend_fintoc
from rail_fintoc.sandbox.behaviour import FintocBehaviour
from rail_fintoc.sandbox.magic import TransferScenario, scenario_of
from riel import Debit, Status

from .bookings import SimBooking
from .network import DEADLINE, STUMBLES, NetworkRequest, NetworkResponse, PretendBank

if TYPE_CHECKING:
    from .simulation import Simulation

SKEW = 45.0
"""How wrong Fintoc's clock may be, in seconds."""
WAYS = (100.0, 900.0)
"""How long an order may be under way at most. Fintoc takes a signature for two minutes, so the longer way is no way."""
BACK = 30.0
REMEMBERED = timedelta(hours=24)
EXACT = timedelta(seconds=2)
"""By how much two of our own clocks may differ when they leave a copy of one order."""


class PretendFintoc(PretendBank):
    """Fintoc and the network in front of it."""

    nonsense = (b"<html>", b"{}", b"[]", b"null", b'{"object":"transfer","id":""}', b'{"object":')
    stumbles = (*STUMBLES, 404, 429)

    def __init__(self, simulation: "Simulation", **contract: Any) -> None:
        super().__init__(simulation, SKEW)
        draws = simulation.random
        self._way = draws.choice(WAYS)
        self._behaviour = FintocBehaviour(
            settled_seconds=draws.choice((0.0, 1.0, 20.0)),
            returned_seconds=BACK,
            slow_seconds=DEADLINE * 3,
            lookup_lag_seconds=draws.choice((0.0, 50.0)),
            transfers_per_second=draws.choice((10, 10, 1)),
            requests_per_second=draws.choice((100, 100, 2)),
        )
        self.sandbox = pretend_fintoc(
            behaviour=self._behaviour,
            clock=self.clock,
            sleep=simulation.pause,
            randomness=Random(simulation.seed),  # noqa: S311  # it must repeat itself
            **contract,
        )

    def reference(self, request: httpx.Request) -> str:
        """Ours, from the metadata of an order. A look-up names none: it is a list, or an id of Fintoc's."""
        if request.method != "POST":
            return request.url.path
        return str(json.loads(request.content)["metadata"]["riel_reference"])

    def moves_money(self, request: NetworkRequest) -> bool:
        """Whether it is an order."""
        return request.method == "POST"

    def latest(self) -> float:
        """In how many seconds, at most, an order arrives that leaves now."""
        return self._way

    def found(self, response: NetworkResponse) -> str:
        """The status of the transfer, or how many the list has."""
        body = json.loads(response.body)
        return f"{len(body)} rows" if isinstance(body, list) else str(body.get("status", f"HTTP {response.status}"))

    def harm_of_another(self, reference: str) -> str:
        """What one more copy that leaves now could do, if anything."""
        forgotten = self.clock() - self._first_left[reference] > REMEMBERED - EXACT
        return "Fintoc may have forgotten its key" if forgotten else ""

    def booking(self, debit: Debit) -> SimBooking:
        """One transfer that left the account."""
        now, scenario = self.clock(), scenario_of("MXN", debit.beneficiary)
        settles = debit.at + timedelta(seconds=self._settles_after(scenario))
        settled = settles <= now
        returned = scenario.final_status == "returned" and settles + timedelta(seconds=BACK) <= now
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

    def _settles_after(self, scenario: TransferScenario) -> float:
        return 0.0 if scenario.webhook_order == "before the answer" else self._behaviour.settled_seconds
