"""Who changes an exported record is told on, with the line, the payment and the event."""

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.journal.audit.chain import GENESIS, Anchor, ChainRow, anchor_link, link
from riel.journal.audit.export import MAX_LINE, ExportClosing, ExportHeader, ExportLine, parse_line, render_line
from riel.journal.audit.verify_export import ExportReport, NotedAnchor, read_lines, verify_lines
from riel.journal.canonical_json import canonical

from .audit_support import AT, STORY, Record, again_closed, altered, anchored, closed, record_of, rewritten

RECORD = record_of(STORY)
LINES = RECORD.lines
LAST = len(LINES)
SAID = [parse_line(line) for line in LINES]
EVENTS = [place for place, said in enumerate(SAID) if isinstance(said, ChainRow)]
ANCHORS = [place for place, said in enumerate(SAID) if isinstance(said, Anchor)]
BREAKS_JSON = b'"{}:,[]'


def broken(lines: list[bytes], *noted: NotedAnchor) -> tuple[ExportReport, str]:
    """What is found in lines that do not hold, and the sentence."""
    found = verify_lines(lines, noted)
    assert found.broken is not None, "nobody noticed"
    return found, found.broken.sentence


def place(found: ExportReport) -> tuple[int, str, int]:
    assert found.broken is not None
    return found.line, found.broken.payment_id, found.broken.n


def test_an_untouched_file_holds() -> None:
    assert verify_lines(LINES) == ExportReport(LAST, 8, 3, 3, RECORD.anchors[-1], None)


def test_a_record_without_events_holds() -> None:
    assert verify_lines(record_of([]).lines) == ExportReport(2, 0, 0, 0, None, None)


def test_numbers_of_events_may_have_gaps() -> None:
    assert verify_lines(record_of(STORY, gap=7).lines).broken is None


@pytest.mark.parametrize("at", range(LAST), ids=[f"{n}-{type(said).__name__}" for n, said in enumerate(SAID)])
def test_any_flipped_byte_is_found_in_its_line(at: int) -> None:
    """In its line, but for the number of an event: that is no part of its hash, and found with the next one at last."""
    for offset, byte in enumerate(LINES[at]):
        for bit in (1, 32):
            changed = LINES[at][:offset] + bytes([byte ^ bit]) + LINES[at][offset + 1 :]
            text = b"".join([*LINES[:at], changed, *LINES[at + 1 :]])
            found, sentence = broken(list(read_lines(io.BytesIO(text))))
            if isinstance(SAID[at], ExportHeader) and found.line == LAST:
                assert "line 1" in sentence or "promised" in sentence
            elif b'"seq"' in LINES[at][: offset + 1] and b'"paymentId"' not in LINES[at][:offset]:
                assert found.line >= at + 1
            else:
                assert found.line == at + 1, (offset, changed)


@given(st.data())
def test_no_single_byte_can_be_changed_added_or_taken(data: st.DataObject) -> None:
    whole = b"".join(LINES)
    offset = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.one_of(st.just(b""), st.binary(min_size=1, max_size=2), st.sampled_from([b" ", b"\n", b"\r\n"])))
    keep = data.draw(st.booleans())
    text = whole[:offset] + new + whole[offset + (not keep) :]
    assert (verify_lines(read_lines(io.BytesIO(text))).broken is None) == (text == whole)


@pytest.mark.parametrize("at", EVENTS)
def test_an_event_that_was_removed_is_missed(at: int) -> None:
    row = SAID[at]
    assert isinstance(row, ChainRow)
    found, sentence = broken([*LINES[:at], *LINES[at + 1 :]])
    assert found.line <= next(n for n in ANCHORS if n > at), "at its anchor, at the latest"
    if found.broken is not None and found.broken.payment_id:
        assert (found.broken.payment_id, row.n) == (row.payment_id, row.n)
        assert f"event {row.n} of {row.payment_id} is missing" in sentence
    else:
        assert "events were removed" in sentence


