"""The kit for authors of pretend banks: what each of its parts promises to a bank that is built of them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from riel import Sandbox, WireModel
from riel.sandbox import serve_http, wrap
from riel.sandbox.kit import (
    CutResponse,
    LoopbackUrl,
    WebhookDelivery,
    WebhookRequest,
    WebhookSender,
    behaviour_of,
    control_routes,
    fingerprint,
    gateway_page,
    html_page,
    json_request,
    private_key_file,
    published_key,
    truncated_json,
    write_private_key,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class KitBehaviour(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    pause_seconds: Annotated[float, Field(ge=0)] = 1.0
    webhook_url: LoopbackUrl = ""


def test_a_behaviour_is_read_from_the_settings_of_its_bank_alone() -> None:
    settings = {"pause_seconds": "2.5", "api_key": "k"}
    assert behaviour_of(KitBehaviour, settings, client={"api_key"}) == KitBehaviour(pause_seconds=2.5)


def test_a_setting_of_nobody_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="the pretend Zap has no setting 'pause'; it has pause_seconds, webhook_url"):
        behaviour_of(KitBehaviour, {"pause": "1"}, bank="the pretend Zap")


@pytest.mark.parametrize("url", ["https://example.com/hook", "http://10.0.0.1/hook", "file:///etc/passwd", "hook"])
def test_webhooks_stay_on_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="on this machine"):
        behaviour_of(KitBehaviour, {"webhook_url": url})
    assert behaviour_of(KitBehaviour, {"webhook_url": "http://127.0.0.1:9/x"}).webhook_url


def test_the_published_key_is_the_same_everywhere_and_its_file_is_private() -> None:
    path = private_key_file("zap")
    assert path == private_key_file("zap") != private_key_file("zap", "secret")
    assert published_key().key_size == 2048
    assert len(fingerprint(published_key().public_key())) == 64
    if os.name == "posix":
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_file_of_the_key_is_encrypted_where_the_rail_wants_it() -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    numbers = published_key().private_numbers()
    for passphrase in ("", "secret"):
        pem = private_key_file("zap", passphrase).read_bytes()
        assert (b"ENCRYPTED" in pem) == bool(passphrase)
        key = load_pem_private_key(pem, passphrase.encode() or None)
        assert key.private_numbers() == numbers  # type: ignore[union-attr]


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = write_private_key(tmp_path / "folder" / "own.pem", published_key())
    with pytest.raises(FileExistsError):
        write_private_key(path, published_key())


def test_a_process_leaves_no_key_behind() -> None:
    code = "from riel.sandbox.kit import private_key_file; print(private_key_file('zap'))"
    path = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert path
    assert not Path(path).parent.exists()


class Move(WireModel):
    state: Annotated[str, Field(pattern="^[A-Z]+$")]


@asynccontextmanager
async def bank(answer: Response | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A wrapped bank that answers ``POST /pay`` as it is told, with one control route."""
    states: list[str] = []

    async def pay(_: Request) -> Response:
        return answer or Response(status_code=201)

    async def state(body: bytes) -> Mapping[str, Any]:
        move = Move.model_validate_json(body)
        if move.state == "GONE":
            raise LookupError("there is no such order")
        states.append(move.state)
        return {"state": move.state, "moves": len(states)}

    app = Starlette(routes=[Route("/pay", pay, methods=["POST"]), *control_routes({"state": state})])
    sandbox = Sandbox(app=app, debits=tuple, controls=("state",))
    async with serve_http(wrap(sandbox)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


@pytest.mark.anyio
async def test_a_control_route_does_what_is_ordered_or_says_what_is_wrong() -> None:
    async with bank() as client:
        done = await client.post("/_sandbox/state", json={"state": "SETTLED"})
        assert (done.status_code, done.json()) == (200, {"state": "SETTLED", "moves": 1})
        gone = await client.post("/_sandbox/state", json={"state": "GONE"})
        assert (gone.status_code, gone.json()) == (404, {"error": "there is no such order"})
        for wrong in (b"[]", b"{", b'{"state": "lower"}', b'{"state": "A", "more": 1}', b"{}"):
            refused = await client.post("/_sandbox/state", content=wrong)
            assert refused.status_code == 422
            assert refused.json()["error"]
        assert (await client.post("/_sandbox/state", content=b" " * 20_000)).status_code == 413
        assert "/_sandbox/state" in (await client.post("/_sandbox/other")).json()["error"]


@pytest.mark.anyio
async def test_a_control_route_is_reached_from_this_machine_only_and_meets_no_fault() -> None:
    async with bank() as client:
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            refused = await client.post("/_sandbox/state", json={"state": "A"}, headers=headers)
            assert refused.status_code == 403
        (await client.post("/_sandbox/faults", json={"kind": "down"})).raise_for_status()
        assert (await client.post("/_sandbox/state", json={"state": "A"})).json()["moves"] == 1
        with pytest.raises(httpx.HTTPError):
            await client.post("/pay")


@pytest.mark.anyio
async def test_a_cut_answer_breaks_the_connection() -> None:
    async with bank(CutResponse()) as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/pay")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "status"), [(gateway_page(502), 502), (html_page("Service portal"), 200), (truncated_json(), 200)]
)
async def test_other_broken_answers_arrive_whole_and_are_no_json(answer: Response, status: int) -> None:
    async with bank(answer) as client:
        arrived = await client.post("/pay")
        assert arrived.status_code == status
        with pytest.raises(json.JSONDecodeError):
            arrived.json()


