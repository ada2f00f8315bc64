"""The audit chain: what is hashed, and how a reader tells which event was altered, removed or reordered first."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from riel.journal.row_mac import EVENTS, RowMac

GENESIS = ""

JOURNAL_CHAIN = "journal"
"""The chain of what befell the journal as a whole, and no payment."""


def link(previous: str, payment_id: str, n: int, at: int, event: str, body: str) -> str:
    """The hash of one event, over the hash of the one before: length-prefixed, so that no two events read alike."""
    parts = (previous, payment_id, str(n), str(at), event, body)
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()


class AnchorHash:
    """The hash of an anchor in the making: over the anchor before, then the hash of each event as it is read.

    What names the anchor comes last, so that a reader who learns it last need not keep the hashes until then.
    """

    def __init__(self, previous: str) -> None:
        self.count = 0
        self._running = hashlib.sha256(f"{previous}:".encode())

    def add(self, event_hash: str) -> None:
        """Take in the next event."""
        self._running.update(event_hash.encode())
        self.count += 1

    def link(self, at: int, upto: int) -> str:
        """The hash of an anchor that seals what was taken in so far."""
        ended = self._running.copy()
        ended.update(f":{at}:{upto}".encode())
        return ended.hexdigest()


def anchor_link(previous: str, at: int, upto: int, hashes: Iterable[str]) -> tuple[str, int]:
    """The hash of an anchor over the event hashes since the last one, and how many there are."""
    seal = AnchorHash(previous)
    for one in hashes:
        seal.add(one)
    return seal.link(at, upto), seal.count


@dataclass(frozen=True, slots=True)
class ChainRow:
    """An event as it is stored, before anybody trusts it.

    ``hash`` needs no key to be checked. ``mac`` and ``row_mac`` do: the first is over the hash, the second over the
    whole row of the challenge or payment as the event leaves it.
    """

    seq: int
    payment_id: str
    n: int
    at: int
    event: str
    body: str
    hash: str
    mac: str = ""
    row_mac: str = ""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A seal over every event up to number ``upto``: how many there were since the last one, and their hash."""

    n: int
    at: int
    upto: int
    count: int
    hash: str
    mac: str = ""


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first place where the chain does not hold."""

    payment_id: str
    n: int
    sentence: str


def first_break(
    rows: Iterable[ChainRow], states: Mapping[str, str] | None = None, mac: RowMac | None = None
) -> ChainBreak | None:
    """The first event that was altered, removed or reordered, or ``None``.

    :param rows: all events, by payment and ``n``.
    :param mac: checks who wrote each event, where the server's key is at hand.
    :param states: the state each payment is in, where known: a chain whose tail was cut ends in another one.
    """
    payment, expected, previous, state, seq = "", 1, GENESIS, "", 0
    seen: set[str] = set()
    mac = mac or RowMac()
    for row in rows:
        if row.payment_id != payment:
            if payment and (broken := _missing_tail(payment, expected, state, states)):
                return broken
            payment, expected, previous, state, seq = row.payment_id, 1, GENESIS, "", 0
            seen.add(payment)
        if row.n != expected:
            return ChainBreak(payment, expected, f"event {expected} of {payment} is missing: it was removed")
        if row.seq <= seq:
            return ChainBreak(payment, row.n, f"event {row.n} of {payment} stands before the one it follows: reordered")
        if row.hash != link(previous, row.payment_id, row.n, row.at, row.event, row.body):
            return ChainBreak(
                payment, row.n, f"event {row.n} of {payment} ({row.event}) was altered, or one before it was"
            )
        if not mac.proves(row.mac, EVENTS, row.hash):
            return ChainBreak(
                payment, row.n, f"event {row.n} of {payment} ({row.event}) was not written by riel: altered"
            )
        previous, expected, seq = row.hash, expected + 1, row.seq
        body = _parse_body(row.body)
        if body is None:
            return ChainBreak(
                payment, row.n, f"event {row.n} of {payment} ({row.event}) holds nothing that riel writes"
            )
        state = body.get("to", state)
    if payment and (broken := _missing_tail(payment, expected, state, states)):
        return broken
    for missing in sorted(set(states or ()) - seen):
        return ChainBreak(missing, 1, f"event 1 of {missing} is missing: its whole chain was removed")
    return None


def _parse_body(body: str) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _missing_tail(payment: str, n: int, state: str, states: Mapping[str, str] | None) -> ChainBreak | None:
    if states is None or payment == JOURNAL_CHAIN or states.get(payment) == state:
        return None
    if payment not in states:
        return ChainBreak(payment, n, f"{payment} has {n - 1} events and is itself missing: it was removed")
    ends = f"its chain ends in {state!r}, the payment is {states[payment]!r}"
    return ChainBreak(payment, n, f"event {n} of {payment} is missing: {ends}")