def test_an_anchor_that_was_removed_is_missed() -> None:
    found, sentence = broken([*LINES[: ANCHORS[0]], *LINES[ANCHORS[0] + 1 :]])
    assert place(found) == (ANCHORS[1], "", 1)
    assert "anchor 1 is missing" in sentence


def test_without_its_first_or_last_line_it_is_no_whole_file() -> None:
    found, sentence = broken(LINES[1:])
    assert (found.line, sentence) == (1, "the header is missing")
    found, sentence = broken(LINES[:-1])
    assert (found.line, "tail was cut off" in sentence) == (LAST - 1, True)
    assert broken([])[0].line == 0


@pytest.mark.parametrize("at", [*EVENTS, *ANCHORS])
def test_a_cut_tail_is_missed_with_and_without_a_closing_line(at: int) -> None:
    found, sentence = broken(LINES[:at])
    assert (found.line, "tail was cut off" in sentence) == (at, True)
    found, sentence = broken([*LINES[:at], LINES[-1]])
    assert found.line == at + 1
    forged = closed([parse_line(line) for line in LINES[:at]])
    found, sentence = broken(forged)
    assert found.line == at + 1
    assert "promised" in sentence or "no anchor seals" in sentence


def test_a_cut_tail_with_header_and_closing_line_to_fit_is_caught_by_an_anchor_that_was_noted() -> None:
    shorter = record_of(STORY[:2]).lines
    assert verify_lines(shorter).broken is None, "it is the file of an earlier day"
    found, sentence = broken(shorter, NotedAnchor(RECORD.anchors[2].hash, 3))
    assert found.line == len(shorter)
    assert "anchor 3 that was noted is not here" in sentence
    assert "the anchor that was noted is not here" in broken(shorter, NotedAnchor(RECORD.anchors[2].hash))[1]


@pytest.mark.parametrize("at", range(1, LAST - 2))
def test_two_lines_that_changed_places_are_found_there(at: int) -> None:
    found, _ = broken([*LINES[:at], LINES[at + 1], LINES[at], *LINES[at + 2 :]])
    assert found.line in {at + 1, at + 2}


@pytest.mark.parametrize("at", range(LAST))
def test_a_line_that_stands_there_twice_is_found_there(at: int) -> None:
    found, sentence = broken([*LINES[: at + 1], *LINES[at:]])
    assert found.line == at + 2
    assert at not in EVENTS or "repeated" in sentence


def test_what_was_added_after_the_closing_line_is_found_even_where_it_fits() -> None:
    whole = record_of(STORY[:2]).lines
    found, sentence = broken([*whole, *LINES[ANCHORS[1] + 1 : -1]])
    assert (found.line, "after the closing line" in sentence) == (len(whole) + 1, True)


@pytest.mark.parametrize("payment", ["pay_a", "pay_b", "pay_c"])
def test_a_payment_that_was_removed_as_a_whole_is_missed_by_its_first_anchor(payment: str) -> None:
    left = [line for line, said in zip(LINES, SAID, strict=True) if getattr(said, "payment_id", "") != payment]
    found, sentence = broken(left)
    first = next(at for at, said in enumerate(SAID) if getattr(said, "payment_id", "") == payment)
    anchor = SAID[next(at for at in ANCHORS if at > first)]
    assert isinstance(anchor, Anchor)
    assert place(found)[1:] == ("", anchor.n)
    assert f"anchor {anchor.n} seals {anchor.count} events" in sentence
    assert isinstance(parse_line(left[found.line - 1]), Anchor)


