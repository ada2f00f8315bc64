"""A record as its events and anchors, its file, and what a forger does who knows every rule but a noted anchor."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from riel.journal.audit.chain import GENESIS, Anchor, ChainRow, anchor_link, link
from riel.journal.audit.export import FORMAT, VERSION, ExportClosing, ExportHeader, ExportLine, ExportSums, render_line
from riel.journal.canonical_json import canonical

AT = 1_772_452_800_000

Told = tuple[str, str, dict[str, Any]]

STORY: list[list[Told]] = [
    [
        ("pay_a", "challenge.opened", {"to": "open", "amount": 50_000, "text": "Pay “Peñón”?"}),
        ("pay_b", "challenge.opened", {"to": "open"}),
        ("pay_a", "attempt.failed", {"attempt": 1}),
    ],
    [
        ("pay_c", "challenge.refused", {"to": "refused", "code": "LIMIT_PER_DAY"}),
        ("pay_a", "payment.created", {"to": "sending", "reference": "REF-a"}),
        ("pay_b", "challenge.declined", {"to": "declined", "by": "ana"}),
    ],
    [
        ("pay_a", "payment.unknown", {"from": "sending", "to": "unknown", "sends": 1}),
        ("pay_a", "payment.settled", {"from": "unknown", "to": "settled", "sends": 1}),
    ],
]
"""Three payments, sealed in three anchors."""


@dataclass(frozen=True)
class Record:
    """What a journal has sealed: the events of each anchor, and the anchors."""

    sealed: Sequence[Sequence[ChainRow]]
    anchors: Sequence[Anchor]

    @property
    def rows(self) -> list[ChainRow]:
        return [row for rows in self.sealed for row in rows]

    @property
    def said(self) -> list[ExportLine]:
        """Every line but the closing one."""
        header = ExportHeader(FORMAT, VERSION, "0.1.0", AT, len(self.rows), len(self.anchors))
        body: list[ExportLine] = []
        for rows, anchor in zip(self.sealed, self.anchors, strict=True):
            body += [*rows, anchor]
        return [header, *body]

    @property
    def lines(self) -> list[bytes]:
        return closed(self.said)


def closed(said: Sequence[ExportLine]) -> list[bytes]:
    """These lines, and the closing line that belongs to them."""
    sums, lines = ExportSums(), [render_line(each) for each in said]
    for each, line in zip(said, lines, strict=True):
        sums.add(each, line)
    return [*lines, render_line(sums.closing())]


def record_of(story: Sequence[Sequence[Told]], *, gap: int = 1) -> Record:
    """The record that a journal makes of a story; ``gap`` is how far the numbers of events are apart."""
    heads: dict[str, tuple[int, str]] = {}
    seq, sealed = 0, list[list[ChainRow]]()
    for part in story:
        rows: list[ChainRow] = []
        for payment, event, body in part:
            n, previous = heads.get(payment, (0, GENESIS))
            seq, text = seq + gap, canonical(body)
            hashed = link(previous, payment, n + 1, AT + seq, event, text)
            rows.append(ChainRow(seq, payment, n + 1, AT + seq, event, text, hashed))
            heads[payment] = (n + 1, hashed)
        sealed.append(rows)
    return Record(sealed, anchored(sealed))


def anchored(sealed: Sequence[Sequence[ChainRow]]) -> list[Anchor]:
    """The anchors over these events."""
    anchors, previous = list[Anchor](), GENESIS
    for n, rows in enumerate(sealed, 1):
        at, upto = AT + 1000 * n, rows[-1].seq
        previous, count = anchor_link(previous, at, upto, (row.hash for row in rows))
        anchors.append(Anchor(n, at, upto, count, previous))
    return anchors


def rewritten(story: Sequence[Sequence[Told]], payment: str, event: str, **body: Any) -> Record:
    """The record of another story, in which one event said something else: every hash made anew, as a forger would."""
    return record_of(
        [[(p, e, {**told, **body} if (p, e) == (payment, event) else told) for p, e, told in part] for part in story]
    )


def altered(lines: Sequence[bytes], place: int, **changes: Any) -> list[bytes]:
    """The file with other values in one line, and nothing else made to fit."""
    from riel.journal.audit.export import parse_line

    said = replace(parse_line(lines[place]), **changes)
    return [*lines[:place], render_line(said), *lines[place + 1 :]]


def again_closed(lines: Sequence[bytes]) -> list[bytes]:
    """The file with another closing line, which belongs to what it now holds."""
    from riel.journal.audit.export import parse_line

    said = [parse_line(line) for line in lines]
    return closed([each for each in said if not isinstance(each, ExportClosing)])
