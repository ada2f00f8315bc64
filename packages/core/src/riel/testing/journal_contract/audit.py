"""What a journal promises to an auditor: each deed of an intruder is told on, with the place where it was done."""

import asyncio
from collections.abc import Callable, Iterable

import pytest

from riel.journal import ChainRow, Event, Journal
from riel.journal.audit.chain import link
from riel.journal.canonical_json import canonical
from riel.rail import Payee
from riel.testing.journal_contract.fixtures import (
    ACCOUNT,
    MINUTE,
    NOW,
    SECOND,
    S,
    Store,
    TwoHandles,
    create_payment,
    create_settled,
    enter_wrong_code,
    move,
    new_challenge,
    open_challenge,
)


async def create_audited(journal: Journal) -> list[Event]:
    """The events of a payment with a life behind it, and a second one: sealed in two anchors, the last event not."""
    await create_settled(journal, "b")
    asked = (await open_challenge(journal, new_challenge("a"))).challenge
    await enter_wrong_code(journal, asked)
    assert await journal.anchor(NOW)
    record = await create_payment(journal, "a")
    assert await journal.anchor(NOW + SECOND)
    await move(journal, record, S.UNKNOWN)
    return list(await journal.events("pay_a"))


Tampering = Callable[[list[Event]], Iterable[str]]

OF_PAY_A = "WHERE payment_id = 'pay_a' AND n"
TABLES = (("events", "payment_id"), ("attempts", "challenge_id"), ("payments", "id"), ("challenges", "id"))

TAMPERINGS: dict[str, tuple[Tampering, str, int, str]] = {
    "an altered body": (lambda events: [f"UPDATE events SET body = '{{}}' {OF_PAY_A} = 2"], "pay_a", 2, "altered"),
    "an altered name": (
        lambda events: [f"UPDATE events SET event = 'challenge.opened' {OF_PAY_A} = 3"],
        "pay_a",
        3,
        "altered",
    ),
    "an altered time": (lambda events: [f"UPDATE events SET at = at + 1 {OF_PAY_A} = 3"], "pay_a", 3, "altered"),
    "an altered hash": (lambda events: [f"UPDATE events SET hash = 'f' {OF_PAY_A} = 1"], "pay_a", 1, "altered"),
    "an altered amount": (lambda events: ["UPDATE payments SET amount = 1 WHERE id = 'pay_a'"], "pay_a", 3, "altered"),
    "an altered payee": (lambda events: ["UPDATE payments SET payee = 'X' WHERE id = 'pay_a'"], "pay_a", 3, "altered"),
    "altered bytes": (lambda events: ["UPDATE payments SET body = x'00' WHERE id = 'pay_a'"], "pay_a", 3, "altered"),
    "a removed beginning": (lambda events: [f"DELETE FROM events {OF_PAY_A} = 1"], "pay_a", 1, "removed"),
    "a removed middle": (lambda events: [f"DELETE FROM events {OF_PAY_A} = 2"], "pay_a", 2, "removed"),
    "a removed tail": (lambda events: [f"DELETE FROM events {OF_PAY_A} = 4"], "pay_a", 4, "missing"),
    "a longer removed tail": (lambda events: [f"DELETE FROM events {OF_PAY_A} > 2"], "pay_a", 3, "missing"),
    "a removed chain": (lambda events: [f"DELETE FROM events {OF_PAY_A} > 0"], "pay_a", 1, "whole chain"),
    "two events that changed places": (
        lambda events: [
            f"UPDATE events SET n = -2 {OF_PAY_A} = 2",
            f"UPDATE events SET n = 2 {OF_PAY_A} = 3",
            f"UPDATE events SET n = 3 {OF_PAY_A} = -2",
        ],
        "pay_a",
        2,
        "reordered|altered",
    ),
    "two events written in another order": (
        lambda events: [
            f"UPDATE events SET seq = -1 {OF_PAY_A} = 2",
            f"UPDATE events SET seq = {events[1].seq} {OF_PAY_A} = 3",
            f"UPDATE events SET seq = {events[2].seq} {OF_PAY_A} = 2",
        ],
        "pay_a",
        3,
        "reordered",
    ),
    "a state that no event tells of": (
        lambda events: ["UPDATE payments SET state = 'settled' WHERE id = 'pay_a'"],
        "pay_a",
        5,
        "'settled'",
    ),
    "a question opened again": (
        lambda events: ["UPDATE challenges SET state = 'open' WHERE id = 'pay_b'", "DELETE FROM payments"],
        "pay_a",
        5,
        "'consumed'",
    ),
    "a payment removed from under its chain": (
        lambda events: ["DELETE FROM payments WHERE id = 'pay_a'", "DELETE FROM challenges WHERE id = 'pay_a'"],
        "pay_a",
        5,
        "itself missing",
    ),
    "a payment removed with its chain": (
        lambda events: [f"DELETE FROM {table} WHERE {key} = 'pay_a'" for table, key in TABLES],
        "",
        1,
        "anchor 1",
    ),
    "an event altered and every hash after it made anew": (
        lambda events: forge_chain(events),
        "pay_a",
        3,
        "not written by riel",
    ),
    "an altered anchor": (lambda events: ["UPDATE anchors SET hash = 'f' WHERE n = 1"], "", 1, "anchor 1"),
    "an anchor that seals less": (lambda events: ["UPDATE anchors SET upto = upto - 1 WHERE n = 1"], "", 1, "anchor 1"),
    "a removed anchor": (lambda events: ["DELETE FROM anchors WHERE n = 1"], "", 1, "anchor 1 is missing"),
}
"""What an intruder does, and what is then named: the payment, the number of the event (or anchor), in which words."""