@pytest.mark.parametrize("at", EVENTS)
def test_a_body_with_only_its_own_hash_made_anew_is_found_in_the_next_of_its_payment_or_the_anchor(at: int) -> None:
    row = SAID[at]
    assert isinstance(row, ChainRow)
    body = canonical({**json.loads(row.body), "amount": 1})
    before = [each for each in RECORD.rows if (each.payment_id, each.n) == (row.payment_id, row.n - 1)]
    hashed = link(before[0].hash if before else "", row.payment_id, row.n, row.at, row.event, body)
    found, sentence = broken(again_closed(altered(LINES, at, body=body, hash=hashed)))
    following = [n for n in EVENTS if n > at and SAID[n].payment_id == row.payment_id]  # type: ignore[union-attr]
    anchor = next(n for n in ANCHORS if n > at)
    assert found.line == min([*following, anchor]) + 1
    assert "altered" in sentence


def test_a_rewritten_history_is_caught_by_an_anchor_that_was_noted_and_by_nothing_else() -> None:
    forged = rewritten(STORY, "pay_a", "payment.created", amount=1)
    assert verify_lines(forged.lines).broken is None, "everything in it fits"
    assert forged.anchors[0] == RECORD.anchors[0], "what was sealed before is the same"
    at = next(place for place, line in enumerate(forged.lines) if line == render_line(forged.anchors[1]))
    found, sentence = broken(forged.lines, NotedAnchor(RECORD.anchors[1].hash, 2))
    assert place(found) == (at + 1, "", 2)
    assert "anchor 2 is not the one that was noted" in sentence
    assert "is not here" in broken(forged.lines, NotedAnchor(RECORD.anchors[1].hash))[1]
    assert verify_lines(forged.lines, [NotedAnchor(RECORD.anchors[0].hash, 1)]).broken is None


def test_every_anchor_that_was_noted_may_be_asked_for() -> None:
    noted = [NotedAnchor(anchor.hash, anchor.n) for anchor in RECORD.anchors]
    assert (
        verify_lines(LINES, [*noted, *(NotedAnchor(anchor.hash) for anchor in RECORD.anchors), noted[0]]).broken is None
    )
    assert broken(LINES, *noted, NotedAnchor("0" * 64))[0].line == LAST


def test_events_that_no_anchor_seals_are_not_believed() -> None:
    unsealed = [said for said in RECORD.said if said != RECORD.anchors[-1]]
    header = replace(unsealed[0], anchors=2)  # type: ignore[type-var]
    found, sentence = broken(closed([header, *unsealed[1:]]))
    assert found.line == LAST - 1
    assert "no anchor seals the last 2 events" in sentence


@pytest.mark.parametrize(
    "changes",
    [{"at": AT}, {"upto": 2}, {"upto": 4}, {"count": 2}, {"count": 4}, {"hash": "0" * 64}, {"n": 2}],
    ids=str,
)
def test_an_anchor_that_says_something_else_does_not_fit(changes: dict[str, object]) -> None:
    found, sentence = broken(again_closed(altered(LINES, ANCHORS[0], **changes)))
    assert place(found) == (ANCHORS[0] + 1, "", 1)
    assert "anchor 1" in sentence


def test_an_anchor_that_seals_more_than_it_names_does_not_hold_whatever_its_hash() -> None:
    rows = RECORD.sealed[0]
    digest, count = anchor_link(GENESIS, AT, rows[-1].seq - 1, (row.hash for row in rows))
    found, sentence = broken(Record([rows], [Anchor(1, AT, rows[-1].seq - 1, count, digest)]).lines)
    assert place(found) == (len(rows) + 2, "", 1)
    assert "anchor 1 was altered" in sentence


UNLAWFUL = {
    "a payment without a question": [("pay_a", "payment.created", {"to": "sending"})],
    "a payment after a no": [
        ("pay_a", "challenge.opened", {"to": "open"}),
        ("pay_a", "challenge.declined", {"to": "declined"}),
        ("pay_a", "payment.created", {"to": "sending"}),
    ],
    "a second birth": [
        ("pay_a", "challenge.opened", {"to": "open"}),
        ("pay_a", "payment.created", {"to": "sending"}),
        ("pay_a", "payment.settled", {"from": "sending", "to": "settled"}),
        ("pay_a", "payment.created", {"to": "sending"}),
    ],
    "a state that does not exist": [("pay_a", "challenge.opened", {"to": "open"}), ("pay_a", "paid", {"to": "paid"})],
    "a state that is none": [("pay_a", "challenge.opened", {"to": "open"}), ("pay_a", "paid", {"to": ["open"]})],
    "another state was left": [
        ("pay_a", "challenge.opened", {"to": "open"}),
        ("pay_a", "payment.created", {"to": "sending"}),
        ("pay_a", "payment.settled", {"from": "unknown", "to": "settled"}),
    ],
    "nothing was asked": [("pay_a", "seen", {})],
}


