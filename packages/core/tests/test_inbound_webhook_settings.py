"""``RIEL_WEBHOOKS`` opens the door for providers: from settings to a host that hears them."""

import asyncio
import contextlib
import json
import logging
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from riel.app import App, open_app
from riel.config import read_settings
from riel.errors import Misconfigured
from riel.journal import PaymentRecord, State
from riel.redaction import Redactor

from .bad_rails import Site
from .config_support import configuration_folder

pytestmark = pytest.mark.anyio

RAIL = """
import json
from contextlib import asynccontextmanager
from riel import Answer, WebhookResult, Prepared, Status, hookimpl
from toy import toy

STATES = {}
LOOKED = []

class Client:
    def prepare(self, draft, references):
        return Prepared(reference=f"R{references.random(12)}", body=b"{}")

    async def send(self, order):
        return Answer(status=Status.PENDING)

    async def refund(self, order):
        raise NotImplementedError

    async def status(self, order):
        LOOKED.append(order.reference)
        return Answer(status=Status(STATES.get(order.reference, "pending")))

@asynccontextmanager
async def connect(settings, http):
    yield Client()

def hear(settings, headers, body):
    return WebhookResult(references=(json.loads(body)["reference"],), body=b"heard")

@hookimpl
def riel_rails():
    yield toy("zap", connect=connect, parse_webhook=hear)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = configuration_folder(tmp_path, monkeypatch)
    with Site(tmp_path / "site").on_the_path() as site:
        site.install("zap", RAIL)
        monkeypatch.setenv("RIEL_RAILS", "zap")
        monkeypatch.setenv("RIEL_ZAP_BASE_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("RIEL_ZAP_API_KEY", "pretend_key")
        monkeypatch.setenv("RIEL_JOURNAL", str(tmp_path / "journal.db"))
        monkeypatch.setenv("RIEL_FACTOR_FILE", str(folder / "codes.jsonl"))
        yield folder


@asynccontextmanager
async def opened(caplog: pytest.LogCaptureFixture) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """A host that hears, and a provider."""
    caplog.set_level(logging.INFO, "riel.app")
    async with open_app(read_settings(), Redactor()) as host:
        (url,) = re.findall(r"write to (http\S+)/webhooks/<rail>", caplog.text)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            yield host, http


async def paid(host: App, folder: Path) -> PaymentRecord:
    payment = {"account": "0123456789", "amount": 50_000}
    asked = await host.tools["zap_send_payment"].run(payment, "ana")
    assert asked["error"] is None, asked
    code = json.loads((folder / "codes.jsonl").read_text().splitlines()[-1])["code"]
    answer = await host.tools["zap_send_payment"].run(payment | {"verificationCode": code}, "ana")
    assert answer["data"]["status"] == "pending"
    record = await host.engine.context.journal.payment(answer["data"]["paymentId"])
    assert record is not None
    return record


async def test_a_host_hears_its_providers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RIEL_WEBHOOKS", "127.0.0.1:0")
    async with opened(caplog) as (host, http):
        record = await paid(host, folder)
        bank = sys.modules["fake_rail_zap_zap"]
        forged = await http.post("/webhooks/zap", json={"reference": record.reference, "status": "settled"})
        assert (forged.status_code, forged.content) == (200, b"heard")
        await until_looked(bank.LOOKED)
        assert await state(host, record) is State.PENDING
        bank.STATES[record.reference] = "settled"
        await http.post("/webhooks/zap", json={"reference": record.reference})
        async with asyncio.timeout(120):
            while await state(host, record) is not State.SETTLED:  # noqa: ASYNC110  # the journal tells nobody
                await asyncio.sleep(0.01)
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient(base_url=http.base_url, trust_env=False) as late:
            await late.get("/")


async def until_looked(looked: list[str]) -> None:
    async with asyncio.timeout(120):
        while not looked:  # noqa: ASYNC110  # a list of a rail's, and nobody tells when it grows
            await asyncio.sleep(0.01)


async def state(host: App, record: PaymentRecord) -> State:
    known = await host.engine.context.journal.payment(record.id)
    assert known is not None
    return known.state


async def test_nobody_listens_unless_it_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "riel.app")
    async with open_app(read_settings(), Redactor()):
        assert "providers may write" not in caplog.text


async def test_a_second_server_with_the_same_file_starts_and_leaves_the_hearing_to_the_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RIEL_WEBHOOKS", "127.0.0.1:0")
    async with opened(caplog) as (_, http):
        monkeypatch.setenv("RIEL_WEBHOOKS", f"127.0.0.1:{http.base_url.port}")
        async with open_app(read_settings(), Redactor()) as second:
            assert f"RIEL_WEBHOOKS: port {http.base_url.port} cannot be used" in caplog.text
            await paid(second, folder)
        assert (await http.post("/webhooks/zap", json={"reference": "R1"})).status_code == 200


async def test_an_address_of_another_machine_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIEL_WEBHOOKS", "192.0.2.1:8430")
    with pytest.raises(Misconfigured, match=r"^RIEL_WEBHOOKS: port 8430 cannot be used"):
        async with open_app(read_settings(), Redactor()):
            pass


async def test_the_address_may_be_of_the_sixth_version(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as trial:
        trial.bind(("::1", 0))
        monkeypatch.setenv("RIEL_WEBHOOKS", "[::1]:0")
        async with opened(caplog) as (_, http):
            assert (await http.post("/webhooks/zap", json={"reference": "R1"})).status_code == 200


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("127.0.0.1:8430", ("127.0.0.1", 8430)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104
        ("[::1]:8430", ("::1", 8430)),
        ("10.1.2.3:65535", ("10.1.2.3", 65535)),
    ],
)
async def test_an_address_and_a_port(
    folder: Path, monkeypatch: pytest.MonkeyPatch, written: str, means: tuple[str, int]
) -> None:
    monkeypatch.setenv("RIEL_WEBHOOKS", written)
    assert read_settings().webhooks == means
    monkeypatch.delenv("RIEL_WEBHOOKS")
    (folder / "riel.toml").write_text(f'webhooks = "{written}"\n')
    assert read_settings().webhooks == means


WRONG = [
    "8430",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:-1",
    "127.0.0.1:65536",
    "127.0.0.1:8_430",
    "127.0.0.1: 8430",
    "127.0.0.1:٨٤٣٠",
    "127.1:8430",
    "localhost:8430",
    "example.com:8430",
    "http://127.0.0.1:8430",
    "::1:8430",
    "[::1]",
    "[127.0.0.1:8430",
    "[]:8430",
    "127.0.0.1:8430/webhooks",
    "user:s3cr3t@127.0.0.1:8430",
]


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_no_address_is_refused_by_the_settings_name_and_without_its_value(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("RIEL_WEBHOOKS", wrong)
    with pytest.raises(Misconfigured) as refused:
        read_settings()
    assert str(refused.value) == (
        "RIEL_WEBHOOKS is wrong: write an address and a port, such as 127.0.0.1:8430 or [::1]:8430"
    )
    monkeypatch.delenv("RIEL_WEBHOOKS")
    (folder / "riel.toml").write_text(f'webhooks = "{wrong}"\n', encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"^webhooks in \S+riel\.toml is wrong: write an address"):
        read_settings()


@pytest.mark.parametrize("wrong", ["8430", "true", '["localhost", 99999]', '{ host = "127.0.0.1", port = 1 }'])
async def test_what_is_no_text_is_refused_too(folder: Path, wrong: str) -> None:
    (folder / "riel.toml").write_text(f"webhooks = {wrong}\n")
    with pytest.raises(Misconfigured, match=r"^webhooks in \S+riel\.toml is wrong: write an address"):
        read_settings()


async def test_an_empty_variable_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIEL_WEBHOOKS", "")
    with pytest.raises(Misconfigured, match=r"^RIEL_WEBHOOKS is empty"):
        read_settings()
