"""Whether an exported record holds, read line by line: without a journal, and with one entry for each payment.

What is found wrong is named with its line, its payment and its event; see ``export.py`` for the file.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from riel.journal.audit.chain import GENESIS, JOURNAL_CHAIN, Anchor, AnchorHash, ChainBreak, ChainRow, link
from riel.journal.audit.export import (
    FORMAT,
    MAX_LINE,
    VERSION,
    ExportClosing,
    ExportHeader,
    ExportSums,
    UnreadableLine,
    parse_line,
)
from riel.journal.canonical_json import canonical
from riel.journal.row_mac import ANCHORS, EVENTS, RowMac
from riel.journal.transitions import is_valid


@dataclass(frozen=True, slots=True)
class NotedAnchor:
    """An anchor that was noted outside the journal: its hash, and its number where it is known."""

    hash: str
    n: int | None = None


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What a file showed: how much was read, the newest anchor, and the first place that does not hold, with its line.

    ``line`` counts from one; it is that of the break, or the last.
    """

    line: int
    events: int
    payments: int
    anchors: int
    newest: Anchor | None
    broken: ChainBreak | None


@dataclass(slots=True)
class _Chain:
    """The end of the chain of one payment."""

    n: int = 0
    hash: str = GENESIS
    state: str = ""


class TamperedExport(Exception):
    """The file does not hold here."""

    def __init__(self, broken: ChainBreak) -> None:
        super().__init__(broken.sentence)
        self.broken = broken


class ExportVerifier:
    """Takes the lines one after the other, and raises :class:`Tampered` at the first that does not hold."""

    def __init__(self, noted: Sequence[NotedAnchor] = (), mac: RowMac | None = None) -> None:
        self._mac = mac or RowMac()
        self._line = 0
        self._sums = ExportSums()
        self._newest: Anchor | None = None
        self._chains: dict[str, _Chain] = {}
        self._header: ExportHeader | None = None
        self._closed = False
        self._seq = 0
        self._seal = AnchorHash(GENESIS)
        self._unseen = list(noted)

    def take(self, line: bytes) -> None:
        """Check the next line against all that came before."""
        self._line += 1
        try:
            said = parse_line(line)
        except UnreadableLine as why:
            _tampered(f"this {why}")
        if self._closed:
            _tampered("something stands after the closing line: it was added")
        if isinstance(said, ExportHeader) != (self._header is None):
            _tampered("the header is missing" if self._header is None else "a second header: it was added")
        match said:
            case ExportHeader():
                self._begin(said)
            case ChainRow():
                self._event(said)
            case Anchor():
                self._anchor(said)
            case ExportClosing():
                self._close(said)
        self._sums.add(said, line)

    def end(self) -> None:
        """There is no other line."""
        if not self._closed:
            _tampered("the file ends without its closing line: its tail was cut off")
        for noted in self._unseen:
            name = "the anchor" if noted.n is None else f"anchor {noted.n}"
            _tampered(f"{name} that was noted is not here: the file is older, or what it sealed was rewritten")

    @property
    def events(self) -> int:
        """How many events were taken."""
        return self._sums.events

    def report(self, broken: ChainBreak | None = None) -> ExportReport:
        """What the lines so far have shown, up to where the record is ``broken``."""
        sums = self._sums
        return ExportReport(self._line, sums.events, sums.payments, sums.anchors, self._newest, broken)

    def _begin(self, header: ExportHeader) -> None:
        if header.format != FORMAT:
            _tampered("the header is not that of an exported record")
        if header.version != VERSION:
            _tampered(f"the file has format {header.version}, and this riel knows {VERSION}: look for another riel")
        self._header = header

    def _event(self, row: ChainRow) -> None:
        payment, known = row.payment_id, self._chains.get(row.payment_id) or _Chain()
        name = f"event {row.n} of {payment} ({row.event})"
        if row.n > known.n + 1:
            _tampered(f"event {known.n + 1} of {payment} is missing: it was removed, or stands too late", row)
        if row.n <= known.n:
            _tampered(f"event {row.n} of {payment} stands where {known.n + 1} should: repeated or reordered", row)
        if row.seq <= self._seq:
            _tampered(f"{name} has number {row.seq} and stands after number {self._seq}: reordered", row)
        if row.hash != link(known.hash, payment, row.n, row.at, row.event, row.body):
            _tampered(f"{name} was altered, or one before it was", row)
        if not self._mac.proves(row.mac, EVENTS, row.hash):
            _tampered(f"{name} was not written by riel: its MAC is not that of the key", row)
        known.state = _state_after(row, known.state, name)
        known.n, known.hash, self._seq = row.n, row.hash, row.seq
        self._chains[payment] = known
        self._seal.add(row.hash)

    def _anchor(self, anchor: Anchor) -> None:
        n = self._sums.anchors + 1
        if anchor.n != n:
            what = "is missing: it was removed" if anchor.n > n else f"should stand where anchor {anchor.n} does"
            _tampered(f"anchor {n} {what}", n=n)
        if anchor.count != self._seal.count:
            counted = f"anchor {n} seals {anchor.count} events up to number {anchor.upto}, and there are"
            _tampered(f"{counted} {self._seal.count}: events were removed or added", n=n)
        if anchor.upto < self._seq or anchor.hash != self._seal.link(anchor.at, anchor.upto):
            _tampered(f"anchor {n} was altered, or what it seals was", n=n)
        if not self._mac.proves(anchor.mac, ANCHORS, n, anchor.hash):
            _tampered(f"anchor {n} was not written by riel: its MAC is not that of the key", n=n)
        for noted in [noted for noted in self._unseen if n == noted.n or anchor.hash == noted.hash]:
            if anchor.hash != noted.hash:
                _tampered(f"anchor {n} is not the one that was noted: what it seals was rewritten", n=n)
            if noted.n in {None, n}:
                self._unseen.remove(noted)
        self._newest, self._seq, self._seal = anchor, anchor.upto, AnchorHash(anchor.hash)

    def _close(self, closing: ExportClosing) -> None:
        header, expected = self._header, self._sums.closing()
        if self._seal.count:
            _tampered(f"no anchor seals the last {self._seal.count} events: one was removed, or they were added")
        if (closing.events, closing.anchors, closing.payments) != (
            expected.events,
            expected.anchors,
            expected.payments,
        ):
            _tampered(f"the closing line counts {closing.events} events, and there are {expected.events}: {_CUT}")
        if (closing.last_event, closing.last_anchor) != (expected.last_event, expected.last_anchor):
            _tampered(f"the closing line knows other last hashes: {_CUT}")
        if closing.digest != expected.digest:
            if closing.header != expected.header:
                _tampered("line 1, the header, was altered")
            _tampered("the bytes before are not those that were written: this line, or the number of an event, changed")
        if closing.header != expected.header:
            _tampered("the closing line was altered")
        if header is None or (header.events, header.anchors) != (closing.events, closing.anchors):
            _tampered(f"the header promised more, or less, than there is: {_CUT}")
        self._closed = True


