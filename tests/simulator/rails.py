"""The rails that a simulation can have: a simulated one with any honest guarantees, SPEI, and Fintoc."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from riel import Payment
from riel.catalog import ActiveRail
from riel.payments import Timing

from . import bank_traits
from .bank_traits import NOON
from .bookings import SimBooking
from .factors import SimPayment, activate
from .fintoc import FintocRail
from .loop import SimProcess
from .sim_bank import SimBank, SimConnection
from .spei import SpeiRail

if TYPE_CHECKING:
    from .simulation import Simulation

SHARE = 25
"""One seed in so many pays through SPEI, and one through Fintoc: each costs as much as several others together."""


class BankTraits(Protocol):
    """What the checks know of a bank, whichever it is; as in :class:`.bank_traits.BankTraits`."""

    @property
    def lookup(self) -> bool: ...
    @property
    def absence(self) -> bool: ...
    @property
    def punctual(self) -> bool: ...


class SimulatedBank(Protocol):
    """What the simulation and its checks need of any bank. ``in_transit``: how many messages may still arrive there."""

    process: SimProcess

    @property
    def ledger(self) -> Sequence[SimBooking]: ...
    @property
    def in_transit(self) -> int: ...
    @property
    def quiet_until(self) -> float: ...
    def live(self, reference: str) -> list[SimBooking]: ...
    def harm_of_another(self, reference: str) -> str: ...


class SimulatedRail(Protocol):
    """The rail of a simulation.

    ``stretch``: by how much stops, and the time in which things go wrong, are longer than usual. ``gives_up``: virtual
    seconds after which no payment may be open in a calm simulation. ``dedupes_for_ever``: a copy is never booked.
    """

    name: str
    refunds: bool
    takes_days: bool
    gives_up: float
    stretch: float

    @property
    def dedupes_for_ever(self) -> bool: ...
    @property
    def traits(self) -> BankTraits: ...
    @property
    def begins(self) -> datetime: ...
    def in_doubt(self) -> None: ...
    def open_bank(self) -> SimulatedBank: ...
    def activate(self, payer: str) -> ActiveRail: ...
    def transport(self, process: SimProcess) -> httpx.AsyncBaseTransport: ...
    def payment(self, account: str, amount: int) -> Payment: ...
    def amount(self, account: str) -> int: ...
    def pace(self, usual: Timing) -> Timing: ...


class SimRail:
    """A simulated rail, whose bank keeps exactly what its traits declare."""

    name, refunds, takes_days, gives_up, stretch = "sim", True, False, 600.0, 1.0
    begins = NOON

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self.traits = bank_traits.random_traits(simulation.random)

    @property
    def dedupes_for_ever(self) -> bool:
        return self.traits.dedupe != "no" and self.traits.window is None

    def in_doubt(self) -> None:
        self.traits = bank_traits.in_doubt(self.traits)

    def open_bank(self) -> SimBank:
        self._bank = SimBank(self._simulation, self.traits)
        return self._bank

    def activate(self, payer: str) -> ActiveRail:
        return activate(
            self.traits, payer, lambda settings, http: SimConnection(self._simulation, self._bank, settings.payer)
        )

    def transport(self, process: SimProcess) -> httpx.AsyncBaseTransport:
        """None that is used: this rail has a protocol of its own."""
        return httpx.MockTransport(lambda request: httpx.Response(500))

    def payment(self, account: str, amount: int) -> Payment:
        return SimPayment(account=account, amount=amount)

    def amount(self, account: str) -> int:
        return self._simulation.random.choice((500, 900, 1300))

    def pace(self, usual: Timing) -> Timing:
        return usual


RAILS: dict[str, Callable[[Any], SimulatedRail]] = {"sim": SimRail, "spei": SpeiRail, "fintoc": FintocRail}


def rail_of(seed: int) -> str:
    """The rail of a seed."""
    return {SHARE - 1: "spei", SHARE // 2: "fintoc"}.get(seed % SHARE, "sim")
