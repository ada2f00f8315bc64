"""What the pretend STP has booked, and what is true of it at a given time.

An order's whole life is written down when it is booked: which state it enters, and when. So its state is a function of
the time, and a query that lags is only asked about an earlier one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from rail_spei.sandbox.behaviour import Behaviour
from rail_spei.sandbox.magic import ORDINARY, Fate
from rail_spei.sandbox.refusals import STP
from riel import Debit

Direction = Literal["E", "R"]

SETTLED = frozenset({"LQ", "TLQ", "CCO"})
BACK = frozenset({"D", "TD", "RE"})
NEVER_PAID = frozenset({"CN", "CA", "CR", "CL", "TCL", "RL", "RA", "RB", "EL"})


@dataclass(frozen=True, slots=True)
class Change:
    """A state that an order enters, and the cause of a return."""

    at: datetime
    state: str
    cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One order, sent (``E``) or received (``R``): the fields it came with, its operating day, and its life."""

    number: int
    direction: Direction
    day: date
    at: datetime
    key: str
    amount: int
    said: Mapping[str, Any]
    life: list[Change]
    fate: Fate = ORDINARY

    @property
    def id(self) -> int:
        """STP's own number for it (``idEF``)."""
        return 9_000_000 + self.number

    @property
    def empresa(self) -> str:
        """The company whose order it is."""
        return str(self.said["empresa"])

    def now(self, at: datetime) -> Change:
        """The state it is in."""
        return [change for change in self.life if change.at <= at][-1]

    def settled_at(self, at: datetime) -> datetime | None:
        """When the money moved, if it has; a return does not take that back."""
        return next((change.at for change in self.life if change.at <= at and change.state in SETTLED), None)


def life_of(fate: Fate, at: datetime, behaviour: Behaviour, *, between_our_own: bool) -> list[Change]:
    """The states that an order goes through. One between two accounts of STP never becomes a message of SPEI."""
    asked, sent, settled, cancelled, back = (
        ("TC", "TL", "TLQ", "TCL", "TD") if between_our_own else ("A", "E", "LQ", "CN", "D")
    )
    end = at + timedelta(seconds=0 if fate.telling == "before the answer" else behaviour.settled_seconds)
    life = [Change(at, asked)]
    if fate.life == "stays":
        return life
    life.append(Change(min(at + timedelta(seconds=behaviour.sent_seconds), end), sent))
    match fate.life:
        case "settles" | "returned":
            life.append(Change(end, settled))
        case "cancelled":
            life.append(Change(end, cancelled, 16 if between_our_own else None))
        case "unheard of":
            life.append(Change(end, "ZZ"))
    if fate.life == "returned":
        life.append(Change(end + timedelta(seconds=behaviour.returned_seconds), back, fate.cause))
    return life


@dataclass(frozen=True, slots=True)
class Book:
    """Every order in the order of its arrival; a key is unique in one operating day, whoever used it."""

    _entries: list[Entry] = field(default_factory=list)
    _by_key: dict[tuple[Direction, date, str], Entry] = field(default_factory=dict)
    returned: dict[int, Entry] = field(default_factory=dict)
    """The returns that we sent, by the number of the received order."""

    @property
    def next_number(self) -> int:
        """The number that the next entry must have."""
        return len(self._entries) + 1

    def enter(self, entry: Entry) -> Entry:
        """Write it down."""
        self._entries.append(entry)
        self._by_key.setdefault((entry.direction, entry.day, entry.key), entry)
        return entry

    def find(self, direction: Direction, day: date, key: str, at: datetime) -> Entry | None:
        """The order of that key and operating day, if it had arrived at that time."""
        entry = self._by_key.get((direction, day, key))
        return entry if entry is not None and entry.at <= at else None

    def latest(self, key: str) -> Entry | None:
        """The last order of that key, of whatever day."""
        return next((entry for entry in reversed(self._entries) if entry.key == key), None)

    def of_day(self, empresa: str, direction: Direction, day: date, at: datetime) -> list[Entry]:
        """The company's orders of an operating day that had arrived at that time, oldest first."""
        return [
            entry
            for entry in self._entries
            if (entry.empresa, entry.direction, entry.day) == (empresa, direction, day) and entry.at <= at
        ]

    def sent(self, empresa: str, at: datetime) -> Iterator[Entry]:
        """The company's orders of every day that had arrived at that time, oldest first."""
        for entry in self._entries:
            if (entry.empresa, entry.direction) == (empresa, "E") and entry.at <= at:
                yield entry

    def balance(self, empresa: str, account: str, opening: int, at: datetime) -> tuple[int, int]:
        """The centavos on an account, and those of its orders that are not settled yet."""
        held, under_way = opening, 0
        for entry in self._of_account(empresa, account, at):
            state = entry.now(at).state
            if entry.direction == "R":
                held += entry.amount
            elif entry.settled_at(at) is None and state not in NEVER_PAID:
                under_way += entry.amount
            elif state not in NEVER_PAID | BACK:
                held -= entry.amount
        return held, under_way

    def debits(self, empresa: str, at: datetime) -> list[Debit]:
        """The money that has left the company: every order that was taken, but for one that ends unpaid.

        What comes back later has left all the same. A return of a received payment is an order of its own.
        """
        return [
            Debit(
                reference=entry.key,
                amount=entry.amount,
                currency="MXN",
                beneficiary=str(entry.said["cuentaBeneficiario"]),
                at=entry.at,
            )
            for entry in self.sent(empresa, at)
            if entry.life[-1].state not in NEVER_PAID
        ]

    def _of_account(self, empresa: str, account: str, at: datetime) -> Iterator[Entry]:
        for entry in self._entries:
            own = "cuentaOrdenante" if entry.direction == "E" else "cuentaBeneficiario"
            if entry.empresa == empresa and entry.at <= at and str(entry.said.get(own)) == account:
                yield entry


def uses(key: str, day: date) -> str:
    """STP's words for a key that is taken; they name the participant, and not the company."""
    return f"La clave de rastreo {{{key}}} para la fecha {{{day:%Y%m%d}}} de la institucion {{{STP}}} ya fue utilizada"
