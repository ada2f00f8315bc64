"""The rails that a world can have: a simulated one of every honest kind, SPEI itself, and Fintoc itself."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from riel import Payment
from riel.catalog import ActiveRail
from riel.payments import Timing

from . import kinds
from .bank import Bank, Connection
from .booking import Booking
from .fintoc import Fintoc
from .kinds import NOON
from .loop import Process
from .people import SimPayment, activate
from .spei import Spei

if TYPE_CHECKING:
    from .world import World

SHARE = 25
"""One world in so many pays through SPEI, and one through Fintoc: each costs as much as some of the others together."""


class Kind(Protocol):
    """What the checks know of a bank, whichever it is; as in :class:`.kinds.Kind`."""

    @property
    def lookup(self) -> bool: ...
    @property
    def absence(self) -> bool: ...
    @property
    def punctual(self) -> bool: ...


class BankOfAWorld(Protocol):
    """What the world and its checks ask a bank, whichever it is. ``under_way``: something may still arrive there."""

    process: Process

    @property
    def ledger(self) -> Sequence[Booking]: ...
    @property
    def under_way(self) -> int: ...
    @property
    def quiet_until(self) -> float: ...
    def live(self, reference: str) -> list[Booking]: ...
    def harm_of_another(self, reference: str) -> str: ...


class RailOfAWorld(Protocol):
    """The rail of a world.

    ``stretch``: by how much stops, and the time in which things go wrong, are longer than usual. ``gives_up``: virtual
    seconds after which a calm world must have come to rest.
    """

    name: str
    refunds: bool
    takes_days: bool
    gives_up: float
    stretch: float

    @property
    def kind(self) -> Kind: ...
    @property
    def begins(self) -> datetime: ...
    def in_doubt(self) -> None: ...
    def open_bank(self) -> BankOfAWorld: ...
    def activate(self, payer: str) -> ActiveRail: ...
    def payment(self, account: str, amount: int) -> Payment: ...
    def amount(self, account: str) -> int: ...
    def pace(self, usual: Timing) -> Timing: ...


class Sim:
    """A rail of our own making, with a bank that keeps exactly what its kind declares."""

    name, refunds, takes_days, gives_up, stretch = "sim", True, False, 600.0, 1.0
    begins = NOON

    def __init__(self, world: "World") -> None:
        self._world = world
        self.kind = kinds.drawn(world.random)

    def in_doubt(self) -> None:
        self.kind = kinds.doubtful(self.kind)

    def open_bank(self) -> Bank:
        self._bank = Bank(self._world, self.kind)
        return self._bank

    def activate(self, payer: str) -> ActiveRail:
        return activate(self.kind, payer, lambda settings: Connection(self._world, self._bank))

    def payment(self, account: str, amount: int) -> Payment:
        return SimPayment(account=account, amount=amount)

    def amount(self, account: str) -> int:
        return self._world.random.choice((500, 900, 1300))

    def pace(self, usual: Timing) -> Timing:
        return usual


RAILS: dict[str, Callable[[Any], RailOfAWorld]] = {"sim": Sim, "spei": Spei, "fintoc": Fintoc}


def rail_of(seed: int) -> str:
    """Which of them the world of a seed has."""
    return {SHARE - 1: "spei", SHARE // 2: "fintoc"}.get(seed % SHARE, "sim")
