"""Whatever a rail does, what is not known is called unknown, and only the rail can make it known."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.loop_clock import pass_loop_time

from riel import (
    FOREVER,
    Answer,
    Money,
    NothingLearned,
    NotSent,
    Prepared,
    Rejected,
    Status,
)
from riel.cli.records import payment_data
from riel.errors import NothingSent
from riel.journal import PaymentRecord, State
from riel.journal.sqlite import SqliteJournal

from .bad_rails.toy import GUARANTEES
from .engine_support import LOST, NOON, PATIENCE, SETTLED, SOON, Gate, Strange, answers, first, working

pytestmark = pytest.mark.anyio

WHATEVER: dict[str, Any] = {
    "an error of its own": Strange("boom"),
    "a bug": KeyError("amount"),
    "a time-out": TimeoutError("somewhere below"),
    "an error of the system": OSError(104, "reset"),
    "a cancellation that nobody asked for": asyncio.CancelledError(),
    "sys.exit": SystemExit(1),
    "a group of errors": ExceptionGroup("several", [ValueError("one"), KeyError("two")]),
    "nothing": None,
    "something else": {"status": "settled"},
    "a status that is none": Answer(status="done"),  # type: ignore[arg-type]
    "facts that are none": Answer(status=Status.SETTLED, facts=["done"]),  # type: ignore[arg-type]
    "facts that are no text": Answer(status=Status.SETTLED, facts={"fee": Money(5, "MXN")}),  # type: ignore[dict-item]
    "a time that is none": Answer(status=Status.SETTLED, settled_at="2026-03-07T12:00:00Z"),  # type: ignore[arg-type]
    "an id that is no text": Answer(status=Status.SETTLED, provider_id=["B-1"]),  # type: ignore[arg-type]
    "a code that is no text": Answer(status=Status.REJECTED, provider_code=None),  # type: ignore[arg-type]
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# What the rail does


@pytest.mark.parametrize("what", WHATEVER)
async def test_whatever_a_send_does_the_outcome_is_unknown_until_it_is_looked_up(tmp_path: Path, what: str) -> None:
    async with working(tmp_path, sends=answers(WHATEVER[what])) as world:
        record = await world.paid(world.request())
        assert record.state is (State.SENDING if what.startswith("a cancellation") else State.UNKNOWN)
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 1


@pytest.mark.parametrize("what", [what for what in WHATEVER if what != "nothing"])
async def test_whatever_a_look_up_does_nothing_is_concluded_from_it(tmp_path: Path, what: str) -> None:
    finds = first(WHATEVER[what], WHATEVER[what], SETTLED)
    async with working(tmp_path, sends=answers(LOST), finds=finds, dedupe="no", dedupe_window=timedelta(0)) as world:
        record = await world.paid(world.request())
        for _ in range(2):
            world.later(hours=2)
            await world.round()
            assert await world.state(record) is State.UNKNOWN
        world.later(hours=2)
        await world.round()
        assert await world.state(record) is State.SETTLED


async def too_long(order: object) -> Any:
    """Answer nothing for as long as a send may take."""
    pass_loop_time(GUARANTEES.send_deadline.total_seconds())
    await asyncio.Event().wait()


async def test_a_send_that_takes_too_long_is_unknown(tmp_path: Path) -> None:
    async with working(tmp_path, sends=too_long) as world:
        record = await world.paid(world.request())
        assert record.state is State.UNKNOWN


async def test_what_never_left_is_rejected_and_may_be_paid_anew(tmp_path: Path) -> None:
    async with working(tmp_path, sends=first(NotSent("no connection"), SETTLED)) as world:
        record = await world.paid(world.request())
        assert (record.state, record.next_at) == (State.REJECTED, None)
        challenge, _ = await world.engine.ask(world.request())
        assert "SECOND" not in challenge.text
        assert (await world.engine.confirm(world.request(), world.person.code(challenge))).state is State.SETTLED


@pytest.mark.parametrize(
    "other", [{"amount": 50_001}, {"currency": "CLP"}, {"account": "9999999999"}], ids=["amount", "currency", "account"]
)
@pytest.mark.parametrize("asked", ["send", "look-up"])
async def test_an_answer_about_something_else_goes_to_an_operator(
    tmp_path: Path, asked: str, other: dict[str, Any]
) -> None:
    wrong = replace(SETTLED, **other)
    sends = answers(wrong if asked == "send" else LOST)
    async with working(tmp_path, sends=sends, finds=answers(wrong)) as world:
        record = await world.paid(world.request())
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.REVIEW
        settled = await world.journal.resolve_manually(
            record.id, State.SETTLED, "otto", "statement of 7 March", world.now
        )
        assert settled is not None
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 1


async def test_an_accepted_payment_settles_when_the_rail_says_so(tmp_path: Path) -> None:
    pending = Answer(status=Status.PENDING, provider_id="B-1")
    async with working(tmp_path, sends=answers(pending), finds=first(pending, SETTLED)) as world:
        record = await world.paid(world.request())
        assert (record.state, record.provider_id) == (State.PENDING, "B-1")
        for _ in range(2):
            world.later(seconds=30)
            await world.round()
        assert await world.state(record) is State.SETTLED
        assert world.client.looked[0].provider_id == "B-1"


async def test_settled_money_that_comes_back_is_returned(tmp_path: Path) -> None:
    back = Answer(status=Status.RETURNED, provider_code="CLOSED")
    async with working(tmp_path, finds=first(SETTLED, back), return_window=timedelta(days=2)) as world:
        record = await world.paid(world.request())
        for _ in range(2):
            world.later(minutes=16)
            await world.round()
        returned = await world.known(record)
        assert (returned.state, returned.code, returned.next_at) == (State.RETURNED, "CLOSED", None)


# After an unknown outcome


async def test_the_same_order_is_sent_once_more_where_the_rail_dedupes_and_does_not_have_it(tmp_path: Path) -> None:
    async with working(tmp_path, sends=first(LOST, SETTLED), finds=answers(None)) as world:
        record = await world.paid(world.request())
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.SETTLED
        one, other = world.client.sent
        assert one == other
        assert await world.story(record) == [
            "challenge.opened",
            "payment.created",
            "payment.unknown",
            "payment.resent",
            "payment.settled",
        ]


async def test_nothing_is_sent_again_outside_the_window(tmp_path: Path) -> None:
    window = timedelta(hours=1)
    async with working(tmp_path, sends=answers(LOST), finds=answers(None), dedupe_window=window) as world:
        record = await world.paid(world.request())
        world.later(minutes=59, seconds=50)  # a send and its margin would not fit any more
        await world.round()
        assert len(world.client.sent) == 1
        assert (await world.known(record)).state is State.REJECTED


@pytest.mark.parametrize(
    ("dedupe", "window", "order_allows", "within"),
    [
        ("by_key", timedelta(days=30), None, timedelta(hours=24)),
        ("by_key", timedelta(hours=3), None, timedelta(hours=3)),
        ("by_key", timedelta(days=30), timedelta(hours=2), timedelta(hours=2)),
        ("by_key", timedelta(hours=3), timedelta(hours=5), timedelta(hours=3)),
        ("no", timedelta(0), timedelta(hours=2), timedelta(0)),
    ],
)
async def test_an_order_goes_again_for_a_day_at_most_and_no_longer_than_its_rail_and_it_itself_allow(
    tmp_path: Path, dedupe: str, window: timedelta, order_allows: timedelta | None, within: timedelta
) -> None:
    """A person confirmed the payment for today, however long the provider recognises it."""
    rules = {"dedupe": dedupe, "dedupe_window": window, "absence_after": None}
    async with working(tmp_path, sends=answers(LOST), finds=answers(None), **rules) as world:
        until = None if order_allows is None else NOON + order_allows
        world.client.prepares = lambda draft, references: Prepared(reference="R1", resend_until=until)
        record = await world.paid(world.request())
        assert record.resend_until == NOON + within
        world.now = record.resend_until
        await world.round()
        assert len(world.client.sent) == 1


async def test_nothing_is_ever_sent_again_where_the_rail_does_not_dedupe(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=answers(LOST), finds=answers(None), dedupe="no", dedupe_window=timedelta(0)
    ) as world:
        record = await world.paid(world.request())
        world.later(seconds=30)
        await world.round()
        assert await world.state(record) is State.UNKNOWN
        world.later(minutes=2)
        await world.round()
        assert (await world.known(record)).state is State.REJECTED
        assert len(world.client.sent) == 1


async def test_where_nothing_can_be_learned_an_operator_is_asked(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=answers(LOST), dedupe="no", dedupe_window=timedelta(0), lookup="no", absence_after=None
    ) as world:
        record = await world.paid(world.request())
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.REVIEW
        world.later(days=30)
        await world.round()
        assert world.client.looked == []
        assert len(world.client.sent) == 1


async def test_a_rail_that_cannot_be_asked_is_sent_the_same_order_again(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=first(LOST, LOST, SETTLED), lookup="no", absence_after=None, dedupe_window=FOREVER
    ) as world:
        record = await world.paid(world.request())
        for _ in range(2):
            world.later(minutes=10)
            await world.round()
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 3
        assert len({(order.reference, order.body) for order in world.client.sent}) == 1


async def test_a_refusal_of_a_repeated_send_proves_nothing_unless_the_rail_stores_refusals(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=first(LOST, Rejected("NO")), finds=first(None, SETTLED), refusals_stored=False
    ) as world:
        record = await world.paid(world.request())
        world.later(seconds=2)
        await world.round()
        assert await world.state(record) is State.UNKNOWN
        world.later(seconds=10)
        await world.round()
        assert await world.state(record) is State.SETTLED


async def test_a_rejected_payment_that_settles_after_all_is_corrected_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(
        tmp_path, sends=answers(LOST), finds=first(None, SETTLED), dedupe="no", dedupe_window=timedelta(0)
    ) as world:
        record = await world.paid(world.request())
        world.later(minutes=3)
        await world.round()
        assert await world.state(record) is State.REJECTED
        world.later(minutes=10)
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert (await world.story(record))[-2:] == ["payment.never_arrived", "payment.late_settlement"]
    assert any("has settled after all" in one.message for one in caplog.records)


async def test_a_rejected_payment_is_watched_no_longer_than_the_rail_says(tmp_path: Path) -> None:
    async with working(
        tmp_path, sends=answers(LOST), finds=answers(None), dedupe="no", dedupe_window=timedelta(0)
    ) as world:
        record = await world.paid(world.request())
        for _ in range(20):
            world.later(minutes=6)
            await world.round()
        assert (await world.known(record)).next_at is None
        looked = len(world.client.looked)
        world.later(days=1)
        await world.round()
        assert len(world.client.looked) == looked


async def test_look_ups_grow_rarer(tmp_path: Path) -> None:
    nothing = NothingLearned("overloaded")
    async with working(tmp_path, sends=answers(LOST), finds=answers(nothing)) as world:
        await world.paid(world.request())
        for _ in range(1200):
            world.later(seconds=1)
            await world.engine.run_once()
            await world.quiet()
        assert 8 <= len(world.client.looked) <= 18


async def test_a_round_that_fails_is_followed_by_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    failing = asyncio.Event()

    class FailingClient:
        def __init__(self, journal: SqliteJournal) -> None:
            self._journal = journal

        def __getattr__(self, name: str) -> Any:
            return getattr(self._journal, name)

        async def claim(self, *what: Any, **how: Any) -> Any:
            if not failing.is_set():
                failing.set()
                raise OSError("no more files")
            return await self._journal.claim(*what, **how)

    async with working(tmp_path, sends=answers(LOST), journal=FailingClient) as world:
        record = await world.paid(world.request())
        world.later(hours=1)
        world.engine.start()
        async with asyncio.timeout(PATIENCE):
            while await world.state(record) is not State.SETTLED:  # noqa: ASYNC110  # the journal tells nobody
                await asyncio.sleep(0.01)
    assert "recovery of the payments of 'toy' failed (OSError)" in caplog.text


# Refunds


async def test_a_refund_lives_as_a_payment_does(tmp_path: Path) -> None:
    async with working(tmp_path, refunds=first(LOST, SETTLED), finds=answers(None)) as world:
        paid = await world.paid(world.request())
        refund = await world.paid(world.refund_request(paid, 20_000))
        assert (refund.kind, refund.refund_of, refund.state) == ("refund", paid.id, State.UNKNOWN)
        world.later(seconds=2)
        await world.round()
        assert await world.state(refund) is State.SETTLED
        assert (await world.known(paid)).refunded == 20_000
        one, other = world.client.refunded
        assert one == other
        assert one.original is not None
        assert (one.original.reference, one.reference) == (paid.reference, refund.reference)
        assert len(world.client.sent) == 1


async def test_no_more_is_refunded_than_was_paid(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        paid = await world.paid(world.request(50_000))
        calls = [world.refund_request(paid, amount) for amount in (20_000, 20_001, 20_002)]
        codes = [await world.asked(request) for request in calls]
        ended = await asyncio.gather(*map(world.engine.confirm, calls, codes), return_exceptions=True)
        await world.quiet()
        assert sum(isinstance(one, PaymentRecord) for one in ended) == 2
        (refused,) = (one for one in ended if isinstance(one, NothingSent))
        left = 50_000 - sum(order.money.amount for order in world.client.refunded)
        assert (refused.error.code, refused.error.details) == ("REFUND_EXCEEDS_PAYMENT", {"refundable": left})
        assert (await world.known(paid)).refunded <= 50_000
        assert len(world.client.refunded) == 2


async def test_what_a_rejected_refund_held_is_free_once_it_is_watched_no_more_and_what_an_unknown_one_holds_is_not(
    tmp_path: Path,
) -> None:
    watched = timedelta(hours=1)
    refunds, finds = first(Rejected("NO"), LOST, SETTLED), answers(None)
    async with working(tmp_path, refunds=refunds, finds=finds, late_arrival_window=watched) as world:
        paid = await world.paid(world.request(50_000))
        rejected = await world.paid(world.refund_request(paid, 50_000))
        assert rejected.state is State.REJECTED
        early = world.refund_request(paid, 40_000)
        with pytest.raises(NothingSent) as refused:
            await world.engine.confirm(early, await world.asked(early))
        details = {"refundable": 0, "watchedUntil": "2026-03-07T13:00:00Z"}
        assert (refused.value.error.code, refused.value.error.details) == ("REFUND_EXCEEDS_PAYMENT", details)
        world.later(hours=1)
        await world.round()  # the last look-up of the watch: the rail does not know it
        assert (await world.paid(world.refund_request(paid, 40_000))).state is State.UNKNOWN
        too_much = world.refund_request(paid, 10_001)
        assert await world.refusal(too_much, await world.asked(too_much)) == "REFUND_EXCEEDS_PAYMENT"
        assert (await world.paid(world.refund_request(paid, 10_000))).state is State.SETTLED


async def test_only_what_has_settled_is_refunded(tmp_path: Path) -> None:
    async with working(tmp_path, sends=answers(LOST)) as world:
        paid = await world.paid(world.request())
        refund = world.refund_request(paid, 50_000)
        assert await world.refusal(refund, await world.asked(refund)) == "NOT_REFUNDABLE"
        assert world.client.refunded == []


async def test_the_providers_id_is_stored_whole_and_shown_masked(tmp_path: Path) -> None:
    provider_id = "B-0123456789-7"
    pending = Answer(status=Status.PENDING, provider_id=provider_id)
    async with working(tmp_path, sends=answers(pending), finds=answers(pending)) as world:
        record = await world.paid(world.request())
        assert record.provider_id == provider_id
        world.later(hours=1)
        await world.round()
        assert world.client.looked[0].provider_id == provider_id
        events = str([event.body for event in await world.journal.events(record.id)])
    assert "B-" in events
    assert "0123456789" not in events
    assert "0123456789" not in str(payment_data(record))


@pytest.mark.parametrize("odd", ["B\n1", "B\u202e1", "B" * 201, "B-a-secret-1"])
async def test_an_id_that_cannot_be_stored_whole_is_not_stored(tmp_path: Path, odd: str) -> None:
    settled = Answer(status=Status.SETTLED, provider_id=odd)
    hides = lambda text: text.replace("a-secret", "[hidden]")  # noqa: E731
    async with working(tmp_path, sends=answers(settled), clean=hides) as world:
        record = await world.paid(world.request())
        assert (record.state, record.provider_id) == (State.SETTLED, "")


async def test_what_has_left_is_answered_and_written_before_a_stop_ends(tmp_path: Path) -> None:
    gate = Gate()
    async with working(tmp_path, sends=gate, answer_within=SOON) as world:
        record = await world.engine.confirm(world.request(), await world.asked(world.request()))
        assert record.state is State.SENDING
        written: list[State] = []
        close = world.journal.close

        async def closing() -> None:
            if not written:
                written.append(await world.state(record))
            await close()

        world.journal.close = closing  # type: ignore[method-assign]
        stopping = asyncio.create_task(world.engine.close(timedelta(seconds=PATIENCE)))
        await asyncio.sleep(0.01)
        assert not stopping.done()
        gate.open.set()
        await stopping
        assert written == [State.SETTLED]