class WebhookReceiver:
    """A receiver of webhooks that answers with the statuses it is given, and a clock that sleeping moves."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[bytes] = []
        self.pauses: list[float] = []
        self.now = NOW

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.content)
        status = self.statuses.pop(0) if self.statuses else 200
        if not status:
            raise httpx.ConnectError("nobody listens", request=request)
        return httpx.Response(status)

    def sender(self, *, attempts: int = 3, growth: float = 1.0) -> WebhookSender:
        transport = httpx.MockTransport(self.answer)
        return WebhookSender(
            clock=lambda: self.now, sleep=self.sleep, attempts=attempts, pause=5.0, growth=growth, transport=transport
        )


def delivery(request: WebhookRequest, **more: Any) -> WebhookDelivery:
    return WebhookDelivery(url="http://127.0.0.1:9/hook", request=request, **more)


@pytest.mark.anyio
async def test_messages_go_out_in_their_order_each_at_its_time() -> None:
    receiver = WebhookReceiver()
    late = delivery(json_request({"n": 1}), not_before=NOW + timedelta(seconds=7))
    await receiver.sender().send([late, delivery(json_request({"n": 2}))])
    assert receiver.bodies == [b'{"n":1}', b'{"n":2}']
    assert receiver.pauses == [7.0]


@pytest.mark.anyio
async def test_a_message_is_repeated_until_it_is_accepted_and_given_up_in_the_end() -> None:
    receiver = WebhookReceiver(500, 0, 200)
    sender = receiver.sender(growth=2.0)
    await sender.send([delivery(json_request({}))])
    await sender.drain()
    assert receiver.pauses == [5.0, 10.0]
    deaf = WebhookReceiver(*[500] * 9)
    sender = deaf.sender(attempts=4)
    sender.start([delivery(json_request({}))])
    await sender.drain()
    assert len(deaf.bodies) == 4


@pytest.mark.anyio
async def test_each_attempt_is_made_anew_and_the_bank_says_what_accepts_it() -> None:
    receiver = WebhookReceiver(200, 202)
    sender = receiver.sender()

    def stamped() -> tuple[bytes, dict[str, str]]:
        return receiver.now.isoformat().encode(), {}

    await sender.send([delivery(stamped, accepted=lambda response: response.status_code == 202)])
    await sender.drain()
    assert receiver.bodies == [NOW.isoformat().encode(), (NOW + timedelta(seconds=5)).isoformat().encode()]


@pytest.mark.anyio
async def test_a_closed_sender_drops_what_is_left() -> None:
    sender = WebhookReceiver().sender()
    sender.start_task(asyncio.Event().wait())
    await sender.close()
    await sender.drain()
