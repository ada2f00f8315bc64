"""The record as a file that a stranger can check: JSON Lines, of which every byte is determined by what it says.

A header; every sealed event in the order of writing, each anchor after the last event that it seals; a closing line
with the sums and a digest of all the bytes before it. ``body`` is the exact text that was hashed. ``hash`` is checked
without a key; ``mac``, which only riel makes, with the server's key; ``rowMac`` with the key and the journal's own row.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from riel.journal import Journal
from riel.journal.audit.chain import GENESIS, JOURNAL_CHAIN, Anchor, ChainRow

FORMAT = "riel-audit"
VERSION = 2
PAGE = 1000
MAX_LINE = 2**20
"""Bytes of a line. No event of ours comes near: texts from outside are bounded before they are recorded."""


@dataclass(frozen=True, slots=True)
class ExportHeader:
    """What this file is, when it was written by which riel, and how much must be in it."""

    format: str
    version: int
    riel: str
    at: int
    events: int
    anchors: int


@dataclass(frozen=True, slots=True)
class ExportClosing:
    """What was written: sums, the last hashes, the header's, and a digest of every byte before this line."""

    events: int
    anchors: int
    payments: int
    last_event: str
    last_anchor: str
    header: str
    digest: str


ExportLine = ExportHeader | ChainRow | Anchor | ExportClosing

_SHAPES: dict[str, tuple[type[ExportLine], tuple[str, ...]]] = {
    "header": (ExportHeader, ("format", "version", "riel", "at", "events", "anchors")),
    "event": (ChainRow, ("seq", "paymentId", "n", "at", "event", "body", "hash", "mac", "rowMac")),
    "anchor": (Anchor, ("n", "at", "upto", "count", "hash", "mac")),
    "closing": (ExportClosing, ("events", "anchors", "payments", "lastEvent", "lastAnchor", "header", "digest")),
}
"""The kinds of lines, and the names of their values in the order in which they are written."""

_WRITTEN = {
    shape: (("line", *names), kind, attrgetter(*(field.name for field in fields(shape))))
    for kind, (shape, names) in _SHAPES.items()
}
_TYPES = {kind: [field.type for field in fields(shape)] for kind, (shape, _) in _SHAPES.items()}
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class UnreadableLine(ValueError):
    """A line that riel never writes."""


def render_line(said: ExportLine) -> bytes:
    """The one line that says this."""
    names, kind, values = _WRITTEN[type(said)]
    return _ENCODER.encode(dict(zip(names, (kind, *values(said)), strict=True))).encode() + b"\n"


def parse_line(line: bytes) -> ExportLine:
    """What a line says.

    :raises UnreadableLine: it is not, byte for byte, a line that :func:`render_line` makes.
    """
    if not line.endswith(b"\n"):
        raise UnreadableLine("is cut off" if len(line) <= MAX_LINE else "is longer than any that riel writes")
    try:
        parsed = json.loads(line)
        kind = parsed["line"]
        shape, names = _SHAPES[kind]
        values = [parsed[name] for name in names]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise UnreadableLine("is not a line that riel writes") from None
    if [type(value) for value in values] != _TYPES[kind]:
        raise UnreadableLine("is not a line that riel writes")
    said = shape(*values)
    try:
        same = render_line(said) == line
    except ValueError:  # half a character, which no UTF-8 has
        same = False
    if not same:
        raise UnreadableLine("says something in other bytes than riel does")
    return said


class ExportSums:
    """What the closing line must say of the lines before it."""

    def __init__(self) -> None:
        self.events = self.anchors = self.payments = 0
        self._last_event = self._last_anchor = GENESIS
        self._header = ""
        self._digest = hashlib.sha256()

    def add(self, said: ExportLine, line: bytes) -> None:
        """Take in the next line."""
        self._digest.update(line)
        match said:
            case ExportHeader():
                self._header = hashlib.sha256(line).hexdigest()
            case ChainRow():
                self.events += 1
                self.payments += said.n == 1 and said.payment_id != JOURNAL_CHAIN
                self._last_event = said.hash
            case Anchor():
                self.anchors += 1
                self._last_anchor = said.hash

    def closing(self) -> ExportClosing:
        """The closing line of what was taken in so far."""
        sums = (self.events, self.anchors, self.payments)
        return ExportClosing(*sums, self._last_event, self._last_anchor, self._header, self._digest.hexdigest())


async def export_lines(journal: Journal, riel: str, at: int, *, page: int = PAGE) -> AsyncIterator[bytes]:
    """The lines of all that is sealed now, ``page`` events at a time, whether it holds or not.

    :param riel: the version of this riel.
    :param at: milliseconds since 1970.
    """
    anchors = list(await journal.anchors())
    sums = ExportSums()

    def written(said: ExportLine) -> bytes:
        line = render_line(said)
        sums.add(said, line)
        return line

    yield written(ExportHeader(FORMAT, VERSION, riel, at, sum(anchor.count for anchor in anchors), len(anchors)))
    due = iter(anchors)
    anchor = next(due, None)
    async for row in _anchored_events(journal, anchors, page):
        while anchor is not None and row.seq > anchor.upto:
            yield written(anchor)
            anchor = next(due, None)
        yield written(row)
    while anchor is not None:
        yield written(anchor)
        anchor = next(due, None)
    yield render_line(sums.closing())


async def _anchored_events(journal: Journal, anchors: Sequence[Anchor], page: int) -> AsyncIterator[ChainRow]:
    """Every event that these anchors seal; what a server seals meanwhile is left to the next file."""
    upto, after = max((anchor.upto for anchor in anchors), default=0), 0
    while rows := await journal.anchored_events(after, most=page):
        for row in rows:
            if row.seq > upto:
                return
            yield row
        after = rows[-1].seq
