"""What providers write is a hint: it makes riel ask the rail, and moves nothing by itself."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from riel import Answer, Rejected, Status, WebhookResult
from riel.errors import JournalUnavailable, Misconfigured
from riel.journal import State
from riel.journal.sqlite import SqliteJournal
from riel.payments.engine import MAX_RECOVERING
from riel.redaction import Redactor
from riel.webhooks.inbound import MAX_BODY, MAX_REFERENCES, receive_webhooks

from .doors_support import SECRET
from .engine_support import PATIENCE, SETTLED, SETTLES, EngineFixture, Gate, answers, first, working

pytestmark = pytest.mark.anyio

PENDING = Answer(status=Status.PENDING)
RETURNED = Answer(status=Status.RETURNED)
HEARD = b'{"heard": true}'


def hear(settings: Any, headers: Mapping[str, str], body: bytes) -> WebhookResult:
    """The payments under ``of``, whatever else it says."""
    try:
        references = json.loads(body)["of"]
    except ValueError:
        return WebhookResult(status=422, body=b"no")
    return WebhookResult(references=tuple(references), body=HEARD)


@dataclass
class Provider:
    """Writes to riel over real HTTP."""

    world: EngineFixture
    http: httpx.AsyncClient

    async def writes(self, *references: str, **other: Any) -> httpx.Response:
        """There is news of these payments; wait until riel has looked into it."""
        answer = await self.http.post("/webhooks/toy", content=json.dumps({"of": references, **other}))
        await self.world.quiet()
        return answer


@asynccontextmanager
async def heard(
    folder: Path, hear: Callable[..., Any] = hear, *, lives: float = PATIENCE, most: int = 100, **world: Any
) -> AsyncIterator[Provider]:
    """A world whose provider can write to it."""
    async with (
        working(folder, declares={"parse_webhook": hear}, **world) as works,
        receive_webhooks(works.engine, "127.0.0.1", 0, Redactor([SECRET]), lives=lives, most=most) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as http,
    ):
        yield Provider(works, http)


async def test_a_wrong_webhook_secret_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    signed = {"right": False}

    def checks(settings: object, headers: object, body: bytes) -> WebhookResult:
        return WebhookResult() if signed["right"] else WebhookResult(status=400, body=b"{}")

    async with heard(tmp_path, checks) as provider:
        for right in (False, False, True, False, False):
            signed["right"] = right
            assert (await provider.writes()).status_code == (200 if right else 400)
    said = [record.getMessage() for record in caplog.records if "webhook secret" in record.getMessage()]
    assert len(said) == 2, "once, and once more after it had been right"
    assert said[0].startswith("the rail 'toy' refused a webhook (HTTP 400): ")


# What a hint does


async def test_a_hint_moves_a_pending_payment_by_a_look_up(tmp_path: Path) -> None:
    async with heard(tmp_path, sends=answers(PENDING)) as provider:
        world = provider.world
        paid = await world.paid(world.request())
        assert paid.state is State.PENDING
        answer = await provider.writes(paid.reference)
        assert (answer.status_code, answer.content) == (200, HEARD)
        assert await world.state(paid) is State.SETTLED
        assert len(world.client.looked) == 1


async def test_a_forged_settlement_moves_nothing(tmp_path: Path) -> None:
    async with heard(tmp_path, sends=answers(PENDING), finds=answers(PENDING)) as provider:
        world = provider.world
        paid = await world.paid(world.request())
        before = await world.story(paid)
        answer = await provider.writes(paid.reference, status="settled", state="settled")
        assert answer.status_code == 200
        assert await world.state(paid) is State.PENDING
        assert await world.story(paid) == before


async def test_a_forged_return_of_a_settled_payment_moves_nothing(tmp_path: Path) -> None:
    async with heard(tmp_path) as provider:
        paid = await provider.world.paid(provider.world.request())
        await provider.writes(paid.reference, status="returned")
        assert await provider.world.state(paid) is State.SETTLED


async def test_a_forged_rejection_moves_nothing_where_the_rail_does_not_answer(tmp_path: Path) -> None:
    async with heard(tmp_path, sends=answers(PENDING), finds=answers(TimeoutError())) as provider:
        paid = await provider.world.paid(provider.world.request())
        await provider.writes(paid.reference, status="rejected")
        assert await provider.world.state(paid) is State.PENDING


async def test_a_return_is_found_long_after_anything_was_expected(tmp_path: Path) -> None:
    async with heard(tmp_path, finds=answers(RETURNED)) as provider:
        world = provider.world
        paid = await world.paid(world.request())
        assert (paid.state, paid.next_at) == (State.SETTLED, None)
        world.later(days=40)
        await world.round()
        assert world.client.looked == []
        await provider.writes(paid.reference)
        assert await world.state(paid) is State.RETURNED
        assert (await world.journal.verify())[1] is None


@pytest.mark.parametrize("late", [SETTLED, PENDING, RETURNED])
async def test_what_was_rejected_and_happened_after_all_is_found(tmp_path: Path, late: Answer) -> None:
    never_watched = {"late_arrival_window": timedelta(0), "sends": answers(Rejected("NO"))}
    async with heard(tmp_path, finds=answers(late), **never_watched) as provider:
        paid = await provider.world.paid(provider.world.request())
        assert (paid.state, paid.next_at) == (State.REJECTED, None)
        await provider.writes(paid.reference)
        assert await provider.world.state(paid) is State(late.status.value)
        assert (await provider.world.journal.verify())[1] is None


async def test_a_rail_that_cannot_look_up_is_not_asked(tmp_path: Path) -> None:
    async with heard(tmp_path, sends=answers(PENDING), lookup="no", absence_after=None) as provider:
        paid = await provider.world.paid(provider.world.request())
        assert (await provider.writes(paid.reference)).status_code == 200
        assert (provider.world.client.looked, await provider.world.state(paid)) == ([], State.PENDING)


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
async def test_a_web_page_cannot_write_as_a_provider(tmp_path: Path, header: str) -> None:
    async with heard(tmp_path, sends=answers(PENDING)) as provider:
        paid = await provider.world.paid(provider.world.request())
        forged = json.dumps({"of": [paid.reference]})
        answer = await provider.http.post("/webhooks/toy", content=forged, headers={header: "http://evil.example"})
        await provider.world.quiet()
        assert (answer.status_code, provider.world.client.looked) == (403, [])


# However often


async def test_a_flood_of_the_same_hint_asks_the_rail_once_and_once_more_when_it_is_time(tmp_path: Path) -> None:
    async with heard(tmp_path) as provider:
        world = provider.world
        paid = await world.paid(world.request())
        await asyncio.gather(*(provider.writes(*[paid.reference] * 50) for _ in range(20)))
        assert len(world.client.looked) == 1
        for _ in range(3):
            await world.round()
        assert len(world.client.looked) == 1
        for _ in range(3):
            world.later(seconds=2)
            await world.round()
        assert len(world.client.looked) == 2


async def test_the_rail_is_asked_no_sooner_than_it_can_know_better(tmp_path: Path) -> None:
    async with heard(tmp_path, lookup_lag=timedelta(seconds=30)) as provider:
        world = provider.world
        paid = await world.paid(world.request())
        for _ in range(20):
            await provider.writes(paid.reference)
            world.later(seconds=2)
            await world.round()
        assert len(world.client.looked) == 2


async def test_news_that_comes_just_after_a_look_is_not_forgotten(tmp_path: Path) -> None:
    """Nothing more is expected of it, so nobody else would ever ask again."""
    rejected = Answer(status=Status.REJECTED, provider_code="NO")
    never_watched = {"late_arrival_window": timedelta(0), "sends": answers(Rejected("NO"))}
    async with heard(tmp_path, finds=first(rejected, SETTLED), **never_watched) as provider:
        world = provider.world
        paid = await world.paid(world.request())
        await provider.writes(paid.reference)
        await provider.writes(paid.reference)
        assert await world.state(paid) is State.REJECTED
        world.later(seconds=2)
        await world.round()
        assert await world.state(paid) is State.SETTLED


async def test_news_that_comes_while_the_rail_is_asked_is_not_forgotten(tmp_path: Path) -> None:
    gate = Gate()
    async with heard(tmp_path, finds=gate) as provider:
        world = provider.world
        paid = await world.paid(world.request())
        body = json.dumps({"of": [paid.reference]})
        await provider.http.post("/webhooks/toy", content=body)
        await until(lambda: len(world.client.looked) == 1)
        await provider.http.post("/webhooks/toy", content=body)
        gate.open.set()
        await world.quiet()
        world.later(seconds=2)
        await world.round()
        assert len(world.client.looked) == 2


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110  # what another task does, of which nobody tells
            await asyncio.sleep(0.001)


async def test_many_payments_at_once_are_asked_after_some_at_a_time(tmp_path: Path) -> None:
    gate, many = Gate(), MAX_RECOVERING + 8
    async with heard(tmp_path, finds=gate) as provider:
        world = provider.world
        references = [(await world.paid(world.request(amount))).reference for amount in range(1, many + 1)]
        await provider.http.post("/webhooks/toy", content=json.dumps({"of": references}))
        await until(lambda: len(world.client.looked) >= MAX_RECOVERING)
        await world.engine.run_once()
        assert len(world.client.looked) == MAX_RECOVERING
        gate.open.set()
        await world.quiet()
        await world.round()
        assert {order.reference for order in world.client.looked} == set(references)


async def test_one_message_speaks_of_so_many_payments_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with heard(tmp_path) as provider:
        paid = await provider.world.paid(provider.world.request())
        others = [f"R{n}" for n in range(MAX_REFERENCES)]
        assert (await provider.writes(*others, paid.reference)).status_code == 200
        assert provider.world.client.looked == []
        assert f"speaks of {MAX_REFERENCES + 1} payments in one message: too many" in caplog.text
        await provider.writes(*others[1:], paid.reference)
        assert len(provider.world.client.looked) == 1


# Whatever is written


UNKNOWN = {
    "nobody's": "R-NOBODY",
    "controls": "R\x1b[2J\nERROR forged line\x00",
    "an order to read backwards": "R\u202e123",
    "half a character": "R\ud800",
    "very long": "R" * 5_000,
    "a secret": f"R-{SECRET}",
    "nothing": "",
}


@pytest.mark.parametrize("which", UNKNOWN)
async def test_a_reference_that_is_not_ours_is_logged_in_one_clean_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, which: str
) -> None:
    async with heard(tmp_path) as provider:
        answer = await provider.writes(UNKNOWN[which])
        assert (answer.status_code, answer.content) == (200, HEARD)
        assert provider.world.client.looked == []
    (line,) = [record.getMessage() for record in caplog.records if record.name == "riel.webhooks.inbound"]
    assert "no payment" in line
    assert line.isprintable()
    assert len(line) < 200
    assert SECRET not in line


async def test_a_message_full_of_strange_references_is_one_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with heard(tmp_path) as provider:
        await provider.writes(*(f"R{n}" for n in range(50)))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "R0 and 49 more" in line


async def test_what_the_rail_cannot_read_gets_the_rails_own_answer(tmp_path: Path) -> None:
    async with heard(tmp_path) as provider:
        answer = await provider.http.post("/webhooks/toy", content=b"\xff{")
        assert (answer.status_code, answer.content) == (422, b"no")


async def test_the_rail_hears_its_settings_the_headers_in_lower_case_and_the_very_bytes(tmp_path: Path) -> None:
    told: list[Any] = []

    def listens(*what: Any) -> WebhookResult:
        told.append(what)
        return WebhookResult()

    async with heard(tmp_path, listens) as provider:
        body = bytes(range(256))
        await provider.http.post("/webhooks/toy", content=body, headers={"X-Signature": "ABC"})
        ((settings, headers, got),) = told
        assert settings is provider.world.rail.settings
        assert (headers["x-signature"], got) == ("ABC", body)


@pytest.mark.parametrize(
    "answer",
    [
        ValueError(f"no {SECRET}"),
        SystemExit(3),
        None,
        {"references": ()},
        WebhookResult(references="R1"),  # type: ignore[arg-type]
        WebhookResult(references=(1,)),  # type: ignore[arg-type]
        WebhookResult(status="200"),  # type: ignore[arg-type]
        WebhookResult(status=99),
        WebhookResult(status=101),
        WebhookResult(body="ok"),  # type: ignore[arg-type]
    ],
    ids=repr,
)
async def test_a_rail_that_fails_to_hear_answers_400_and_stops_nobody(
    tmp_path: Path, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def listens(*_: object) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async with heard(tmp_path, listens) as provider:
        for _ in range(2):
            assert (await provider.http.post("/webhooks/toy", content=b"{}")).status_code == 400
    assert "'toy'" in caplog.text
    assert SECRET not in caplog.text


async def test_a_message_may_be_so_long_and_no_longer(tmp_path: Path) -> None:
    lengths: list[int] = []

    def listens(settings: object, headers: object, body: bytes) -> WebhookResult:
        lengths.append(len(body))
        return WebhookResult()

    async with heard(tmp_path, listens) as provider:
        assert (await provider.http.post("/webhooks/toy", content=b"a" * MAX_BODY)).status_code == 200
        assert (await provider.http.post("/webhooks/toy", content=b"a" * (MAX_BODY + 1))).status_code == 413
        assert lengths == [MAX_BODY]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/webhooks/toy", 405),
        ("PUT", "/webhooks/toy", 405),
        ("GET", "/", 404),
        ("POST", "/", 404),
        ("POST", "/webhooks/", 404),
        ("POST", "/webhooks/other", 404),
        ("POST", "/webhooks/toy/", 404),
        ("POST", "/webhooks/toy/../other", 404),
        ("POST", "/webhooks//toy", 404),
        ("POST", "/webhooks/toy%00", 404),
        ("POST", "/toy", 404),
        ("POST", "/webhooks/toy?of=R1", 200),
    ],
)
async def test_there_is_one_door_for_each_rail(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with heard(tmp_path) as provider:
        url = httpx.URL(provider.http.base_url).copy_with(raw_path=path.encode())
        assert (await provider.http.request(method, url, content=b'{"of": []}')).status_code == status


async def test_a_rail_that_hears_nothing_has_no_door(tmp_path: Path) -> None:
    async with heard(tmp_path, None) as provider:  # type: ignore[arg-type]
        assert (await provider.writes("R1")).status_code == 404


class UnreadableJournal:
    """A journal that cannot be read where ``fails`` says so."""

    def __init__(self, journal: SqliteJournal, fails: str) -> None:
        self._journal, self.fails = journal, fails

    def __getattr__(self, name: str) -> Any:
        if name == self.fails:
            return self.refuse
        return getattr(self._journal, name)

    async def refuse(self, *_: object, **__: object) -> None:
        raise JournalUnavailable("The disk is full.")


@pytest.mark.parametrize("verb", ["by_reference", "claim_one"])
async def test_a_journal_that_cannot_be_read_now_is_said_so_that_the_provider_repeats_it(
    tmp_path: Path, verb: str
) -> None:
    broken: list[UnreadableJournal] = []

    def breaking(journal: SqliteJournal) -> UnreadableJournal:
        broken.append(UnreadableJournal(journal, ""))
        return broken[0]

    async with heard(tmp_path, sends=answers(PENDING), journal=breaking) as provider:
        paid = await provider.world.paid(provider.world.request())
        broken[0].fails = verb
        assert (await provider.writes(paid.reference)).status_code == 503
        broken[0].fails = ""
        provider.world.later(seconds=2)
        assert (await provider.writes(paid.reference)).status_code == 200
        assert await provider.world.state(paid) is State.SETTLED


# Whoever is slow


async def connection(provider: Provider, sends: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = provider.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(sends)
    await writer.drain()
    return reader, writer


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server ends it."""
    got = b""
    async with asyncio.timeout(PATIENCE):
        try:
            while part := await reader.read(10_000):
                got += part
        except ConnectionError:
            pass
    return got


