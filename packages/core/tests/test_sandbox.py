"""Pretend banks over real HTTP: a ledger to read, and faults that happen exactly as ordered."""

import asyncio
import json
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.loop_clock import pass_loop_time

from riel.catalog import DeclaredRail, Discovery, activate
from riel.config import Settings, settings_resolver
from riel.config.sandbox_proof import is_pretend_bank
from riel.errors import Misconfigured
from riel.http_server import send_response
from riel.rail import Rail, Sandbox
from riel.sandbox import bank_of, run_banks, serve_http, wrap

from .bad_rails.toy import ToySettings, sandbox, toy

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def a_bank(bank: Sandbox | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with serve_http(wrap(bank or sandbox({}))) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


async def order(client: httpx.AsyncClient, **fault: object) -> None:
    (await client.post("/_sandbox/faults", json=fault)).raise_for_status()


async def booked(client: httpx.AsyncClient) -> int:
    return len((await client.get("/_sandbox/debits")).json())


async def test_the_ledger_can_be_read_over_http() -> None:
    async with a_bank() as client:
        assert (await client.get("/_sandbox/debits")).json() == []
        assert (await client.post("/pay")).status_code == 201
        assert (await client.get("/_sandbox/debits")).json() == [
            {
                "reference": "R1",
                "amount": 500,
                "currency": "MXN",
                "beneficiary": "0123456789",
                "at": "2026-01-02T00:00:00+00:00",
            }
        ]


async def test_down_cuts_the_connection_of_every_request_and_books_nothing() -> None:
    async with a_bank() as client:
        await order(client, kind="down", times=2)
        for method in ("GET", "POST"):
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await client.request(method, "/pay")
        assert await booked(client) == 0
        assert (await client.post("/pay")).status_code == 201


async def test_lost_books_and_cuts_the_connection_without_an_answer() -> None:
    async with a_bank() as client:
        await order(client, kind="lost")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/pay")
        assert await booked(client) == 1
        assert (await client.post("/pay")).text == "2"


async def test_not_one_byte_answers_a_request_that_was_cut() -> None:
    async with serve_http(wrap(sandbox({}))) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await order(client, kind="lost")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"POST /pay HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 120) == b""
        writer.close()


async def test_slow_books_and_answers_later() -> None:
    async with a_bank() as client:
        await order(client, kind="slow", seconds=0.3)
        started = time.monotonic()
        assert (await client.post("/pay")).text == "1"
        assert time.monotonic() - started >= 0.3


async def until_booked(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(120):
        while await booked(client) == 0:  # noqa: ASYNC110  # the bank tells no event of ours
            await asyncio.sleep(0.001)


async def test_what_slow_holds_back_is_answered_when_the_faults_are_deleted() -> None:
    async with a_bank() as client:
        await order(client, kind="slow", seconds=3_600)
        paying = asyncio.create_task(client.post("/pay"))
        await until_booked(client)
        assert not paying.done()
        await client.delete("/_sandbox/faults")
        assert (await paying).text == "1"


async def test_slow_books_for_a_client_that_does_not_wait() -> None:
    async with a_bank() as client:
        await order(client, kind="slow", seconds=3_600)
        paying = asyncio.create_task(client.post("/pay", timeout=60))
        await until_booked(client)
        pass_loop_time(60)
        with pytest.raises(httpx.ReadTimeout):
            await paying
        assert await booked(client) == 1


async def test_nonsense_books_and_answers_what_nobody_can_read() -> None:
    async with a_bank() as client:
        await order(client, kind="nonsense")
        answer = await client.post("/pay")
        assert answer.status_code == 200
        with pytest.raises((UnicodeDecodeError, json.JSONDecodeError)):
            json.loads(answer.content)
        assert await booked(client) == 1


async def test_error_answers_500_and_books_nothing() -> None:
    async with a_bank() as client:
        await order(client, kind="error")
        assert (await client.post("/pay")).status_code == 500
        assert await booked(client) == 0


async def test_faults_meet_what_moves_money_unless_they_are_for_any_request() -> None:
    async with a_bank() as client:
        await order(client, kind="error")
        assert (await client.get("/status")).status_code == 201
        assert (await client.post("/pay")).status_code == 500
        await order(client, kind="error", on="any")
        assert (await client.get("/status")).status_code == 500
        await order(client, kind="down", on="money")
        assert (await client.get("/status")).status_code == 201


async def test_the_rail_tells_which_requests_move_money() -> None:
    bank = sandbox({})
    asking = Sandbox(app=bank.app, debits=bank.debits, moves_money=lambda method, path: path == "/move")
    async with a_bank(asking) as client:
        await order(client, kind="error")
        assert (await client.post("/ask")).status_code == 201
        assert (await client.get("/move")).status_code == 500


async def test_faults_happen_in_their_order_and_so_often_as_ordered() -> None:
    async with a_bank() as client:
        await order(client, kind="error", times=2)
        await order(client, kind="nonsense")
        assert [(await client.post("/pay")).status_code for _ in range(4)] == [500, 500, 200, 201]


async def test_faults_that_did_not_happen_can_be_taken_back() -> None:
    async with a_bank() as client:
        await order(client, kind="down", times=9)
        assert (await client.delete("/_sandbox/faults")).status_code == 200
        assert (await client.post("/pay")).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"kind": "fire"}',
        '{"kind": "down", "times": 0}',
        '{"kind": "down", "times": true}',
        '{"kind": "down", "times": "2"}',
        '{"kind": "down", "times": 1.5}',
        '{"kind": "down", "seconds": 3}',
        '{"kind": "slow"}',
        '{"kind": "slow", "seconds": NaN}',
        '{"kind": "slow", "seconds": -1}',
        '{"kind": "down", "on": "all"}',
        '{"kind": "down", "extra": 1}',
        '{"kind": "down", "on": "' + "x" * 100_000 + '"}',
    ],
)
async def test_an_order_that_is_not_clear_is_refused(body: str) -> None:
    async with a_bank() as client:
        answer = await client.post("/_sandbox/faults", content=body)
        assert answer.status_code == 422
        assert answer.json()["error"]
        assert (await client.post("/pay")).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/_sandbox/debits", 405),
        ("GET", "/_sandbox/faults", 405),
        ("GET", "/_sandbox/", 404),
        ("GET", "/_sandbox/ledger", 404),
    ],
)
async def test_other_addresses_of_the_desk_do_not_exist(method: str, path: str, status: int) -> None:
    async with a_bank() as client:
        assert (await client.request(method, path)).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Host": "evil.example@127.0.0.1"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_a_web_page_cannot_reach_the_desk(headers: dict[str, str]) -> None:
    async with a_bank() as client:
        assert (await client.get("/_sandbox/debits", headers=headers)).status_code == 403
        assert (await client.post("/_sandbox/faults", json={"kind": "down"}, headers=headers)).status_code == 403


