"""A message is believed only over its raw bytes, in its time and mode; and still it only says what to ask after."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

import rail_fintoc.webhooks as webhooks
from rail_fintoc.orders import REFERENCE
from rail_fintoc.settings import FintocSettings
from rail_fintoc.webhooks import parse_webhook
from riel import WebhookResult

from .harness_support import FintocBank, fintoc_harness, to

pytestmark = pytest.mark.anyio

NOW = 1_772_647_200
SECRET = "whsec_riel"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def settings() -> FintocSettings:
    return FintocBank().settings


def event(kind: str = "transfer.outbound.succeeded", mode: str = "test", **data: Any) -> bytes:
    told = {"id": "tr_1", "object": "transfer", "metadata": {REFERENCE: "RIEL1"}} | data
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "mode": mode, "data": told}).encode()


def signature(body: bytes, at: int = NOW, secret: str = SECRET) -> str:
    """As Fintoc documents it, written once more."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def heard(settings: FintocSettings, body: bytes, header: str | None = None, now: float = NOW) -> WebhookResult:
    said = f"t={NOW},v1={signature(body)}" if header is None else header
    return parse_webhook(settings, {"fintoc-signature": said}, body, lambda: now)


def test_it_says_which_order_there_is_news_of(settings: FintocSettings) -> None:
    assert heard(settings, event()) == WebhookResult(references=("RIEL1",))


@pytest.mark.parametrize(
    ("body", "references"),
    [
        (event("transfer.outbound.rejected"), ("RIEL1",)),
        (event("refund.succeeded", id="re_1"), ("RIEL1",)),
        (event("of.tomorrow"), ("RIEL1",)),
        (event("transfer.inbound.succeeded", metadata={}), ()),
        (event("transfer.inbound.returned", metadata={}), ("return-tr_1",)),
        (event("transfer.inbound.return_failed", metadata={}), ("return-tr_1",)),
        (event("transfer.inbound.returned", metadata={}, id=7), ()),
        (event(metadata=None), ()),
        (event(metadata={"riel_reference": 7}), ()),
        (event(metadata={"other": "RIEL1"}), ()),
        (event(mode="live"), ()),
        (b'{"mode": "test", "data": []}', ()),
        (b'{"mode": "test"}', ()),
        (b'{"mode": "test", "type": [], "data": {"id": "tr_1"}}', ()),
        (b"[]", ()),
    ],
)
def test_each_form_of_it_is_taken_and_says_no_more_than_it_knows(
    settings: FintocSettings, body: bytes, references: tuple[str, ...]
) -> None:
    assert heard(settings, body) == WebhookResult(references=references)


def test_only_the_raw_bytes_count(settings: FintocSettings) -> None:
    body = event()
    header = f"t={NOW},v1={signature(body)}"
    for changed in (body + b" ", body.replace(b", ", b","), json.dumps(json.loads(body), indent=1).encode(), b""):
        assert heard(settings, changed, header).status == 400
    assert heard(settings, b'{"mode": "test", "name": "Jos\xc3\xa9"}').status == 200


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (300, 200), (-300, 200), (301, 400), (-301, 400)])
def test_the_time_is_bounded_on_both_sides(settings: FintocSettings, seconds: int, status: int) -> None:
    assert heard(settings, event(), now=NOW + seconds).status == status


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1,v1=",
        f"t={NOW}",
        "v1={right}",
        "t=,v1={right}",
        "t=now,v1={right}",
        "t=-1,v1={right}",
        "t=1e9,v1={right}",
        "t=\u0661\u0662,v1={right}",
        "t=" + "9" * 4000 + ",v1={right}",
        f"t={NOW},v0={{right}}",
        f"t={NOW},t={NOW},v1={{right}}",
        f"t={NOW + 1},v1={{right}}",
        f"t={NOW},v1={{right}}0",
        f"t={NOW},v1=\xe9",
        f"t={NOW};v1={{right}}",
    ],
)
def test_what_is_no_signature_of_it_is_refused(settings: FintocSettings, header: str) -> None:
    body = event()
    refused = heard(settings, body, header.replace("{right}", signature(body)))
    assert (refused.status, refused.references) == (400, ())


def test_other_schemes_and_a_second_signature_are_no_harm(settings: FintocSettings) -> None:
    body = event()
    for header in (
        f"t={NOW},v0=abc,v1={signature(body)},v2=x",
        f"v1={signature(body)} , t={NOW}",
        f"t={NOW},v1={signature(body, secret='whsec_old')},v1={signature(body)}",
    ):
        assert heard(settings, body, header).references == ("RIEL1",)


def test_another_secret_signs_nothing(settings: FintocSettings) -> None:
    body = event()
    for secret in ("whsec_other", "riel", "sk_test_riel", ""):
        assert heard(settings, body, f"t={NOW},v1={signature(body, secret=secret)}").status == 400


def test_signatures_are_compared_in_constant_time(settings: FintocSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(webhooks.hmac, "compare_digest", compare)
    body = event()
    assert heard(settings, body, f"t={NOW},v1={signature(body)},v1=wrong").status == 200
    right = signature(body).encode()
    assert compared == [(right, right), (right, b"wrong")], "all of them, also after one that fits"


def test_a_signed_message_that_is_no_json_is_refused(settings: FintocSettings) -> None:
    for body in (b"", b"{", b"\xff", b"[" * 100_000):
        assert heard(settings, body).status == 400


def test_without_a_secret_nobody_is_believed() -> None:
    settings = FintocBank(overrides={"webhook_secret": ...}).settings
    answer = heard(settings, event())
    assert (answer.status, answer.references) == (503, ())


async def test_fintocs_own_messages_are_believed_and_move_the_journal_however_they_come(tmp_path: Path) -> None:
    bank = FintocBank(behaviour={"webhook_url": "http://127.0.0.1:9/hook", "returned_seconds": 30})
    async with fintoc_harness(tmp_path, bank=bank) as harness:
        paid = await harness.pay(to(32))
        assert paid["status"] == "pending"
        await harness.bank.get("/v2/accounts")
        bank.later(minutes=3)
        await harness.bank.get("/v2/accounts")
        told = await bank.hears("transfer.outbound.returned", "transfer.outbound.succeeded")
        assert [said["data"]["status"] for said in told] == ["returned", "succeeded"], "in the wrong order"
        for request in [*bank.heard, *reversed(bank.heard)]:
            headers = {name.lower(): value for name, value in request.headers.items()}
            at = int(headers["fintoc-signature"].split(",")[0].removeprefix("t="))
            said = parse_webhook(bank.settings, headers, request.content, lambda at=at: at)  # type: ignore[misc]
            assert said == WebhookResult(references=(paid["reference"],))
            assert await harness.engine.on_webhook("fintoc", paid["reference"])
            await harness.idle()
        assert (await harness.record()).state.value == "returned"
        assert (await harness.check(paid["reference"]))["status"] == "returned"
        replayed = bank.heard[0]
        late = parse_webhook(
            bank.settings, dict(replayed.headers), replayed.content, lambda: bank.now.timestamp() + 3600
        )
        assert late.status == 400


async def test_news_of_what_nobody_paid_moves_nothing(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        assert not await harness.engine.on_webhook("fintoc", "RIELNOBODY")
        assert harness.bank.transport.requests == []