def forge_chain(events: list[Event]) -> list[str]:
    """A chain that holds again, with another amount in its third event."""
    statements, previous = [], events[1].hash
    for event in events[2:]:
        text = canonical(event.body).replace("50000", "5")
        at = int(event.at.timestamp() * 1000)
        previous = link(previous, event.payment_id, event.n, at, event.event, text)
        statements.append(f"UPDATE events SET body = '{text}', hash = '{previous}' {OF_PAY_A} = {event.n}")
    return statements


@pytest.mark.anyio
class AuditPromises(TwoHandles):
    """The record can be read back, and tells of everybody who touched it."""

    async def test_an_untouched_record_verifies(self, journal: Journal, other: Journal) -> None:
        assert await journal.verify() == (0, None)
        await create_audited(journal)
        assert await other.verify() == (7, None)

    async def test_each_payment_has_a_chain_of_its_own(self, journal: Journal) -> None:
        events = await create_audited(journal)
        assert [(event.n, event.event) for event in events] == [
            (1, "challenge.opened"),
            (2, "attempt.failed"),
            (3, "payment.created"),
            (4, "payment.unknown"),
        ]
        previous = ""
        for event in events:
            at = int(event.at.timestamp() * 1000)
            assert event.hash == link(previous, "pay_a", event.n, at, event.event, canonical(event.body))
            previous = event.hash
        assert await journal.events("pay_none") == []

    async def test_parallel_writers_leave_chains_that_hold(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_challenge())
        notes = [(journal, other)[n % 2].append_event("pay_a", "seen", {"n": n}, NOW) for n in range(20)]
        await asyncio.gather(*notes, journal.anchor(NOW), other.anchor(NOW), other.anchor(NOW))
        events = await journal.events("pay_a")
        assert [event.n for event in events] == list(range(1, 22))
        assert await journal.verify() == (21, None)

    async def test_what_is_noted_once_is_noted_once_whoever_does_it(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_challenge())
        await journal.append_event("pay_a", "told", {}, NOW)
        notes = [(journal, other)[n % 2].append_event("pay_a", "seen", {"n": n}, NOW, once=True) for n in range(20)]
        await asyncio.gather(*notes)
        await other.append_event("pay_a", "told", {}, NOW, once=True)
        await other.append_event("pay_a", "told", {}, NOW)
        assert [event.event for event in await journal.events("pay_a")] == ["challenge.opened", "told", "seen", "told"]
        assert await journal.verify() == (4, None)

    async def test_an_anchor_seals_what_is_new(self, journal: Journal, other: Journal) -> None:
        assert not await journal.anchor(NOW)
        await open_challenge(journal, new_challenge())
        assert await other.anchor(NOW)
        assert not await journal.anchor(NOW + SECOND)

    @pytest.mark.parametrize("deed", TAMPERINGS)
    async def test_who_tampers_is_told_on(self, store: Store, journal: Journal, deed: str) -> None:
        does, payment, n, sentence = TAMPERINGS[deed]
        events = await create_audited(journal)
        store.tamper(*does(events))
        _, broken = await journal.verify()
        assert broken is not None, "nobody noticed"
        assert (broken.payment_id, broken.n) == (payment, n), broken.sentence
        assert any(words in broken.sentence for words in sentence.split("|")), broken.sentence

    async def test_a_cut_that_leaves_the_state_right_is_found_once_it_is_sealed(
        self, store: Store, journal: Journal
    ) -> None:
        await open_challenge(journal, new_challenge())
        await journal.append_event("pay_a", "seen", {}, NOW)
        await journal.anchor(NOW)
        store.tamper(f"DELETE FROM events {OF_PAY_A} = 2")
        _, broken = await journal.verify()
        assert broken is not None
        assert "anchor 1 seals 2 events" in broken.sentence

    async def test_the_first_of_several_breaks_is_named(self, store: Store, journal: Journal) -> None:
        await create_audited(journal)
        store.tamper("UPDATE events SET at = at + 1", "UPDATE anchors SET hash = 'f'")
        _, broken = await journal.verify()
        assert broken is not None
        assert (broken.payment_id, broken.n) == ("pay_a", 1)

    async def test_events_and_messages_hold_no_whole_account(self, journal: Journal) -> None:
        payee = Payee(ACCOUNT, f"Ana {ACCOUNT[:6]} {ACCOUNT[6:]}")
        review = await move(journal, await create_payment(journal, payee=payee), S.REVIEW)
        await journal.resolve_manually(review.id, S.SETTLED, "op", f"the statement of {ACCOUNT}", NOW)
        await journal.record_refusal(new_challenge("r", payee=payee), "CLOSED", "at night")
        told = [str(event.body) for name in ("pay_a", "pay_r") for event in await journal.events(name)]
        told += [str(message.body) for message in await journal.lease_messages(NOW, lease=MINUTE, most=10)]
        assert not [text for text in told if ACCOUNT in text.replace(" ", "")]
        assert len([text for text in told if "**************7895" in text]) == 3
        assert await journal.verify() == (5, None)

    async def test_what_is_sealed_is_read_in_the_order_of_writing_page_by_page(
        self, journal: Journal, other: Journal
    ) -> None:
        assert (list(await journal.anchors()), list(await journal.anchored_events(0, most=5))) == ([], [])
        await create_audited(journal)
        first, second = await other.anchors()
        assert (first.n, first.count, second.n, second.count) == (1, 5, 2, 1)
        assert second.upto > first.upto
        rows, after = list[ChainRow](), 0
        while page := await other.anchored_events(after, most=2):
            assert len(page) <= 2
            rows += page
            after = page[-1].seq
        assert len(rows) == 6, "the last event is not sealed"
        assert [row.seq for row in rows] == sorted({row.seq for row in rows})
        assert rows[-1].seq <= second.upto
        assert [(row.n, row.event) for row in rows if row.payment_id == "pay_a"] == [
            (1, "challenge.opened"),
            (2, "attempt.failed"),
            (3, "payment.created"),
        ]
