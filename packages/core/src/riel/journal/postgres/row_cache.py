"""A cache of the rows that this process wrote or read last: it saves a read, and the compare-and-set decides."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from riel.journal.audit.chain import GENESIS, link
from riel.journal.canonical_json import canonical
from riel.journal.postgres.reservations import ReservedAmount, parse_reservations

T = TypeVar("T")

CHAIN_HEAD = "coalesce(head.n, 0) AS last_n, coalesce(head.hash, '') AS last_hash"
"""Columns with the end of the chain of the row ``base``, which :data:`WITH_HEAD` finds."""
JOIN_CHAIN_HEAD = (
    "LEFT JOIN LATERAL (SELECT e.n, e.hash FROM events e WHERE e.payment_id = base.id ORDER BY e.n DESC LIMIT 1) head "
    "ON true"
)

CACHE_SIZE = 2000


@dataclass(frozen=True, slots=True)
class EventRow:
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
class ChainHead:
    """The end of a chain: the number and the hash of its last event."""

    n: int = 0
    hash: str = GENESIS

    def next_event(self, payment_id: str, at: int, event: str, body: dict[str, Any]) -> EventRow:
        """The next event. Where another transaction wrote that number first, the database refuses it."""
        text = canonical(body)
        return EventRow(self.n + 1, at, event, text, link(self.hash, payment_id, self.n + 1, at, event, text))


@dataclass(frozen=True, slots=True)
class CachedRow(Generic[T]):
    """A challenge or a payment as it was read, with the end of its chain and its reservations."""

    value: T
    head: ChainHead
    reserved: tuple[ReservedAmount, ...]


def cached_row(value: T, row: Any) -> CachedRow[T]:
    """From a row with the columns :data:`HEAD` and ``reservations``."""
    return CachedRow(value, ChainHead(row["last_n"], row["last_hash"]), parse_reservations(row["reservations"]))


class RowCache(Generic[T]):
    """The rows that were read or written last. Each is used once."""

    def __init__(self, size: int = CACHE_SIZE) -> None:
        self._most = size
        self._rows: OrderedDict[str, CachedRow[T]] = OrderedDict()

    def put(self, key: str, known: CachedRow[T]) -> None:
        """Remember it; the oldest is forgotten."""
        self._rows[key] = known
        self._rows.move_to_end(key)
        if len(self._rows) > self._most:
            self._rows.popitem(last=False)

    def take(self, key: str) -> CachedRow[T] | None:
        """What is remembered, and is forgotten now."""
        return self._rows.pop(key, None)
