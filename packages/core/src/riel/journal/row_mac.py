"""Keyed proofs that riel itself wrote a row.

A row that gives a right or moves money is used only where its MAC proves it, in the transaction that uses it. So a
process that can write to the database but has no key can neither insert such a row, nor change one, nor put an older
version of one back.
"""

import hmac
import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from riel.errors import Misconfigured
from riel.secrets import ServerKey, ServerKeys

log = logging.getLogger(__name__)

Value = str | int | bytes | None
"""A column, as the database stores it."""

CHALLENGES, PAYMENTS, ATTEMPTS, EVENTS, ANCHORS, OUTBOX, CONTROLS, USED_PROOFS, DECISIONS = (
    "challenges", "payments", "attempts", "events", "anchors", "outbox", "controls", "used_proofs", "decisions",
)  # fmt: skip
"""The labels of the MACs: the names of the tables."""

VERSION = "v1"
PURPOSE = "riel journal rows v1"
"""The server's key is used for more than this, so the key of the MACs is derived from it under a label."""
KEY_ID_LENGTH = 12
MAX_REPORTED = 10_000


class RowProof(Enum):
    """What the MAC of a row proves.

    ``DISTRUSTED``: riel wrote the row, after it had found it altered: the row says what became of the payment since,
    and nothing is sent or refunded because of it. ``UNPROVABLE``: the row names a key that an operator declared as
    lost, so nobody can tell; the row is read as it stands, and nothing is sent because of it.
    """

    PROVEN = "proven"
    DISTRUSTED = "distrusted"
    UNPROVABLE = "unprovable"
    BROKEN = "broken"


class RowMac:
    """Makes and checks the MACs of rows: ``v1:<id of the key>:<64 hexadecimal digits>``.

    Rows that were written under an older version of the key stay proven. Without a key nothing can be written, and
    every row is taken as it stands: an auditor without the key reads so.
    """

    def __init__(self, keys: ServerKeys | None = None, lost: Collection[str] = ()) -> None:
        """Make and check MACs with these versions of the server's key.

        :param lost: the ids of keys that an operator declared as lost.
        """
        versions = () if keys is None else (*keys.older.values(), keys.current)
        self._keys = {_short(key): hmac.new(key.derived(PURPOSE), digestmod="sha256") for key in versions}
        self._id = None if keys is None else _short(keys.current)
        self._lost = frozenset(key_id[:KEY_ID_LENGTH] for key_id in lost)
        self._reported: set[tuple[str, str]] = set()

    @property
    def has_key(self) -> bool:
        """Whether anything can be proven."""
        return self._id is not None

    def of(self, label: str, *values: Value) -> str:
        """Return the MAC of ``values`` under ``label``, the name of their table.

        :raises Misconfigured: there is no key.
        """
        if self._id is None:
            raise Misconfigured("RIEL_HOME: only the server's key can write to this journal, and it is not here.")
        return f"{VERSION}:{self._id}:{_mac(self._keys[self._id], label, values)}"

    def proves(self, mac: str, label: str, *values: Value) -> bool:
        """Return whether ``mac`` was made by :meth:`of` for these values."""
        if self._id is None:
            return True
        version, _, rest = mac.partition(":")
        name, _, digits = rest.partition(":")
        key = self._keys.get(name)
        if version != VERSION or key is None:
            return label not in RIGHTS and self.names_lost_key(mac)
        return hmac.compare_digest(_mac(key, label, values).encode(), digits.encode(errors="replace"))

    def names_lost_key(self, mac: str) -> bool:
        """Return whether ``mac`` was made with a key that is lost, as it says itself."""
        version, _, rest = mac.partition(":")
        return version == VERSION and rest.partition(":")[0] in self._lost

    def report(self, table: str, row_id: str) -> None:
        """Log, once for each row, that it is not as riel wrote it."""
        if (table, row_id) not in self._reported and len(self._reported) < MAX_REPORTED:
            self._reported.add((table, row_id))
            log.error(
                "RECORD_TAMPERED: the row of %s in the table %s is not as riel wrote it, so nothing is done because "
                "of it: see riel audit verify",
                row_id,
                table,
            )


@dataclass(frozen=True, slots=True)
class ProvenRow:
    """The columns of a row that its MAC covers, by name. ``trusted``: riel vouches for all of them."""

    table: str
    names: tuple[str, ...]
    values: tuple[Value, ...]
    trusted: bool = True

    def value_of(self, column: str) -> Value:
        """Return what the database holds in this column."""
        return self.values[self.names.index(column)]

    def changed(self, **columns: Value) -> "ProvenRow":
        """Return the row with other values in these columns; those that the MAC does not cover are left out."""
        values = [columns.get(name, value) for name, value in zip(self.names, self.values, strict=True)]
        return ProvenRow(self.table, self.names, tuple(values), self.trusted)

    def mac(self, mac: RowMac, n: int, event_hash: str) -> str:
        """Return the MAC of the row as event ``n`` of its chain, with that hash, leaves it."""
        return mac.of(_label(self.table, trusted=self.trusted), n, event_hash, *self.values)

    def proof(self, mac: RowMac, text: str, n: int, event_hash: str) -> RowProof:
        """Return what ``text``, the MAC that event ``n`` holds, proves of this row."""
        if mac.proves(text, _label(self.table, trusted=True), n, event_hash, *self.values):
            return RowProof.PROVEN
        if mac.proves(text, _label(self.table, trusted=False), n, event_hash, *self.values):
            return RowProof.DISTRUSTED
        return RowProof.UNPROVABLE if mac.names_lost_key(text) else RowProof.BROKEN


JOURNAL_ROW = ProvenRow("journal", (), ())
"""What the events of the journal as a whole follow: they have no row."""


def proven_row(table: str, names: tuple[str, ...], row: Sequence[Any]) -> ProvenRow:
    """Return the proven columns of a database row that begins with them."""
    return ProvenRow(table, names, tuple(row[: len(names)]))


def _short(key: ServerKey) -> str:
    return key.id[:KEY_ID_LENGTH]


def _label(table: str, *, trusted: bool) -> str:
    return table if trusted else f"distrusted {table}"


RIGHTS = frozenset(
    _label(table, trusted=trusted) for table in (CHALLENGES, PAYMENTS, CONTROLS, DECISIONS) for trusted in (True, False)
)
"""The labels of rows that give a right: what a lost key made proves nothing of them."""


def _mac(keyed: hmac.HMAC, label: str, values: Sequence[Value]) -> str:
    """Return the MAC in hexadecimal digits.

    ``hmac.digest`` would hash the key anew each time, and release the interpreter's lock, for which the journal's
    thread then waits.
    """
    mac = keyed.copy()
    mac.update(_preimage(label, values))
    return mac.hexdigest()


def _preimage(label: str, values: Sequence[Value]) -> bytes:
    """Return the values as JSON, bytes in a list of their own, so that no two rows are written alike."""
    return _JSON.encode([label, *values]).encode()


_JSON = json.JSONEncoder(default=lambda value: [bytes(value).hex()], check_circular=False, separators=(",", ":"))
