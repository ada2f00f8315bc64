"""The ledger of the pretend STP: its orders, and the state of each at a given time.

All state changes of an order are planned when it is booked, each with its time. So its state is a function of the time,
and a query that lags reads the state of an earlier time.
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
    """A state, the time at which an order enters it, and the cause where it is a return."""

    at: datetime
    state: str
    cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOrder:
    """One order, sent (``E``) or received (``R``): its fields as they arrived, its operating day, and its states."""

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
        """STP's number of the order (``idEF``)."""
        return 9_000_000 + self.number

    @property
    def empresa(self) -> str:
        """The alias of the company that sent or received the order."""
        return str(self.fields["empresa"])

    def change_at(self, at: datetime) -> StateChange:
        """The last change up to that time."""
        return [change for change in self.changes if change.at <= at][-1]

    def settled_at(self, at: datetime) -> datetime | None:
        """When the money moved, or ``None``. A return later does not change it."""
        return next((change.at for change in self.changes if change.at <= at and change.state in SETTLED), None)


def planned_changes(
    scenario: Scenario, at: datetime, behaviour: StpBehaviour, *, between_our_own: bool
) -> list[StateChange]:
    """Plan the states of an order. Between two accounts of STP they are those of an internal transfer (traspaso)."""
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
    """Every order in the sequence of arrival. A key is unique in one operating day, for all companies together."""

    _orders: list[LedgerOrder] = field(default_factory=list)
    _by_key: dict[tuple[Direction, date, str], LedgerOrder] = field(default_factory=dict)
    returns: dict[int, LedgerOrder] = field(default_factory=dict)
    """The returns that we sent, by the number of the received order."""

    @property
    def next_number(self) -> int:
        """The number that the next entry must have."""
        return len(self._orders) + 1

    def add(self, entry: LedgerOrder) -> LedgerOrder:
        """Add an entry."""
        self._orders.append(entry)
        self._by_key.setdefault((entry.direction, entry.day, entry.key), entry)
        return entry

    def find(self, direction: Direction, day: date, key: str, at: datetime) -> LedgerOrder | None:
        """The order of that key and operating day, if it had arrived at that time."""
        entry = self._by_key.get((direction, day, key))
        return entry if entry is not None and entry.at <= at else None

    def latest(self, key: str) -> LedgerOrder | None:
        """The last order of that key, on any day."""
        return next((entry for entry in reversed(self._orders) if entry.key == key), None)

    def of_day(self, empresa: str, direction: Direction, day: date, at: datetime) -> list[LedgerOrder]:
        """The company's orders of an operating day that had arrived at that time, oldest first."""
        return [
            entry
            for entry in self._orders
            if (entry.empresa, entry.direction, entry.day) == (empresa, direction, day) and entry.at <= at
        ]

    def sent_orders(self, empresa: str, at: datetime) -> Iterator[LedgerOrder]:
        """The company's orders of every day that had arrived at that time, oldest first."""
        for entry in self._orders:
            if (entry.empresa, entry.direction) == (empresa, "E") and entry.at <= at:
                yield entry

    def debits(self, empresa: str, at: datetime) -> list[Debit]:
        """The money that has left the company: every order that was booked, except one that ends unpaid.

        A payment that comes back later is a debit all the same. The return of a received payment is another order.
        """
        return [
            Debit(
                reference=entry.key,
                amount=entry.amount,
                currency="MXN",
                beneficiary=str(entry.fields["cuentaBeneficiario"]),
                at=entry.at,
            )
            for entry in self.sent_orders(empresa, at)
            if entry.changes[-1].state not in NEVER_PAID
        ]


def key_in_use(key: str, day: date) -> str:
    """STP's message for a key that is in use. It names the participant, and not the company."""
    return f"La clave de rastreo {{{key}}} para la fecha {{{day:%Y%m%d}}} de la institucion {{{STP}}} ya fue utilizada"
