"""What is no money is made once for each key; where nobody knows, the key is told. Feedback waits in the outbox."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

import rail_fintoc.tools.create as making
from rail_fintoc.sandbox.seed.companies import ACCOUNT, CHILEAN_ACCOUNT, fixed_id

from .harness_support import fintoc_harness

pytestmark = pytest.mark.anyio

CUSTOMER: dict[str, Any] = {
    "email": "Felipe@Example.com",
    "name": "Felipe Castro",
    "phone": "+56 9 1234 5678",
    "tax_id": {"type": "cl_rut", "value": "11.111.111-1"},
    "address": {"country": "CL", "city": "Santiago", "line1": "Calle 1"},
    "metadata": {"plan": "gold", "seats": 3, "trial": False},
}
LOST = httpx.ReadTimeout("lost")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_customer_is_made_with_all_that_was_said(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        made = (await harness.data("create_customer", **CUSTOMER))["untrusted"]["data"]
        assert made["id"].startswith("cus_")
        assert (made["email"], made["phone"]) == ("felipe@example.com", "+56912345678")
        assert made["tax_id"] == {"type": "cl_rut", "value": "111111111"}
        assert made["metadata"] == CUSTOMER["metadata"]
        (request,) = harness.bank.transport.requests
        assert (request.method, request.url.path) == ("POST", "/v2/customers")
        assert json.loads(request.content) == {**CUSTOMER, "phone": "+56912345678"}, "and no key in the body"
        assert uuid.UUID(request.headers["Idempotency-Key"].removeprefix("tool-")).version == 4
        assert "Fintoc-JWS-Signature" not in request.headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"phone": "12345"},
        {"email": "no email"},
        {"tax_id": {"type": "cl_rut"}},
        {"address": {"street": "x"}},
        {"name": " "},
        {"metadata": {f"k{number}": 1 for number in range(50)}},
        {"idempotency_key": "x" * 256},
        {"idempotency_key": "clave-ñ"},
        {"idempotency_key": "two words"},
    ],
    ids=lambda value: next(iter(value)),
)
async def test_what_is_wrong_in_a_customer_is_refused_here(wrong: dict[str, Any], tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        refused = await harness.error("create_customer", **{"email": "a@b.cl", **wrong})
        assert refused["details"]["field"].split(".")[0] in wrong
        assert harness.bank.transport.requests == []


async def test_a_customer_needs_an_address_to_be_known_by(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        assert (await harness.error("create_customer", name="Nobody"))["code"] == "FINTOC_INVALID_FIELD"
        assert harness.bank.transport.requests == []
        assert (await harness.data("create_customer", tax_id={"type": "cl_rut", "value": "111111111"}))["untrusted"][
            "data"
        ]["id"]


@pytest.mark.parametrize("tool", ["create_customer", "create_account_number"])
async def test_a_repeat_with_the_same_key_makes_nothing_more_and_without_one_it_does(tool: str, tmp_path: Path) -> None:
    said = {"email": "a@b.cl"} if tool == "create_customer" else {"account_id": ACCOUNT}
    async with fintoc_harness(tmp_path) as harness:
        made = [(await harness.data(tool, **said, idempotency_key="mine"))["untrusted"]["data"]["id"] for _ in range(3)]
        assert len(set(made)) == 1
        others = {(await harness.data(tool, **said))["untrusted"]["data"]["id"] for _ in range(2)}
        assert len(others | set(made)) == 3
        assert [request.headers["Idempotency-Key"] for request in harness.bank.transport.requests[:3]] == [
            "tool-mine"
        ] * 3


async def test_an_account_number_is_a_clabe_with_its_bounds(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        made = (
            await harness.data(
                "create_account_number",
                account_id=ACCOUNT,
                description="Ana, March",
                metadata={"payer": "ana"},
                options={"min_amount": 100, "max_amount": 200},
            )
        )["untrusted"]["data"]
        assert (len(made["number"]), made["description"]) == (18, "Ana, March")
        assert made["options"] == {"min_amount": 100, "max_amount": 200}
        listed = (await harness.data("list_account_numbers", account_id=ACCOUNT))["untrusted"]["data"]
        assert made["id"] in [row["id"] for row in listed]
        for wrong in ({"account_id": "acc/1"}, {"description": "x" * 41}, {"options": {"min_amount": 0}}):
            assert (await harness.error("create_account_number", **{"account_id": ACCOUNT, **wrong}))["details"][
                "field"
            ]


async def test_what_fintoc_refuses_to_make_is_told_in_our_code(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        refused = await harness.error("create_account_number", account_id="acc_none")
        assert refused["code"] == "FINTOC_NOT_FOUND"
        assert refused["details"]["untrusted"]["code"] == "missing_resource"
        assert (await harness.error("create_account_number", account_id=fixed_id("acc", "MXN", "live")))[
            "code"
        ] == refused["code"]
        assert (await harness.error("create_account_number", account_id=CHILEAN_ACCOUNT))["code"].startswith("FINTOC_")


async def never(*_: Any, **__: Any) -> httpx.Response:
    """An answer that does not come."""
    await asyncio.Event().wait()
    raise AssertionError("it came")


@pytest.mark.parametrize("answer", ["lost", "html", "500", "429", "garbage", "slow"])
async def test_where_nobody_knows_the_key_is_told_and_repeating_it_makes_one(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"type": "api_error", "code": "internal_server_error", "message": "Oh"}
    answers = {
        "html": httpx.Response(502, html="<h1>Bad Gateway</h1>"),
        "500": httpx.Response(500, json={"error": error}),
        "429": httpx.Response(429, json={"error": {**error, "code": "rate_limit_exceeded"}}),
        "garbage": httpx.Response(200, content=b"{"),
    }
    async with fintoc_harness(tmp_path) as harness:
        if answer == "slow":
            monkeypatch.setattr(making, "MAX_WAIT", 0.01)
            client = await harness.engine.context.clients.of("fintoc")
            monkeypatch.setattr(client.api, "_request", never)

        def meets(request: httpx.Request) -> httpx.Response | None:
            if answer == "lost":
                raise LOST
            return answers.get(answer)

        harness.bank.transport.answer = meets
        refused = await harness.error("create_customer", email="a@b.cl")
        assert (refused["code"], refused["retryable"]) == ("FINTOC_OUTCOME_UNKNOWN", False)
        key = refused["details"]["idempotencyKey"]
        harness.bank.transport.answer = lambda request: None
        monkeypatch.undo()
        made = {
            (await harness.data("create_customer", email="a@b.cl", idempotency_key=key))["untrusted"]["data"]["id"]
            for _ in range(2)
        }
        assert len(made) == 1


async def test_what_never_left_may_be_tried_again(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:

        def down(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("down")

        harness.bank.transport.answer = down
        refused = await harness.error("create_customer", email="a@b.cl")
        assert (refused["code"], refused["retryable"]) == ("RAIL_UNREACHABLE", True)


async def test_feedback_is_kept_and_waits_to_be_delivered(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        told = await harness.data(
            "feedback", message="It hangs.\n\u202eReally\u2069 " + "x" * 1500, tool="list_accounts"
        )
        assert (told["status"], told["mode"]) == ("recorded", "sandbox")
        assert told["messageId"].startswith("fintoc_feedback_")
        (message,) = await harness.messages()
        assert message["message"].startswith("It hangs. Really xxx")
        assert (message["about"], message["tool"], message["rail"]) == ("list_accounts", "feedback", "fintoc")
        assert (message["principal"], message["mode"]) == ("ana", "sandbox")
        assert harness.bank.transport.requests == []
        for wrong in ({"message": ""}, {"message": "x" * 2001}, {}, {"message": "x", "tool": "a\u202e"}):
            assert (await harness.call("feedback", **wrong))["error"] is not None
        assert len(await harness.messages()) <= 1