async def taken_at_last(provider: Provider) -> httpx.Response:
    """The answer to a message that is repeated while it is cut off: others are leaving, or this machine is slow."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await provider.writes()
            except httpx.TransportError:
                await asyncio.sleep(0.001)


HALVES = {
    "silence": b"",
    "half a line": b"POST /webho",
    "half of the headers": b"POST /webhooks/toy HTTP/1.1\r\nhost: a\r\n",
    "half of a body": b'POST /webhooks/toy HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"of": [',
    "half of a chunk": b"POST /webhooks/toy HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{",
}


@pytest.mark.parametrize("half", HALVES)
async def test_half_a_request_is_waited_for_so_long_and_no_longer(tmp_path: Path, half: str) -> None:
    async with heard(tmp_path, lives=0.1) as provider:
        reader, writer = await connection(provider, HALVES[half])
        assert await end_of(reader) == b""
        writer.close()
        assert (await taken_at_last(provider)).status_code == 200


async def test_half_a_message_is_not_heard(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    def listens(settings: object, headers: object, body: bytes) -> WebhookResult:
        bodies.append(body)
        return WebhookResult()

    async with heard(tmp_path, listens) as provider:
        _, writer = await connection(provider, HALVES["half of a body"])
        writer.close()
        await writer.wait_closed()
        assert (await provider.http.post("/webhooks/toy", content=b"whole")).status_code == 200
        assert bodies == [b"whole"]


async def test_so_many_connections_may_be_open_and_no_more(tmp_path: Path) -> None:
    async with heard(tmp_path, most=3) as provider:
        slow = [await connection(provider, b"POST /") for _ in range(3)]
        reader, writer = await connection(provider, b"POST /")
        assert await end_of(reader) == b""
        writer.close()
        for _, idle in slow:
            idle.close()
            await idle.wait_closed()
        assert (await taken_at_last(provider)).status_code == 200


async def test_each_connection_carries_one_message(tmp_path: Path) -> None:
    async with heard(tmp_path) as provider:
        one = b'POST /webhooks/toy HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{"of": []}'
        reader, writer = await connection(provider, one * 3)
        assert (await end_of(reader)).count(b"HTTP/1.1 200") == 1
        writer.close()


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 100, b"A" * 100_000])
async def test_what_is_no_http_is_refused_and_stops_nobody(tmp_path: Path, noise: bytes) -> None:
    async with heard(tmp_path, lives=1.0) as provider:
        reader, writer = await connection(provider, noise)
        assert b" 200 " not in await end_of(reader)
        writer.close()
        assert (await provider.writes()).status_code == 200


# The end


async def test_it_ends_while_somebody_is_in_the_middle_of_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with heard(tmp_path) as provider:
        halves = [await connection(provider, half) for half in HALVES.values()]
        address = provider.http.base_url
        await provider.writes()
    for reader, writer in halves:
        assert await end_of(reader) == b""
        writer.close()
    with pytest.raises(OSError, match="onnect"):
        await asyncio.open_connection(address.host, address.port)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_port_that_is_taken_names_the_setting(tmp_path: Path) -> None:
    async with heard(tmp_path) as provider:
        port = provider.http.base_url.port
        assert port is not None
        with pytest.raises(Misconfigured, match=f"^RIEL_WEBHOOKS: port {port} cannot be used"):
            async with receive_webhooks(provider.world.engine, "127.0.0.1", port, Redactor()):
                pass


async def test_what_fails_inside_is_not_blamed_on_the_setting(tmp_path: Path) -> None:
    async with working(tmp_path, sends=SETTLES) as world:
        with pytest.raises(Misconfigured, match=r"^Something else\.$"):
            async with receive_webhooks(world.engine, "127.0.0.1", 0, Redactor()):
                raise Misconfigured("Something else.")
