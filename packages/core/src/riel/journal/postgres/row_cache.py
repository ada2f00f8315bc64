"""A cache of the rows that this process wrote or read last: it saves a read, and the compare-and-set decides."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from riel.journal.audit.chain import GENESIS, link
from riel.journal.canonical_json import canonical
from riel.journal.postgres.reservations import ReservedAmount, parse_reservations
from riel.journal.row_mac import EVENTS, ProvenRow, RowMac
from riel.journal.stored_rows import StoredRow

T = TypeVar("T")

CHAIN_HEAD = (
    "coalesce(head.n, 0) AS last_n, coalesce(head.hash, '') AS last_hash, coalesce(head.row_mac, '') AS last_row_mac"
)
"""Columns with the end of the chain of the row ``base``, which :data:`WITH_HEAD` finds."""
JOIN_CHAIN_HEAD = (
    "LEFT JOIN LATERAL (SELECT e.n, e.hash, e.row_mac FROM events e WHERE e.payment_id = base.id "
    "ORDER BY e.n DESC LIMIT 1) head ON true"
)

CACHE_SIZE = 2000


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as it is written: number, time, name, body, hash and the two MACs."""

    n: int
    at: int
    event: str
    body: str
    hash: str
    mac: str
    row_mac: str

    @property
    def values(self) -> tuple[int, int, str, str, str, str, str]:
        """In the order of the columns."""
        return self.n, self.at, self.event, self.body, self.hash, self.mac, self.row_mac


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of a chain: the number and the hash of its last event."""

    n: int = 0
    hash: str = GENESIS

    def next_event(
        self, mac: RowMac, payment_id: str, at: int, event: str, body: dict[str, Any], row: ProvenRow
    ) -> EventRow:
        """The next event. Where another transaction wrote that number first, the database refuses it.

        :param row: the challenge or payment as this event leaves it.
        """
        n, text = self.n + 1, canonical(body)
        hashed = link(self.hash, payment_id, n, at, event, text)
        return EventRow(n, at, event, text, hashed, mac.of(EVENTS, hashed), row.mac(mac, n, hashed))


@dataclass(frozen=True, slots=True)
class CachedRow(Generic[T]):
    """A challenge or a payment as it was read and proven, with the end of its chain and its reservations."""

    stored: StoredRow[T]
    head: ChainHead
    reserved: tuple[ReservedAmount, ...]

    @property
    def value(self) -> T:
        """The challenge or the payment."""
        return self.stored.value


def cached_row(stored: StoredRow[T], row: Any) -> CachedRow[T]:
    """From a row with the columns :data:`CHAIN_HEAD` and ``reservations``."""
    return CachedRow(stored, ChainHead(row["last_n"], row["last_hash"]), parse_reservations(row["reservations"]))


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