_CUT = "lines were removed or added, or it was altered"


def _state_after(row: ChainRow, before: str, name: str) -> str:
    """The state of a challenge and its payment after this event, which must be a valid transition."""
    try:
        body = json.loads(row.body)
        same = isinstance(body, dict) and canonical(body) == row.body
    except (ValueError, RecursionError):
        same = False
    if not same:
        _tampered(f"{name} holds nothing that riel writes", row)
    if row.payment_id == JOURNAL_CHAIN:
        return ""
    after = body.get("to", before)
    if body.get("from", before) != before:
        _tampered(f"{name} left {body['from']!r}, and it was {before or 'nothing'!r}", row)
    if not isinstance(after, str) or not after or ("to" in body and not is_valid(before, after)):
        _tampered(f"{name} makes it {after!r}, which cannot follow {before or 'nothing'!r}", row)
    return str(after)


def _tampered(sentence: str, row: ChainRow | None = None, *, n: int = 0) -> NoReturn:
    raise TamperedExport(ChainBreak(row.payment_id if row else "", row.n if row else n, sentence))


def read_lines(file: BinaryIO) -> Iterable[bytes]:
    """The lines of a file, however long it is; one that is too long to be ours comes in pieces."""
    return iter(lambda: file.readline(MAX_LINE + 1), b"")


def verify_lines(lines: Iterable[bytes], noted: Sequence[NotedAnchor] = (), mac: RowMac | None = None) -> ExportReport:
    """What these lines show.

    :param noted: anchors that must be among them.
    :param mac: checks the MACs, where the server's key is at hand.
    """
    check = ExportVerifier(noted, mac)
    try:
        for line in lines:
            check.take(line)
        check.end()
    except TamperedExport as tampered:
        return check.report(tampered.broken)
    return check.report()
