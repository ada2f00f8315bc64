"""What a failed request means for the money, against a real server and real refusals on this machine."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import httpx
import pytest
from tests.support.loop_clock import pass_loop_time

from riel.errors import NothingLearned, NotSent, OutcomeUnknown
from riel.http.calls import paying, reading
from riel.http.client import NEVER_LEFT
from riel.testing.harness import http_client

from .test_http_client import BankSettings

AT_ONCE = timedelta(0)
SETTINGS = BankSettings(base_url="http://bank.invalid")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
CUTS = {
    "at once": b"",
    "after the status line": b"HTTP/1.1 200 OK\r\n",
    "after the headers": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    "in the body": b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": ',
    "in a chunk": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"id": ',
    "and it was no HTTP": b"220 smtp.bank ESMTP\r\n\r\n",
    "and it does not unpack": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
}


def status(code: int) -> bytes:
    return f"HTTP/1.1 {code} As Is\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


class HttpBank:
    """A server that says what it was told to say, the last thing again and again, and counts what it was asked."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = answers
        self.seen = 0
        self.asked = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            self.seen += 1
            self.asked.set()
            answer = self.answers[min(self.seen, len(self.answers)) - 1]
            if answer is None:
                await reader.read()  # silence, until the client gives up
            else:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def open_bank(*answers: bytes | None) -> AsyncIterator[HttpBank]:
    bank = HttpBank(*answers)
    server = await asyncio.start_server(bank.serve, "127.0.0.1")
    bank.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/accounts/012180001234567895"
    async with server:
        yield bank


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of a port that refuses: bound, so that nobody else takes it, and not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1/accounts/012180001234567895"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(SETTINGS, deadline=timedelta(seconds=120)) as client:
        yield client


class Counted:
    """A request that remembers how often it was made."""

    def __init__(self, request: Callable[[], Awaitable[httpx.Response]]) -> None:
        self.request = request
        self.made = 0

    async def __call__(self) -> httpx.Response:
        self.made += 1
        return await self.request()


pay = partial(paying, longest_wait=AT_ONCE)
read = partial(reading, longest_wait=AT_ONCE)


def plain(error: BaseException) -> str:
    """The sentence, which must not say where the request went: addresses hold account numbers."""
    sentence = str(error)
    assert sentence
    assert not re.search("012180001234567895|127.0.0.1|accounts", sentence)
    return sentence


# Paying


@pytest.mark.anyio
async def test_a_refused_connection_is_tried_three_times_and_was_not_sent(
    client: httpx.AsyncClient, closed: str
) -> None:
    request = Counted(lambda: client.post(closed, json={"amount": 1}))
    with pytest.raises(NotSent) as failure:
        await pay(request)
    assert request.made == 3
    assert plain(failure.value) == "connection refused", "the exception says that nothing left; its text says why"
    assert failure.value.error.details == {"cause": "connection refused"}
    with pytest.raises(NotSent):
        await pay(request, tries=1)
    assert request.made == 4


@pytest.mark.anyio
async def test_what_never_left_may_leave_later(client: httpx.AsyncClient, closed: str) -> None:
    async with open_bank(OK) as bank:
        request = Counted(lambda: client.post(bank.url if request.made == 3 else closed))
        assert (await pay(request)).text == "ok"
        assert (request.made, bank.seen) == (3, 1)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.anyio
async def test_an_answer_that_was_cut_is_unknown_and_never_asked_for_again(client: httpx.AsyncClient, cut: str) -> None:
    async with open_bank(CUTS[cut], OK) as bank:
        with pytest.raises(OutcomeUnknown) as failure:
            await pay(lambda: client.post(bank.url, json={"amount": 1}))
        plain(failure.value)
        assert bank.seen == 1


@pytest.mark.anyio
async def test_an_answer_that_does_not_come_is_unknown(client: httpx.AsyncClient) -> None:
    async with open_bank(None) as bank:
        paying = asyncio.create_task(pay(lambda: client.post(bank.url, json={"amount": 1}, timeout=60)))
        await asyncio.wait_for(bank.asked.wait(), 120)
        pass_loop_time(60)
        with pytest.raises(OutcomeUnknown):
            await paying
        assert bank.seen == 1


@pytest.mark.parametrize("code", [200, 202, 302, 400, 401, 404, 408, 409, 422, 429, 500, 502, 503, 504])
@pytest.mark.anyio
async def test_every_whole_answer_is_handed_over_and_asked_for_once(client: httpx.AsyncClient, code: int) -> None:
    async with open_bank(status(code)) as bank:
        assert (await pay(lambda: client.post(bank.url))).status_code == code
        assert bank.seen == 1


