"""What is hashed, and which event is named when a chain does not hold."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.journal.audit.chain import GENESIS, ChainBreak, ChainRow, anchor_link, first_break, link
from riel.journal.canonical_json import canonical

LIVES = {
    "pay_a": [
        ("challenge.opened", {"to": "open"}),
        ("payment.created", {"to": "sending"}),
        ("seen", {}),
        ("payment.settled", {"to": "settled"}),
    ],
    "pay_b": [("challenge.opened", {"to": "open"}), ("challenge.declined", {"to": "declined", "by": "ana"})],
    "pay_c": [
        ("challenge.opened", {"to": "open"}),
        ("payment.created", {"to": "sending"}),
        ("payment.rejected", {"to": "rejected"}),
    ],
}
STATES = {"pay_a": "settled", "pay_b": "declined", "pay_c": "rejected"}


def chained(lives: dict[str, list[tuple[str, dict[str, Any]]]]) -> list[ChainRow]:
    """Chains as a journal writes them."""
    rows: list[ChainRow] = []
    for payment, events in lives.items():
        previous = GENESIS
        for n, (event, body) in enumerate(events, 1):
            at, text = 1_772_452_800_000 + n, canonical(body)
            previous = link(previous, payment, n, at, event, text)
            rows.append(ChainRow(len(rows) + 1, payment, n, at, event, text, previous))
    return rows


ROWS = chained(LIVES)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_the_format_of_a_hash_is_fixed() -> None:
    body = canonical({"to": "sending", "said": "niño", "amount": 50_000})
    assert body == '{"amount":50000,"said":"niño","to":"sending"}'
    hashed = "0:" + "5:pay_a" + "1:1" + "13:1772452800000" + "16:challenge.opened" + f"{len(body)}:{body}"
    assert (
        link(GENESIS, "pay_a", 1, 1_772_452_800_000, "challenge.opened", body)
        == hashlib.sha256(hashed.encode()).hexdigest()
    )


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_the_same_content_is_written_the_same(body: dict[str, Any]) -> None:
    assert json.loads(canonical(body)) == body
    assert canonical(dict(reversed(body.items()))) == canonical(body)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object()])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        canonical({"value": value})


@given(st.lists(st.text(), min_size=2, max_size=2), st.lists(st.text(), min_size=2, max_size=2))
def test_no_two_events_read_alike(one: list[str], another: list[str]) -> None:
    alike = link("", "pay_a", 1, 0, *one) == link("", "pay_a", 1, 0, *another)
    assert alike == (one == another)


def test_characters_that_move_between_fields_change_the_hash() -> None:
    assert (
        len(
            {
                link("", "pay_a1", 1, 0, "e", "{}"),
                link("", "pay_a", 11, 0, "e", "{}"),
                link("", "pay_a", 1, 10, "e", "{}"),
            }
        )
        == 3
    )


def test_chains_that_nobody_touched_hold() -> None:
    assert first_break(ROWS) is None
    assert first_break(ROWS, STATES) is None
    assert first_break([]) is None
    assert first_break([], {}) is None


FORGE: dict[str, Callable[[ChainRow], ChainRow]] = {
    "body": lambda row: replace(row, body=row.body[:-1] + ',"x":1}'),
    "event": lambda row: replace(row, event="settled late"),
    "at": lambda row: replace(row, at=row.at - 1),
    "hash": lambda row: replace(row, hash="0" * 64),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.payment_id}.{row.n}")
@pytest.mark.parametrize("field", FORGE)
def test_an_altered_event_is_named(row: ChainRow, field: str) -> None:
    rows = [FORGE[field](one) if one is row else one for one in ROWS]
    broken = first_break(rows, STATES)
    assert broken is not None
    assert (broken.payment_id, broken.n) == (row.payment_id, row.n)
    assert "altered" in broken.sentence


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.payment_id}.{row.n}")
def test_a_removed_event_is_named(row: ChainRow) -> None:
    broken = first_break([one for one in ROWS if one is not row], STATES)
    assert broken is not None
    assert (broken.payment_id, broken.n) == (row.payment_id, row.n)
    assert "is missing" in broken.sentence


@pytest.mark.parametrize("payment", LIVES)
def test_a_removed_chain_is_named(payment: str) -> None:
    rows = [one for one in ROWS if one.payment_id != payment]
    assert first_break(rows, STATES) == ChainBreak(
        payment, 1, f"event 1 of {payment} is missing: its whole chain was removed"
    )
    assert first_break(rows) is None, "without the states nobody can tell"


@pytest.mark.parametrize("payment", LIVES)
def test_a_chain_whose_payment_was_removed_is_named(payment: str) -> None:
    broken = first_break(ROWS, {name: state for name, state in STATES.items() if name != payment})
    assert broken is not None
    assert broken.payment_id == payment
    assert "itself missing" in broken.sentence


@pytest.mark.parametrize("payment", LIVES)
def test_a_state_that_no_event_tells_of_is_named(payment: str) -> None:
    broken = first_break(ROWS, STATES | {payment: "returned"})
    assert broken is not None
    assert (broken.payment_id, broken.n) == (payment, len(LIVES[payment]) + 1)
    assert "the payment is 'returned'" in broken.sentence


def test_events_that_changed_places_are_named() -> None:
    swapped = [*ROWS[:1], replace(ROWS[2], n=2), replace(ROWS[1], n=3), *ROWS[3:]]
    broken = first_break(swapped, STATES)
    assert broken is not None
    assert (broken.payment_id, broken.n) == ("pay_a", 2)
    written_later = [*ROWS[:1], replace(ROWS[1], seq=ROWS[2].seq), replace(ROWS[2], seq=ROWS[1].seq), *ROWS[3:]]
    broken = first_break(written_later, STATES)
    assert broken is not None
    assert (broken.payment_id, broken.n) == ("pay_a", 3)
    assert "reordered" in broken.sentence


def test_an_event_of_another_chain_does_not_fit() -> None:
    moved = [*ROWS[:4], replace(ROWS[7], payment_id="pay_b", n=1), *ROWS[5:]]
    broken = first_break(moved, STATES)
    assert broken is not None
    assert (broken.payment_id, broken.n) == ("pay_b", 1)


@pytest.mark.parametrize("text", ["", "not json", "[]", "1", '"to"'])
def test_a_body_that_riel_never_writes_is_named_even_with_the_right_hash(text: str) -> None:
    row = ROWS[0]
    forged = replace(row, body=text, hash=link(GENESIS, row.payment_id, row.n, row.at, row.event, text))
    broken = first_break([forged])
    assert broken is not None
    assert (broken.payment_id, broken.n) == ("pay_a", 1)


@given(st.data())
def test_the_first_break_is_named_whatever_comes_after_it(data: st.DataObject) -> None:
    touched = data.draw(st.sets(st.integers(0, len(ROWS) - 1), min_size=1))
    rows = [FORGE["at"](row) if index in touched else row for index, row in enumerate(ROWS)]
    broken = first_break(rows, STATES)
    first = ROWS[min(touched)]
    assert broken is not None
    assert (broken.payment_id, broken.n) == (first.payment_id, first.n)


def test_an_anchor_depends_on_every_hash_their_order_and_the_anchor_before() -> None:
    hashes = ["a" * 64, "b" * 64, "c" * 64]
    sealed, count = anchor_link(GENESIS, 5, 3, hashes)
    assert count == 3
    others = [
        anchor_link(GENESIS, 5, 3, hashes[:2]),
        anchor_link(GENESIS, 5, 3, reversed(hashes)),
        anchor_link("x", 5, 3, hashes),
        anchor_link(GENESIS, 6, 3, hashes),
        anchor_link(GENESIS, 5, 4, hashes),
        anchor_link(GENESIS, 5, 3, []),
    ]
    assert sealed not in {other for other, _ in others}
    assert anchor_link(GENESIS, 5, 3, iter(hashes)) == (sealed, 3)