@pytest.mark.parametrize("host", ["localhost:80", "[::1]:80", "127.0.0.1"])
async def test_this_machine_can_reach_the_desk_by_any_of_its_names(host: str) -> None:
    async with a_bank() as client:
        assert (await client.get("/_sandbox/debits", headers={"Host": host})).status_code == 200


async def test_a_bank_that_leaves_its_answer_unfinished_cuts_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def half(scope: dict[str, object], receive: object, send: object) -> None:
        headers = [(b"content-length", b"9")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]

    async with a_bank(Sandbox(app=half, debits=tuple)) as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/pay")
    assert caplog.records == []


async def test_faults_leave_no_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with a_bank() as client:
        for kind in ("down", "lost"):
            await order(client, kind=kind)
            with pytest.raises(httpx.HTTPError):
                await client.post("/pay")
    assert caplog.records == []


async def test_without_our_server_the_cut_is_an_answer_that_never_ends() -> None:
    app, sent = wrap(sandbox({})), []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b'{"kind": "down"}', "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/_sandbox/faults", "headers": [(b"host", b"localhost")]}
    await app(scope, receive, send)
    sent.clear()
    await app({**scope, "path": "/pay"}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"port {port} cannot be used"):
            async with serve_http(wrap(sandbox({})), port):
                pass


async def test_a_bank_stops_at_once_and_frees_its_port(caplog: pytest.LogCaptureFixture) -> None:
    client = httpx.AsyncClient(trust_env=False)
    async with asyncio.timeout(120), serve_http(wrap(sandbox({})), grace=3_600) as url:
        port = int(url.rpartition(":")[2])
        await client.post(f"{url}/pay")
    async with serve_http(wrap(sandbox({})), port) as again:
        assert again == url
    await client.aclose()
    assert caplog.records == []