@pytest.mark.anyio
async def test_a_queue_for_a_connection_is_not_a_send(client: httpx.AsyncClient) -> None:
    narrow_way = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=1))
    async with open_bank(None) as bank, http_client(SETTINGS, narrow_way) as narrow:
        narrow.timeout = httpx.Timeout(10, pool=0.05)
        first = asyncio.create_task(pay(lambda: narrow.post(bank.url)))
        await asyncio.wait_for(bank.asked.wait(), 120)
        with pytest.raises(NotSent):
            await pay(lambda: narrow.post(bank.url))
        assert bank.seen == 1
        first.cancel()
        await asyncio.wait({first})
        assert first.cancelled(), "a cancellation is no outcome: it passes through"


def failures(kind: type[Exception]) -> list[type[Exception]]:
    """Every failure of that kind which httpx can raise."""
    below = [found for child in kind.__subclasses__() for found in failures(child)]
    return below or [kind]


EVERY = sorted({*failures(httpx.HTTPError), *failures(httpx.StreamError)}, key=lambda kind: kind.__name__)


def failure_of(kind: type[Exception]) -> Exception:
    failure: Exception = kind.__new__(kind)
    failure.args = ("for https://bank/v1/accounts/012180001234567895",)
    return failure


def raising(kind: type[Exception]) -> Counted:
    """A request of the core's client whose transport fails so."""

    def respond(_: httpx.Request) -> httpx.Response:
        raise failure_of(kind)

    return Counted(partial(http_client(SETTINGS, httpx.MockTransport(respond)).post, "/"))


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@pytest.mark.anyio
async def test_a_failure_of_httpx_was_not_sent_or_is_unknown(kind: type[Exception]) -> None:
    never = {
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
    }
    assert set(NEVER_LEFT) == never, "whoever adds one has proven that no byte can have left"
    request = raising(kind)
    with pytest.raises(NotSent if kind in never else OutcomeUnknown) as failure:
        await pay(request)
    plain(failure.value)
    assert request.made == (3 if kind in never else 1)
    assert failure.value.__cause__ is not None


@pytest.mark.anyio
async def test_a_bug_in_a_rail_is_neither_retried_nor_renamed() -> None:
    for call in (pay, read):
        request = raising(ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            await call(request)
        assert request.made == 1


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@pytest.mark.anyio
async def test_of_a_request_that_another_client_made_nobody_knows_what_left(kind: type[Exception]) -> None:
    async def request() -> httpx.Response:
        raise failure_of(kind)

    made = Counted(request)
    with pytest.raises(OutcomeUnknown) as failure:
        await pay(made)
    plain(failure.value)
    assert made.made == 1


# Reading


@pytest.mark.parametrize("code", [429, 500, 502, 503])
@pytest.mark.anyio
async def test_a_look_up_of_an_overloaded_bank_is_tried_three_times_and_learns_nothing(
    client: httpx.AsyncClient, code: int
) -> None:
    async with open_bank(status(code)) as bank:
        with pytest.raises(NothingLearned) as failure:
            await read(lambda: client.get(bank.url))
        assert plain(failure.value) == f"HTTP {code}"
        assert bank.seen == 3


@pytest.mark.anyio
async def test_a_look_up_gets_its_answer_at_the_third_try(client: httpx.AsyncClient) -> None:
    async with open_bank(status(429), status(500), OK) as bank:
        assert (await read(lambda: client.get(bank.url))).text == "ok"
        assert bank.seen == 3
    async with open_bank(CUTS["in the body"], OK) as bank:
        assert (await read(lambda: client.get(bank.url))).text == "ok"
        assert bank.seen == 2


@pytest.mark.parametrize("code", [200, 302, 400, 401, 404])
@pytest.mark.anyio
async def test_a_look_up_is_answered_at_once_by_what_more_asking_does_not_change(
    client: httpx.AsyncClient, code: int
) -> None:
    async with open_bank(status(code)) as bank:
        assert (await read(lambda: client.get(bank.url))).status_code == code
        assert bank.seen == 1


@pytest.mark.anyio
async def test_a_look_up_that_cannot_be_made_learns_nothing(client: httpx.AsyncClient, closed: str) -> None:
    request = Counted(lambda: client.get(closed))
    with pytest.raises(NothingLearned) as failure:
        await read(request)
    plain(failure.value)
    assert request.made == 3


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@pytest.mark.anyio
async def test_a_look_up_that_fails_in_any_way_learns_nothing(kind: type[Exception]) -> None:
    request = raising(kind)
    with pytest.raises(NothingLearned) as failure:
        await read(request)
    plain(failure.value)
    assert request.made == 3
