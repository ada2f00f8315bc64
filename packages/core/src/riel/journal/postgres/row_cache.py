"""What this process saw last of a row, so that a verb may spare itself the reading: the compare-and-set decides."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from riel.journal.audit.chain import GENESIS, link
from riel.journal.canonical_json import canonical
from riel.journal.postgres.reservations import Held, held_of

T = TypeVar("T")

HEAD = "coalesce(head.n, 0) AS last_n, coalesce(head.hash, '') AS last_hash"
"""Columns with the end of the chain of the row ``owner``, which :data:`WITH_HEAD` finds."""
WITH_HEAD = (
    "LEFT JOIN LATERAL (SELECT e.n, e.hash FROM events e WHERE e.payment_id = owner.id ORDER BY e.n DESC LIMIT 1) head "
    "ON true"
)

REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it is written: number, time, name, body and hash."""

    n: int
    at: int
    event: str
    body: str
    hash: str

    @property
    def values(self) -> tuple[int, int, str, str, str]:
        """In the order of the columns."""
        return self.n, self.at, self.event, self.body, self.hash


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the number and the hash of its last event."""

    n: int = 0
    hash: str = GENESIS

    def followed_by(self, payment_id: str, at: int, event: str, body: dict[str, Any]) -> Told:
        """The next event. Where somebody else wrote that number first, the database refuses it."""
        text = canonical(body)
        return Told(self.n + 1, at, event, text, link(self.hash, payment_id, self.n + 1, at, event, text))


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A question or a payment as it was seen: with the end of its chain, and what it takes of the limits."""

    value: T
    head: Head
    held: tuple[Held, ...]


def known_of(value: T, row: Any) -> Known[T]:
    """From a row with the columns :data:`HEAD` and ``reservations``."""
    return Known(value, Head(row["last_n"], row["last_hash"]), held_of(row["reservations"]))


class Seen(Generic[T]):
    """The last rows that were seen. Each is used once: what became of it is seen again, or read."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._rows: OrderedDict[str, Known[T]] = OrderedDict()

    def keep(self, key: str, known: Known[T]) -> None:
        """Remember it; the oldest is forgotten."""
        self._rows[key] = known
        self._rows.move_to_end(key)
        if len(self._rows) > self._most:
            self._rows.popitem(last=False)

    def take(self, key: str) -> Known[T] | None:
        """What is remembered, and is forgotten now."""
        return self._rows.pop(key, None)