@pytest.mark.parametrize("story", UNLAWFUL)
def test_a_life_that_cannot_be_is_named(story: str) -> None:
    events = UNLAWFUL[story]
    found, sentence = broken(record_of([events]).lines)
    assert place(found) == (len(events) + 1, "pay_a", len(events))
    assert events[-1][1] in sentence


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"to": "open"}', '{"to":"open","to":"open"}', "[" * 100_000])
def test_a_body_that_riel_never_writes_is_named_even_with_the_right_hash(text: str) -> None:
    row = ChainRow(1, "pay_a", 1, AT, "challenge.opened", text, link("", "pay_a", 1, AT, "challenge.opened", text))
    found, sentence = broken(Record([[row]], anchored([[row]])).lines)
    assert place(found) == (2, "pay_a", 1)
    assert "nothing that riel writes" in sentence


STRANGE = [
    b"\n",
    b"{}\n",
    b"[]\n",
    b"null\n",
    b'{"line":"event"}\n',
    b'{"line":["event"]}\n',
    b"\xff\xfe\n",
    b'{"line":"anchor","n":true,"at":1,"upto":1,"count":1,"hash":""}\n',
    b'{"line":"anchor","n":1.0,"at":1,"upto":1,"count":1,"hash":""}\n',
    b'{"line":"anchor","n":1,"at":1,"upto":1,"count":1,"hash":"\\ud800"}\n',
    b'{"line":"anchor","n":' + b"9" * 5000 + b',"at":1,"upto":1,"count":1,"hash":""}\n',
    b'{"line":"anchor","n":NaN,"at":1,"upto":1,"count":1,"hash":""}\n',
    b"[" * 100_000 + b"\n",
    b'{"line": "anchor","n":1,"at":1,"upto":1,"count":1,"hash":""}\n',
    b'{"line":"anchor","n":1,"at":1,"upto":1,"count":1,"hash":"","x":1}\n',
]


@pytest.mark.parametrize("line", STRANGE, ids=lambda line: line[:40].decode("latin-1").strip() or "empty")
def test_a_line_that_riel_never_writes_is_named(line: bytes) -> None:
    found, sentence = broken([LINES[0], line, *LINES[1:]])
    assert found.line == 2
    assert sentence.startswith("this ")


def test_a_line_without_an_end_is_not_read_into_memory() -> None:
    class EndlessFile:
        read = 0

        def readline(self, most: int) -> bytes:
            self.read += most
            return b"x" * most

    endless = EndlessFile()
    found, sentence = broken(read_lines(endless))  # type: ignore[arg-type]
    assert (found.line, sentence) == (1, "this is longer than any that riel writes")
    assert endless.read <= MAX_LINE + 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"format": "other"}, "not that of an exported record"), ({"version": 3}, "format 3, and this riel knows 2")],
)
def test_a_file_of_another_kind_says_so(changes: dict[str, object], words: str) -> None:
    found, sentence = broken(altered(LINES, 0, **changes))
    assert (found.line, words in sentence) == (1, True)


def test_every_kind_of_line_is_read_as_it_was_written() -> None:
    kinds: set[type[ExportLine]] = {type(said) for said in SAID}
    assert kinds == {ExportHeader, ChainRow, Anchor, ExportClosing}
    assert [render_line(said) for said in SAID] == LINES