async def test_a_bank_stops_while_somebody_waits(caplog: pytest.LogCaptureFixture) -> None:
    async def endless(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    async with (
        serve_http(endless, grace=0.1) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
        asyncio.TaskGroup() as tasks,
    ):

        async def wait() -> None:
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/pay", timeout=httpx.Timeout(120, read=0.5))

        tasks.create_task(wait())
    assert caplog.records == []


async def test_serving_leaves_the_signals_of_the_process_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with a_bank():
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def installed(*rails: Rail) -> Discovery:
    declared = (
        DeclaredRail(declaration=rail, distribution="rail-x", version="1", entry_point=rail.name) for rail in rails
    )
    return Discovery(rails=tuple(declared), factors=(), guards=(), problems=(), allow_list=frozenset())


async def test_under_sandbox_every_rail_pays_its_own_bank() -> None:
    found, settings = installed(toy("pix"), toy("zap")), Settings()
    async with run_banks(found, settings) as banks:
        catalog = activate(found, settings_resolver(settings, banks))
        assert [(rail.declaration.name, rail.mode) for rail in catalog.rails] == [
            ("pix", "sandbox"),
            ("zap", "sandbox"),
        ]
        assert catalog.problems == ()
        pix, zap = catalog.rails
        assert pix.settings.base_url == banks.urls["pix"] != zap.settings.base_url == banks.urls["zap"]
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.post(f"{pix.settings.base_url}/pay")
            assert len((await client.get(f"{banks.urls['pix']}/_sandbox/debits")).json()) == 1
            assert (await client.get(f"{banks.urls['zap']}/_sandbox/debits")).json() == []


async def test_under_sandbox_a_bank_that_runs_already_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIEL_ZAP_BASE_URL", "http://127.0.0.1:9")
    found, settings = installed(toy("zap")), Settings()
    async with run_banks(found, settings) as banks:
        assert banks.urls == {}
        (zap,) = activate(found, settings_resolver(settings, banks)).rails
        assert (zap.settings.base_url, zap.mode) == ("http://127.0.0.1:9", "sandbox")


async def test_under_sandbox_a_rail_that_tells_its_mode_from_the_host_pays_its_own_bank() -> None:
    class FromTheHost(ToySettings):
        @property
        def mode(self) -> Any:
            return "test" if "test" in self.base_url else "live"

    found, settings = installed(toy("zap", settings=FromTheHost)), Settings()
    async with run_banks(found, settings) as banks:
        catalog = activate(found, settings_resolver(settings, banks))
        assert ([rail.mode for rail in catalog.rails], catalog.problems) == (["sandbox"], ())


async def test_a_pretend_bank_proves_itself_over_the_wire() -> None:
    async with serve_http(wrap(sandbox({}))) as url:
        assert await asyncio.to_thread(is_pretend_bank, url)
        assert await asyncio.to_thread(is_pretend_bank, f"{url}/orders/")
        assert not await asyncio.to_thread(is_pretend_bank, url.replace("http://", "https://"))


async def _repeats(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with whatever was asked: all that a relay to a real bank could make of a nonce."""
    nonce = scope["query_string"].decode().partition("=")[2]
    await send_response(send, 200, json.dumps({"proof": nonce}).encode())


async def _books(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A real bank behind a relay: it has no such address."""
    await send_response(send, 404, b'{"error": "not found"}')


@pytest.mark.parametrize("relay", [_repeats, _books, sandbox({}).app])
async def test_a_relay_to_a_real_bank_cannot_prove_that_it_pretends(
    relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve_http(relay) as url:
        assert not await asyncio.to_thread(is_pretend_bank, url)
        monkeypatch.setenv("RIEL_ZAP_BASE_URL", url)
        monkeypatch.setenv("RIEL_ZAP_API_KEY", "test_of_the_operators")
        resolve = settings_resolver(Settings())
        _, mode = await asyncio.to_thread(resolve, toy("zap"))
        assert mode == "test"
    assert not await asyncio.to_thread(is_pretend_bank, url), "nothing listens there any more"


@pytest.mark.parametrize("nonce", ["", "abc", "A" * 32, "0" * 65])
async def test_only_a_nonce_is_answered(nonce: str) -> None:
    async with a_bank() as client:
        assert (await client.get("/_sandbox/proof", params={"nonce": nonce})).status_code == 422


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_no_part_of_a_pretend_bank_answers_a_page_that_reaches_it_by_another_name(
    headers: dict[str, str],
) -> None:
    async with a_bank() as client:
        for method, path in (("POST", "/pay"), ("GET", "/anything"), ("GET", "/_sandbox/debits")):
            assert (await client.request(method, path, headers=headers)).status_code == 403
        assert await booked(client) == 0


async def test_under_sandbox_a_rail_that_cannot_pretend_is_a_problem() -> None:
    def broken(settings: object) -> Sandbox:
        raise ValueError("a bank of straw")

    found, settings = installed(toy("bad", sandbox=broken), toy("not", sandbox=None), toy("zap")), Settings()
    async with run_banks(found, settings) as banks:
        catalog = activate(found, settings_resolver(settings, banks))
    assert [rail.declaration.name for rail in catalog.rails] == ["zap"]
    assert [problem.sentence for problem in catalog.problems] == [
        "'bad' of rail-x 1 cannot make its pretend bank: a bank of straw",
        "RIEL_NOT_BASE_URL is missing; RIEL_NOT_API_KEY is missing",
    ]


async def test_a_bank_is_made_from_the_settings_without_its_own_address() -> None:
    asked: list[object] = []

    def remember(settings: object) -> Sandbox:
        asked.append(settings)
        return sandbox({})

    bank_of(toy(sandbox=remember), {"base_url": "http://127.0.0.1:9", "retries": "3"})
    assert asked == [{"retries": "3"}]


async def test_why_a_bank_cannot_be_made_is_said_without_its_settings() -> None:
    def indiscreet(settings: dict[str, str]) -> Sandbox:
        raise ValueError(f"{settings['api_key']} is no key")

    with pytest.raises(Misconfigured, match=r"cannot make its pretend bank: \[hidden\] is no key"):
        bank_of(toy(sandbox=indiscreet), {"api_key": "hunter2hunter2"})


def test_serving_without_sandbox_imports_no_bank_and_no_web_server() -> None:
    code = (
        "import sys, riel.catalog, riel.config\n"
        "riel.catalog.activate(riel.catalog.discover([]), riel.config.settings_resolver(riel.config.Settings()))\n"
        "heavy = ('riel.sandbox', 'uvicorn', 'starlette', 'httpx', 'mcp')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
