"""Notifications of real servers, at a receiver over real HTTP: at least once, signed, whoever was killed meanwhile."""

import asyncio
import hashlib
import hmac
import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from riel.app import open_app
from riel.config import read_settings
from riel.journal.row_mac import RowMac
from riel.journal.sqlite import SqliteJournal
from riel.redaction import Redactor

from .support.bank_process import BankProcess
from .support.processes import ForkServer, until
from .support.retrying_agent import PAYEE, RetryingAgent
from .support.server import SEND, Installation, run_server

pytestmark = pytest.mark.anyio

KEY = "the-key-of-the-receiver-1234"
HOOK = "/notifications/hook-that-is-secret"


@dataclass
class NotificationReceiver:
    """A receiver: what it got, and how it answers. The last of ``answers`` is given again and again."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [204])
    got: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [told["id"] for told in self.got]


@pytest.fixture
def books() -> Iterator[NotificationReceiver]:
    with receiving(NotificationReceiver()) as books:
        yield books


@contextmanager
def receiving(books: NotificationReceiver) -> Iterator[NotificationReceiver]:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = self.headers["Riel-Timestamp"].encode() + b"." + body
            assert self.headers["Riel-Signature"] == "v1=" + hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
            assert self.path == HOOK
            told = json.loads(body)
            assert self.headers["Riel-Event-Id"] == told["id"]
            status = books.answers.pop(0) if len(books.answers) > 1 else books.answers[0]
            books.raw.append(body)
            books.got.append(told)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        books.url = f"http://127.0.0.1:{server.server_port}{HOOK}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield books
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def told_home(home: Installation, books: NotificationReceiver) -> Installation:
    """An installation that sends its notifications to the books."""
    table = f'notifications_url = "{books.url}"\nnotifications_key = "{KEY}"\nlog = "debug"\n'
    home.configure(table)
    return home


async def waiting(home: Installation) -> int:
    journal = SqliteJournal.open(str(home.journal), RowMac())
    try:
        return (await journal.backlog()).count
    finally:
        await journal.close()


async def until_none_waits(home: Installation) -> None:
    async with asyncio.timeout(120):
        while await waiting(home):  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.05)


async def test_a_receiver_that_fails_first_is_told_of_the_payment_in_the_end(
    fork_server: ForkServer, told_home: Installation, bank: BankProcess, books: NotificationReceiver
) -> None:
    books.answers = [500, 302, 204]
    agent = RetryingAgent(fork_server, told_home, bank, module="short_delivery")
    try:
        answer = await agent.pay()
        await until_none_waits(told_home)
        await agent.leave()
    finally:
        await agent.close()
    assert answer["data"]["status"] == "success"
    assert len(books.got) == 3
    assert len(set(books.raw)) == 1, "it is the same notice"
    assert books.got[0]["topic"] == "payment.settled"
    assert books.got[0]["body"]["reference"] == answer["data"]["trackingKey"]


async def test_a_receiver_that_is_not_there_holds_up_no_payment_and_loses_no_notice(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # the port is taken, and nobody listens there
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}{HOOK}"
        home.configure(f'notifications_url = "{url}"\nnotifications_key = "{KEY}"\n')
        agent = RetryingAgent(fork_server, home, bank, module="short_delivery")
        try:
            for amount in (100, 200, 300):
                assert (await agent.pay(amount))["data"]["status"] == "success"
            assert await waiting(home) == 3
            await agent.leave()
        finally:
            await agent.close()


async def test_a_notice_whose_server_was_killed_before_it_wrote_that_down_comes_again(
    fork_server: ForkServer, told_home: Installation, bank: BankProcess, books: NotificationReceiver
) -> None:
    agent = RetryingAgent(
        fork_server, told_home, bank, deaths=[("message_sent@deliver:before", 1)], module="short_delivery_lease"
    )
    try:
        victim = await agent.here()
        await agent.pay()
        await victim.process.ended()
        await agent.call("mock_check_status", trackingKey="none")  # it is served by another now
        await until_none_waits(told_home)
        await agent.leave()
    finally:
        await agent.close()
    assert agent.killed == 1
    assert len(books.got) >= 2
    assert len(set(books.raw)) == 1


async def test_nothing_of_it_is_left_when_the_host_is_closed(
    home: Installation, books: NotificationReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"JOURNAL": str(home.journal), "FACTOR_FILE": str(home.codes), "RAILS": "mock"}
    for name, value in (told | {"NOTIFICATIONS_URL": books.url, "NOTIFICATIONS_KEY": KEY}).items():
        monkeypatch.setenv(f"RIEL_{name}", value)

    def running() -> bool:
        return "riel-outbox" in {task.get_name() for task in asyncio.all_tasks()}

    async with open_app(read_settings(), Redactor(), sandbox=True):
        assert running()
    assert not running()


async def test_several_servers_deliver_every_notice_of_one_journal(
    fork_server: ForkServer, told_home: Installation, bank: BankProcess, books: NotificationReceiver
) -> None:
    agents = [
        RetryingAgent(fork_server, told_home, bank, principal=name, module="short_delivery")
        for name in ("ana", "eva", "ida")
    ]
    try:
        await asyncio.gather(*(agent.pay(100 * n) for agent in agents for n in range(1, 5)))
        await until_none_waits(told_home)
        for agent in agents:
            await agent.leave()
    finally:
        for agent in agents:
            await agent.close()
    assert len(books.ids) == len(set(books.ids)) == 12


async def test_no_account_code_or_key_is_in_a_notice_a_log_or_the_exported_record(
    fork_server: ForkServer, told_home: Installation, bank: BankProcess, books: NotificationReceiver
) -> None:
    account, codes = PAYEE["account"], list[str]()
    what = {**PAYEE, "recipientName": f"Ana {account}", "amount": 50_000}
    refused = {**what, "account": "4020201000", "recipientName": "Refused 4020201000"}
    async with run_server(fork_server, told_home, bank, module="short_delivery") as server:
        for payment in (what, refused):
            held = await server.call(SEND, **payment)
            codes.append(code := told_home.code(held["data"]["paymentId"]))
            wrong = f"{(int(code) + 1) % 10**6:06d}"
            codes.append(wrong)
            answer = await server.call(SEND, **payment, verificationCode=wrong)
            assert answer["error"]["code"] == "2FA_MISMATCH"
            await server.call(SEND, **payment, verificationCode=code)
        await until(lambda: len(set(books.ids)) == 2, "both notifications")
        await server.leave()
        log = server.process.errors.read_text()
    for command in (["export", "--to", "record.jsonl"], ["verify", "record.jsonl"]):
        process = fork_server.start("audit", *command, env=told_home.env(bank), folder=told_home.folder)
        assert await process.ended() == 0, process.errors.read_text()
    record = (told_home.folder / "record.jsonl").read_text("utf-8")
    events = [json.loads(line) for line in record.splitlines() if '"line":"event"' in line]
    assert [event["event"] for event in events].count("attempt.failed") == 2
    assert {"payment.settled", "payment.rejected"} <= {event["event"] for event in events}
    # A hash or a longer number may hold any six digits, so codes are looked for among words.
    words = "".join(f"{event['event']} {_without_hashes(event['body'])}\n" for event in events)
    keys = [path.read_text().strip() for path in told_home.folder.glob("*.key")]
    assert keys
    told = "".join(str(notice["body"]) for notice in books.got)
    for place in (words, record, told, log):
        for secret in (KEY, account, "4020201000", *keys):
            assert secret not in place
    for code in codes:
        assert code not in re.findall(r"\w+", words)
        assert f"'{code}'" not in told
    assert HOOK not in log
    assert "httpx" in log, "requests were logged, their address was not"


def _without_hashes(body: str) -> str:
    told = json.loads(body)
    return json.dumps(
        {name: value for name, value in told.items() if name not in {"digest", "payloadSha256", "reference"}}
    )


async def test_a_server_that_ends_lets_go_of_what_is_on_its_way(
    fork_server: ForkServer, told_home: Installation, bank: BankProcess, books: NotificationReceiver
) -> None:
    """Nothing waits for a receiver: what was not delivered is delivered by whoever comes next."""
    books.answers = [503]
    agent = RetryingAgent(fork_server, told_home, bank, module="short_delivery_lease")
    try:
        await agent.pay()
        await agent.leave()
    finally:
        await agent.close()
    assert await waiting(told_home) == 1
    books.answers = [204]
    async with run_server(fork_server, told_home, bank, module="short_delivery_lease") as server:
        await until_none_waits(told_home)
        assert await server.leave() == 0
    assert len(set(books.ids)) == 1
