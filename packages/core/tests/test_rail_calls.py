"""Each call of a rail's own code is bounded, contained and checked; its failure is logged once, with its place."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.loop_clock import pass_loop_time

from riel import Answer, Draft, NothingLearned, NotSent, OutcomeUnknown, Prepared, ReferenceSource, Rejected
from riel.errors import NothingSent
from riel.http.wire import current_wire
from riel.journal import State
from riel.payments import rail_calls
from riel.payments.clients import Clients
from riel.payments.rules import NEVER_SENT
from riel.rail import WebhookResult
from riel.rail.statement import Statement

from .bad_rails.toy import GUARANTEES, ToyRefund
from .engine_support import LOST, NOON, SETTLED, SETTLES, EngineFixture, answers, working

pytestmark = pytest.mark.anyio

HERE = "tests/engine_support.py, line "
SECRET = "sk_live_secret"


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


WRONG_ANSWERS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "it returned NoneType and not Answer"),
    "a dict": ({"status": "settled"}, "it returned dict and not Answer"),
    "a word for a status": (Answer(status="settled"), "status is no riel.Status"),  # type: ignore[arg-type]
    "a float": (replace(SETTLED, amount=500.0), "amount is no int of minor units"),  # type: ignore[type-var]
    "a bool": (replace(SETTLED, amount=True), "amount is no int of minor units"),
    "a number for a currency": (replace(SETTLED, currency=484), "currency or account is no string"),
    "a number for an id": (replace(SETTLED, provider_id=7), "provider_id, provider_code or provider_message"),
    "a number for a fact": (replace(SETTLED, facts={"folio": 7}), "facts are not strings by name"),
    "a list of facts": (replace(SETTLED, facts=["folio"]), "facts are not strings by name"),
    "a text for a time": (replace(SETTLED, settled_at="noon"), "settled_at is no datetime"),
}


@pytest.mark.parametrize("wrong", WRONG_ANSWERS)
async def test_a_wrong_answer_to_a_send_leaves_the_outcome_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    answer, problem = WRONG_ANSWERS[wrong]
    async with working(tmp_path, sends=answers(answer)) as world:
        record = await world.paid(world.request())
        assert record.state is State.UNKNOWN
        event = (await world.journal.events(record.id))[-1]
        assert "the rail failed: " in str(event.body)
    (line,) = logged(caplog)
    assert line.startswith("the rail 'toy' (rail-toy 1) failed in send: ")
    assert problem in line


@pytest.mark.parametrize("wrong", [one for one in WRONG_ANSWERS if one != "nothing"])
async def test_a_wrong_answer_to_a_look_up_teaches_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    answer, problem = WRONG_ANSWERS[wrong]
    async with working(tmp_path, sends=answers(LOST), finds=answers(answer)) as world:
        record = await world.paid(world.request())
        world.later(seconds=5)
        await world.round()
        assert await world.state(record) is State.UNKNOWN
    (line,) = logged(caplog)
    assert line.startswith("the rail 'toy' (rail-toy 1) failed in status: ")
    assert problem in line


async def test_an_instant_without_a_zone_is_dropped_and_logged_and_the_money_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    naive = replace(SETTLED, settled_at=datetime(2026, 3, 2, 6))  # noqa: DTZ001
    async with working(tmp_path, sends=answers(naive)) as world:
        record = await world.paid(world.request())
        assert (record.state, record.settled_at) == (State.SETTLED, NOON)
    (line,) = logged(caplog)
    assert "settled_at has no time zone" in line


@pytest.mark.parametrize("failure", [KeyError(SECRET), SystemExit(SECRET), RuntimeError(SECRET)])
async def test_a_bug_in_a_send_is_logged_once_with_its_place_and_is_no_lost_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, failure: BaseException
) -> None:
    async with working(tmp_path, sends=answers(failure)) as world:
        record = await world.paid(world.request())
        assert record.state is State.UNKNOWN
        reason = str((await world.journal.events(record.id))[-1].body)
    (line,) = logged(caplog)
    assert line.startswith(f"the rail 'toy' (rail-toy 1) failed in send: {type(failure).__name__} in ")
    assert HERE in line
    assert f"the rail failed: {type(failure).__name__} in" in reason
    assert "answer" not in reason
    assert SECRET not in caplog.text + reason


async def test_what_a_send_may_raise_is_no_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number, outcome in enumerate((Rejected("NO"), NotSent("down"), OutcomeUnknown("cut"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with working(folder, sends=answers(outcome)) as world:
            await world.paid(world.request())
    assert logged(caplog) == []


async def test_a_rail_that_says_nothing_was_sent_is_not_believed_where_a_request_was(tmp_path: Path) -> None:
    async def send(order: object) -> Any:
        current_wire().requests += 1
        raise NotSent("the second request found no host")

    async with working(tmp_path, sends=send) as world:
        assert (await world.paid(world.request())).state is State.UNKNOWN


async def test_a_look_up_may_say_that_nothing_was_learned(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with working(tmp_path, sends=answers(LOST), finds=answers(NothingLearned("HTTP 503"))) as world:
        record = await world.paid(world.request())
        outcome = await rail_calls.look_up(world.engine.context, record, record.order())
        assert isinstance(outcome, NothingLearned)
        assert str(outcome) == "HTTP 503"
    assert logged(caplog) == []


async def hang(order: object) -> Any:
    """Answer nothing for as long as a send or a look-up may take."""
    pass_loop_time(GUARANTEES.send_deadline.total_seconds())
    await asyncio.Event().wait()


async def test_a_send_and_a_look_up_end_in_time(tmp_path: Path) -> None:
    async with working(tmp_path, sends=hang, finds=hang) as world:
        record = await world.paid(world.request())
        assert record.state is State.UNKNOWN
        outcome = await rail_calls.look_up(world.engine.context, record, record.order())
        assert isinstance(outcome, NothingLearned)


@pytest.mark.parametrize("looks", [[0, 10], [0, 5, 10]], ids=["before the call", "in the call"])
async def test_an_order_that_was_held_up_never_leaves_where_the_clock_of_the_day_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: list[int]
) -> None:
    """By the clock of the day no time has passed; by that of the loop, the deadline of a send is over."""
    async with working(tmp_path, send_deadline=timedelta(seconds=10)) as world:
        code = await world.asked(world.request())
        seconds = chain(looks, repeat(looks[-1]))
        loop = SimpleNamespace(time=lambda: float(next(seconds)))
        clocks = SimpleNamespace(get_running_loop=lambda: loop, timeout=asyncio.timeout)
        monkeypatch.setattr(rail_calls, "asyncio", clocks)
        record = await world.engine.confirm(world.request(), code)
        await world.quiet()
        assert (record.state, record.code) == (State.REJECTED, NEVER_SENT)
    assert world.client.sent == []


WRONG_ORDERS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "it returned NoneType and not Prepared"),
    "no reference": (Prepared(reference=""), "it returned no reference"),
    "a number": (Prepared(reference=7), "it returned no reference"),  # type: ignore[arg-type]
    "a text for a body": (Prepared(reference="R1", body="R1"), "body is not bytes"),  # type: ignore[arg-type]
    "facts": (Prepared(reference="R1", facts={"a": 1}), "facts are not strings by name"),  # type: ignore[dict-item]
    "no zone": (Prepared(reference="R1", resend_until=datetime(2026, 3, 2)), "no time zone"),  # noqa: DTZ001
}


@pytest.mark.parametrize("wrong", WRONG_ORDERS)
async def test_a_wrong_order_is_not_sent(tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: str) -> None:
    prepared, problem = WRONG_ORDERS[wrong]
    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        world.client.prepares = lambda draft, references: prepared
        assert await world.refusal(world.request(), code) == "RAIL_BROKEN"
        assert world.client.sent == []
    (line,) = logged(caplog)
    assert line.startswith("the rail 'toy' (rail-toy 1) failed in prepare: ")
    assert problem in line


async def test_a_bug_in_preparing_names_its_place_and_a_refusal_stays_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(draft: Draft, references: ReferenceSource) -> Prepared:
        raise KeyError(SECRET)

    def refuses(draft: Draft, references: ReferenceSource) -> Prepared:
        raise NotSent("not today")

    async with working(tmp_path) as world:
        code = await world.asked(world.request())
        world.client.prepares = refuses
        assert await world.refusal(world.request(), code) == "RAIL_UNREACHABLE"
        world.client.prepares = fails
        with pytest.raises(
            NothingSent, match=r"it could not prepare the payment \(KeyError in .*test_rail_calls.py, line"
        ):
            await world.engine.confirm(world.request(), code)
    assert len(logged(caplog)) == 1
    assert SECRET not in caplog.text


@pytest.mark.parametrize("result", ["a payment", 7, {"amount": 1}])
async def test_a_return_that_is_no_payment_is_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, result: object
) -> None:
    async def build_return(refund: object) -> object:
        return result

    async with working(tmp_path) as world:
        world.client.build_return = build_return  # type: ignore[attr-defined]
        with pytest.raises(NothingSent, match="could not find the payment that was received"):
            await world.engine.build_return("toy", ToyRefund(tracking_key="IN1", reason="Twice"))
    (line,) = logged(caplog)
    assert "failed in build_return: it returned" in line


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (None, "it returned NoneType and not WebhookResult"),
        (WebhookResult(references=["R1"]), "no tuple of strings"),  # type: ignore[arg-type]
        (WebhookResult(status=True), "no HTTP status"),
        (WebhookResult(status=99), "no HTTP status"),
        (WebhookResult(body="{}"), "body is not bytes"),  # type: ignore[arg-type]
    ],
)
async def test_a_webhook_that_was_read_wrongly_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, result: Any, problem: str
) -> None:
    async with working(tmp_path, declares={"parse_webhook": lambda *what: result}) as world:
        assert rail_calls.parse_webhook(world.rail, {}, b"{}") is None
    (line,) = logged(caplog)
    assert "failed in parse_webhook: " in line
    assert problem in line


@pytest.mark.parametrize("name", ["parse_webhook", "manual_refund", "docs_server"])
async def test_a_bug_in_what_a_rail_declares_is_logged_with_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    def fails(*what: object) -> Any:
        raise ValueError(SECRET)

    calls: dict[str, Callable[[EngineFixture], object]] = {
        "parse_webhook": lambda world: rail_calls.parse_webhook(world.rail, {}, b""),
        "manual_refund": lambda world: rail_calls.manual_refund(world.rail, None),  # type: ignore[arg-type]
        "docs_server": lambda world: rail_calls.docs_server(world.rail),
    }
    async with working(tmp_path, declares={name: fails}) as world:
        assert not calls[name](world)
    (line,) = logged(caplog)
    assert line.startswith(f"the rail 'toy' (rail-toy 1) failed in {name}: ValueError in ")
    assert "test_rail_calls.py, line" in line
    assert SECRET not in caplog.text


async def test_a_statement_ends_in_time(tmp_path: Path) -> None:
    class SlowStatements:
        async def statement(self, day: object) -> Statement:
            await asyncio.Event().wait()
            raise AssertionError

    async with working(tmp_path, sends=SETTLES) as world:
        with pytest.raises(NothingLearned, match="no answer within the deadline"):
            await rail_calls.statement(world.rail, SlowStatements(), NOON.date(), timedelta(milliseconds=20))  # type: ignore[arg-type]


async def test_a_client_that_does_not_open_names_its_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    opens = False

    async def connecting() -> None:
        if not opens:
            raise RuntimeError(SECRET)

    async with working(tmp_path, connecting=connecting) as world:
        code = await world.asked(world.request())
        assert await world.refusal(world.request(), code) == "RAIL_BROKEN"
        (line,) = logged(caplog)
        assert line.startswith("the rail 'toy' (rail-toy 1) failed in connect: RuntimeError in ")
        opens = True
        assert (await world.engine.confirm(world.request(), code)).state is State.SETTLED
    assert SECRET not in caplog.text


async def test_a_client_closes_in_its_own_way_within_the_time_it_is_given(tmp_path: Path) -> None:
    last: list[str] = []

    def connecting(goodbye: Callable[[], Awaitable[Any]]) -> Any:
        @asynccontextmanager
        async def connect(settings: object, http: object) -> AsyncIterator[object]:
            yield object()
            try:
                await goodbye()
                last.append("closed")
            except asyncio.CancelledError:
                last.append("given up")
                raise

        return connect

    async with working(tmp_path) as world:
        for goodbye, grace in ((lambda: asyncio.sleep(0), timedelta(hours=1)), (asyncio.Event().wait, timedelta(0))):
            rail = replace(world.rail, declaration=replace(world.rail.declaration, connect=connecting(goodbye)))
            clients = Clients({"toy": rail})
            await clients.of("toy")
            await clients.close(grace)
    assert last == ["closed", "given up"]
