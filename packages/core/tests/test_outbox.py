"""What leaves besides a payment is delivered at least once, signed, to one address, and holds up nothing."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from riel.journal import Backlog, Journal, Topic
from riel.testing.journal_contract import ACCOUNT, NOW, SECOND, create_settled
from riel.webhooks.outbound import open_client
from riel.webhooks.outbox import DeliveryTiming, Outbox, Receiver

from .sqlite_support import SqliteFile

pytestmark = pytest.mark.anyio

URL = "https://books.example/riel?hook=s3cr3t-path"
KEY = "a key that nobody guesses"
RHYTHM = DeliveryTiming()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "journal.db")


@pytest.fixture
async def journal(store: SqliteFile) -> AsyncIterator[Journal]:
    journal = await store.open()
    yield journal
    await journal.close()


Answers = Callable[[httpx.Request], Awaitable[httpx.Response] | httpx.Response]


def taken(_: httpx.Request) -> httpx.Response:
    return httpx.Response(204)


@dataclass
class OutboxReceiver:
    """A receiver, and a clock that stands still until it is moved."""

    answers: Answers = taken
    now: datetime = NOW
    got: list[httpx.Request] = field(default_factory=list)

    def outbox(
        self, journal: Journal, *, rhythm: DeliveryTiming = RHYTHM, below: Callable[[int], int] = lambda _: 0
    ) -> Outbox:
        receiver = Receiver(URL, KEY)
        wire = httpx.MockTransport(self.answer)
        return Outbox(journal, receiver, timing=rhythm, now=lambda: self.now, below=below, transport=wire)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        answer = self.answers(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    @property
    def ids(self) -> list[str]:
        return [json.loads(request.content)["id"] for request in self.got]


async def one_round(outbox: Outbox, books: OutboxReceiver) -> bool:
    async with open_client(Receiver(URL, KEY), httpx.MockTransport(books.answer)) as http:
        return await outbox.run_once(http)


async def test_a_notification_says_what_happened_and_is_signed_over_its_time_and_its_bytes(journal: Journal) -> None:
    await create_settled(journal)
    books = OutboxReceiver(now=NOW + 7 * SECOND)
    await one_round(books.outbox(journal), books)
    (request,) = books.got
    assert (request.method, str(request.url), request.headers["Content-Type"]) == ("POST", URL, "application/json")
    told = json.loads(request.content)
    assert (told["id"], told["topic"], told["createdAt"]) == ("pay_a.3", "payment.settled", "2026-03-02T12:00:00.123Z")
    assert (told["body"]["paymentId"], told["body"]["state"], told["body"]["mode"]) == ("pay_a", "settled", "sandbox")
    assert set(told) == {"id", "topic", "createdAt", "body"}
    at = request.headers["Riel-Timestamp"]
    assert (request.headers["Riel-Event-Id"], at) == ("pay_a.3", str(int((NOW + 7 * SECOND).timestamp())))
    digest = hmac.new(KEY.encode(), f"{at}.".encode() + request.content, hashlib.sha256).hexdigest()
    assert request.headers["Riel-Signature"] == f"v1={digest}"
    assert ACCOUNT.encode() not in request.content
    assert KEY not in str(request.headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_what_was_taken_is_sent_once(journal: Journal, status: int) -> None:
    await create_settled(journal)
    books = OutboxReceiver(lambda _: httpx.Response(status))
    outbox = books.outbox(journal)
    for _ in range(3):
        await one_round(outbox, books)
        books.now += timedelta(days=1)
    assert len(books.got) == 1
    assert await journal.backlog() == Backlog(count=0)


def raising(failure: Exception) -> Answers:
    async def answer(_: httpx.Request) -> httpx.Response:
        raise failure

    return answer


FAILURES: dict[str, tuple[Answers, str]] = {
    "redirect": (lambda _: httpx.Response(302, headers={"Location": "https://thief.example/"}), "HTTP 302"),
    "not modified": (lambda _: httpx.Response(304), "HTTP 304"),
    "refused": (lambda _: httpx.Response(400, text=f"bad {KEY}"), "HTTP 400"),
    "gone": (lambda _: httpx.Response(410), "HTTP 410"),
    "broken": (lambda _: httpx.Response(500), "HTTP 500"),
    "no connection": (raising(httpx.ConnectError(f"no route to {URL}")), "ConnectError"),
    "cut off": (raising(httpx.ReadError("reset")), "ReadError"),
    "garbled": (raising(httpx.RemoteProtocolError("what?")), "RemoteProtocolError"),
    "a broken pipe": (raising(BrokenPipeError(URL)), "BrokenPipeError"),
}


@pytest.mark.parametrize("kind", FAILURES)
async def test_what_was_not_taken_comes_again_later_the_same(
    journal: Journal, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    await create_settled(journal)
    answers, why = FAILURES[kind]
    books = OutboxReceiver(answers)
    outbox = books.outbox(journal)
    assert not await one_round(outbox, books), "it is not tried again at once"
    backlog = await journal.backlog()
    assert (backlog.count, backlog.since, backlog.failure, backlog.failed_at) == (1, NOW, why, NOW)
    await one_round(outbox, books)
    assert len(books.got) == 1, "it is not due"
    books.now += RHYTHM.first
    books.answers = taken
    await one_round(outbox, books)
    first, second = books.got
    assert first.content == second.content
    assert first.headers["Riel-Event-Id"] == second.headers["Riel-Event-Id"]
    assert first.headers["Riel-Signature"] != second.headers["Riel-Signature"], "signed with its own time"
    assert await journal.backlog() == Backlog(count=0)
    assert {request.url.host for request in books.got} == {"books.example"}
    assert why in caplog.text
    for secret in (KEY, "s3cr3t-path"):
        assert secret not in caplog.text


async def test_no_answer_in_time_is_a_failure_like_any_other(journal: Journal) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    await create_settled(journal)
    books = OutboxReceiver(never)
    await one_round(books.outbox(journal, rhythm=DeliveryTiming(answer_within=timedelta(milliseconds=1))), books)
    assert (await journal.backlog()).failure == "no answer within 0.001 s"


async def test_what_else_is_answered_is_not_read(journal: Journal) -> None:
    class EndlessBody(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError("somebody reads it")
            yield b""

    await create_settled(journal)
    books = OutboxReceiver(lambda _: httpx.Response(200, stream=EndlessBody()))
    await one_round(books.outbox(journal), books)
    assert await journal.backlog() == Backlog(count=0)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_the_wait_doubles_up_to_its_bound_and_half_of_it_is_chance(chance: float) -> None:
    waits = [RHYTHM.wait(n, lambda m: int(m * chance)) for n in range(1, 40)]
    whole = [min(RHYTHM.longest, RHYTHM.first * 2**n) for n in range(39)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, whole, strict=True))
    assert (waits[0] == RHYTHM.first) == (chance == 0)
    assert waits[-1] >= RHYTHM.longest / 2
    assert RHYTHM.wait(10**9, lambda _: 0) == RHYTHM.longest


async def test_each_failure_waits_longer(journal: Journal) -> None:
    await create_settled(journal)
    books = OutboxReceiver(lambda _: httpx.Response(503))
    outbox = books.outbox(journal)
    for attempts in range(1, 6):
        await one_round(outbox, books)
        assert len(books.got) == attempts
        books.now += RHYTHM.first * 2 ** (attempts - 1) - SECOND
        await one_round(outbox, books)
        assert len(books.got) == attempts, "too early"
        books.now += SECOND


async def test_a_receiver_that_is_down_is_asked_with_one_and_is_told_all_when_it_is_back(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(40):
        await journal.enqueue(f"m{n:02}", Topic.TEST, {}, NOW)
    books = OutboxReceiver(lambda _: httpx.Response(503))
    outbox = books.outbox(journal)
    for expected in (16, 17, 18):
        assert not await one_round(outbox, books), "it is given time"
        assert len(books.got) == expected
    books.answers = taken
    assert await one_round(outbox, books) is True
    while await one_round(outbox, books):
        pass
    books.now += RHYTHM.longest
    while await one_round(outbox, books):
        pass
    assert sorted(set(books.ids)) == [f"m{n:02}" for n in range(40)]
    assert await journal.backlog() == Backlog(count=0)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "16 of 16 notifications were not delivered (HTTP 503): they are sent again",
        "notifications are delivered again",
    ]


async def test_one_that_is_never_taken_holds_up_no_other(journal: Journal) -> None:
    def poisoned(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500 if json.loads(request.content)["id"] == "poison" else 200)

    await journal.enqueue("poison", Topic.TEST, {}, NOW)
    books = OutboxReceiver(poisoned)
    outbox = books.outbox(journal)
    for n in range(5):
        await journal.enqueue(f"m{n}", Topic.TEST, {}, books.now)
        await one_round(outbox, books)
        await one_round(outbox, books)
        books.now += timedelta(hours=2)
    assert (await journal.backlog()).count == 1
    assert {f"m{n}" for n in range(5)} <= set(books.ids)


async def test_two_that_deliver_from_one_journal_send_nothing_twice(journal: Journal, store: SqliteFile) -> None:
    for n in range(50):
        await journal.enqueue(f"m{n:02}", Topic.TEST, {}, NOW)
    other, books = await store.open(), OutboxReceiver()
    outboxes = [books.outbox(journal), books.outbox(other)]
    while any(await asyncio.gather(*(one_round(outbox, books) for outbox in outboxes))):
        pass
    assert sorted(books.ids) == [f"m{n:02}" for n in range(50)]
    await other.close()


async def test_one_that_dies_with_a_notification_loses_nothing(journal: Journal, store: SqliteFile) -> None:
    began = asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    await create_settled(journal)
    books = OutboxReceiver(slow)
    dying = books.outbox(journal)
    dying.start()
    await asyncio.wait_for(began.wait(), 120)
    await dying.close()
    books.answers = taken
    other = await store.open()
    heir = books.outbox(other)
    books.now += RHYTHM.lease - SECOND
    await one_round(heir, books)
    assert len(books.got) == 1, "its lease is not over"
    books.now += SECOND
    await one_round(heir, books)
    assert books.ids == ["pay_a.3", "pay_a.3"]
    assert await other.backlog() == Backlog(count=0)
    await other.close()


async def test_the_lease_outlasts_an_attempt() -> None:
    assert RHYTHM.lease > 2 * RHYTHM.answer_within


async def test_it_goes_on_whatever_happens_in_a_round(
    journal: Journal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug, or a journal that cannot be used now, costs a round and nothing else."""
    from riel.errors import JournalUnavailable

    failures: list[Exception] = [JournalUnavailable("no disk"), RuntimeError(f"a bug with {KEY}")]
    take = journal.lease_messages

    async def failing(*args: object, **kwargs: object) -> object:
        if failures:
            raise failures.pop(0)
        return await take(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "lease_messages", failing)
    await create_settled(journal)
    books = OutboxReceiver()
    outbox = books.outbox(journal, rhythm=DeliveryTiming(poll_interval=timedelta(milliseconds=1)))
    outbox.start()
    async with asyncio.timeout(120):
        while (await journal.backlog()).count:  # noqa: ASYNC110  # it is written in a thread
            await asyncio.sleep(0.005)
    await outbox.close()
    assert len(books.got) == 1
    assert "the journal cannot be used now" in caplog.text
    assert "a round of notifications failed (RuntimeError)" in caplog.text
    assert KEY not in caplog.text


async def test_one_whose_delivery_cannot_be_written_down_does_not_cut_off_the_others(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from riel.errors import JournalUnavailable

    sent = journal.message_sent

    async def unwritten(message_id: str, at: datetime) -> None:
        if message_id == "m0":
            raise JournalUnavailable("no disk")
        await sent(message_id, at)

    monkeypatch.setattr(journal, "message_sent", unwritten)

    async def slowly(request: httpx.Request) -> httpx.Response:
        if b"m1" in request.content:
            await asyncio.sleep(0.01)
        return httpx.Response(200)

    for name in ("m0", "m1"):
        await journal.enqueue(name, Topic.TEST, {}, NOW)
    books = OutboxReceiver(slowly)
    with pytest.raises(JournalUnavailable):
        await one_round(books.outbox(journal), books)
    assert (await journal.backlog()).count == 1, "it is sent again, the other is not"


async def test_what_it_is_told_to_keep_is_not_shown() -> None:
    assert repr(Receiver(URL, KEY)) == "Receiver()"
    assert KEY in Receiver(URL, KEY).secrets


async def test_an_outbox_that_was_never_started_can_be_closed(journal: Journal) -> None:
    await OutboxReceiver().outbox(journal).close()
