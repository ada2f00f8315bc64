"""What the pretend STP has booked, and what is true of it at a given time.

An order's whole life is written down when it is booked: which state it enters, and when. So its state is a function of
the time, and a query that lags is only asked about an earlier one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.magic import DEFAULT, Scenario
from rail_spei.sandbox.refusals import STP
from riel import Debit

Direction = Literal["E", "R"]

SETTLED = frozenset({"LQ", "TLQ", "CCO"})
RETURNED = frozenset({"D", "TD", "RE"})
NEVER_PAID = frozenset({"CN", "CA", "CR", "CL", "TCL", "RL", "RA", "RB", "EL"})


@dataclass(frozen=True, slots=True)
class StateChange:
    """A state that an order enters, and the cause of a return."""

    at: datetime
    state: str
    cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOrder:
    """One order, sent (``E``) or received (``R``): the fields it came with, its operating day, and its life."""

    number: int
    direction: Direction
    day: date
    at: datetime
    key: str
    amount: int
    fields: Mapping[str, Any]
    changes: list[StateChange]
    scenario: Scenario = DEFAULT

    @property
    def id(self) -> int:
        """STP's own number for it (``idEF``)."""
        return 9_000_000 + self.number

    @property
    def empresa(self) -> str:
        """The company whose order it is."""
        return str(self.fields["empresa"])

    def change_at(self, at: datetime) -> StateChange:
        """The state it is in."""
        return [change for change in self.changes if change.at <= at][-1]

    def settled_at(self, at: datetime) -> datetime | None:
        """When the money moved, if it has; a return does not take that back."""
        return next((change.at for change in self.changes if change.at <= at and change.state in SETTLED), None)


def planned_changes(
    scenario: Scenario, at: datetime, behaviour: StpBehaviour, *, between_our_own: bool
) -> list[StateChange]:
    """The states that an order goes through. One between two accounts of STP never becomes a message of SPEI."""
    captured, sent, settled, cancelled, back = (
        ("TC", "TL", "TLQ", "TCL", "TD") if between_our_own else ("A", "E", "LQ", "CN", "D")
    )
    end = at + timedelta(seconds=0 if scenario.webhooks == "before the answer" else behaviour.settled_seconds)
    changes = [StateChange(at, captured)]
    if scenario.life_cycle == "stays":
        return changes
    changes.append(StateChange(min(at + timedelta(seconds=behaviour.sent_seconds), end), sent))
    match scenario.life_cycle:
        case "settles" | "returned":
            changes.append(StateChange(end, settled))
        case "cancelled":
            changes.append(StateChange(end, cancelled, 16 if between_our_own else None))
        case "unheard of":
            changes.append(StateChange(end, "ZZ"))
    if scenario.life_cycle == "returned":
        changes.append(StateChange(end + timedelta(seconds=behaviour.returned_seconds), back, scenario.cause))
    return changes


@dataclass(frozen=True, slots=True)
class StpLedger:
    """Every order in the order of its arrival; a key is unique in one operating day, whoever used it."""

    _orders: list[LedgerOrder] = field(default_factory=list)
    _by_key: dict[tuple[Direction, date, str], LedgerOrder] = field(default_factory=dict)
    returned: dict[int, LedgerOrder] = field(default_factory=dict)
    """The returns that we sent, by the number of the received order."""

    @property
    def next_number(self) -> int:
        """The number that the next entry must have."""
        return len(self._orders) + 1

    def add(self, entry: LedgerOrder) -> LedgerOrder:
        """Write it down."""
        self._orders.append(entry)
        self._by_key.setdefault((entry.direction, entry.day, entry.key), entry)
        return entry

    def find(self, direction: Direction, day: date, key: str, at: datetime) -> LedgerOrder | None:
        """The order of that key and operating day, if it had arrived at that time."""
        entry = self._by_key.get((direction, day, key))
        return entry if entry is not None and entry.at <= at else None

    def latest(self, key: str) -> LedgerOrder | None:
        """The last order of that key, of whatever day."""
        return next((entry for entry in reversed(self._orders) if entry.key == key), None)

    def of_day(self, empresa: str, direction: Direction, day: date, at: datetime) -> list[LedgerOrder]:
        """The company's orders of an operating day that had arrived at that time, oldest first."""
        return [
            entry
            for entry in self._orders
            if (entry.empresa, entry.direction, entry.day) == (empresa, direction, day) and entry.at <= at
        ]

    def sent(self, empresa: str, at: datetime) -> Iterator[LedgerOrder]:
        """The company's orders of every day that had arrived at that time, oldest first."""
        for entry in self._orders:
            if (entry.empresa, entry.direction) == (empresa, "E") and entry.at <= at:
                yield entry

    def debits(self, empresa: str, at: datetime) -> list[Debit]:
        """The money that has left the company: every order that was taken, but for one that ends unpaid.

        What comes back later has left all the same. A return of a received payment is an order of its own.
        """
        return [
            Debit(
                reference=entry.key,
                amount=entry.amount,
                currency="MXN",
                beneficiary=str(entry.fields["cuentaBeneficiario"]),
                at=entry.at,
            )
            for entry in self.sent(empresa, at)
            if entry.changes[-1].state not in NEVER_PAID
        ]


def key_in_use(key: str, day: date) -> str:
    """STP's words for a key that is taken; they name the participant, and not the company."""
    return f"La clave de rastreo {{{key}}} para la fecha {{{day:%Y%m%d}}} de la institucion {{{STP}}} ya fue utilizada"
