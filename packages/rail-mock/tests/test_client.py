"""The client takes only a clear yes for a yes and only a documented no for a no."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from rail_mock.client import MockClient, open_client
from rail_mock.models import MockPayment
from rail_mock.settings import MockSettings
from riel import Draft, Money, NothingLearned, NotSent, OutcomeUnknown, Rejected
from riel.testing.harness import http_client, references

pytestmark = pytest.mark.anyio

Respond = Callable[[httpx.Request], httpx.Response]
NO = {"error": {"code": "insufficient_funds", "message": "The balance does not suffice."}}
ABSENT = {"error": {"code": "not_found", "message": ""}}


@asynccontextmanager
async def talking_to(respond: Respond, **settings: Any) -> AsyncIterator[MockClient]:
    known = MockSettings(base_url="http://bank.invalid", **settings)
    async with http_client(known, httpx.MockTransport(respond)) as http, open_client(known, http) as client:
        yield client


def yes(request: httpx.Request, **changes: Any) -> dict[str, Any]:
    fields = json.loads(request.content)
    return {
        "id": "P-1",
        "reference": fields["reference"],
        "status": "settled",
        "amount": fields["amount"],
        "currency": fields["currency"],
        "account": fields["account"],
        "createdAt": "2026-03-07T12:00:00Z",
        "settledAt": "2026-03-07T12:00:00Z",
        "code": None,
    } | changes


async def test_the_same_confirmation_makes_the_same_order_on_every_day(make_bank: Callable[..., Any]) -> None:
    async with make_bank().client() as client:
        payment = MockPayment(account="0123456789", amount=1, concept="Año ñandú", recipient_name="José")
        draft = Draft(kind="payment", money=Money(1, "MXN"), payment=payment)
        asked_at = datetime(2026, 3, 7, 23, 59, tzinfo=UTC)
        prepared = client.prepare(draft, references(asked_at, "pay_1"))
        assert re.fullmatch("MOCK260307[0-9A-Z]{16}", prepared.reference)
        next_day = references(asked_at + timedelta(minutes=2), "pay_1", created_at=asked_at)
        assert client.prepare(draft, next_day) == prepared
        assert client.prepare(draft, references(asked_at, "pay_2")).reference != prepared.reference
        assert json.loads(prepared.body)["concept"] == "Año ñandú"


async def test_what_is_sent_is_what_was_stored_under_the_reference_as_key(make_bank: Callable[..., Any]) -> None:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(201, json=yes(request))

    async with talking_to(respond) as client:
        order = make_bank().payment(client)
        await client.send(order)
    (request,) = requests
    assert request.content == order.body
    assert request.headers["Idempotency-Key"] == order.reference


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": "SOMEBODYELSE"},
        {"status": "in_review"},
        {"status": None},
        {"amount": "50000"},
        {"amount": 50_000.0},
        {"amount": True},
        {"account": None},
        {"settledAt": "yesterday"},
    ],
    ids=str,
)
async def test_a_yes_that_is_not_clear_is_unknown(make_bank: Callable[..., Any], changes: dict[str, Any]) -> None:
    async with talking_to(lambda request: httpx.Response(201, json=yes(request, **changes))) as client:
        with pytest.raises(OutcomeUnknown):
            await client.send(make_bank().payment(client))


async def test_an_answer_with_fields_that_are_new_to_us_is_read(make_bank: Callable[..., Any]) -> None:
    async with talking_to(lambda request: httpx.Response(200, json=yes(request, fee=0))) as client:
        assert (await client.send(make_bank().payment(client))).provider_id == "P-1"


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, json=NO),
        httpx.Response(500, json=NO),
        httpx.Response(302, json=NO, headers={"location": "/elsewhere"}),
        httpx.Response(422, json={"error": {"code": "never_heard_of"}}),
        httpx.Response(422, json={"error": {"code": "never_heard_of", "message": ""}}),
        httpx.Response(409, json={"error": {"code": "duplicate_reference", "message": ""}}),
        httpx.Response(422, json={"error": "insufficient_funds"}),
        httpx.Response(401, text="insufficient_funds"),
        httpx.Response(404),
        httpx.Response(408),
        httpx.Response(429),
        httpx.Response(201, text=""),
        httpx.Response(200, text="<html>"),
        httpx.Response(204),
    ],
    ids=lambda response: f"{response.status_code} {response.text[:40]}",
)
async def test_whatever_is_neither_yes_nor_a_documented_no_is_unknown(
    make_bank: Callable[..., Any], response: httpx.Response
) -> None:
    async with talking_to(lambda _: response) as client:
        with pytest.raises(OutcomeUnknown):
            await client.send(make_bank().payment(client))


async def test_a_documented_no_is_a_no(make_bank: Callable[..., Any]) -> None:
    async with talking_to(lambda _: httpx.Response(422, json=NO)) as client:
        with pytest.raises(Rejected) as refused:
            await client.send(make_bank().payment(client))
    assert (refused.value.provider_code, refused.value.provider_message) == (
        "insufficient_funds",
        "The balance does not suffice.",
    )


@pytest.mark.parametrize("failure", [httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError])
async def test_a_send_that_left_is_made_once_and_is_unknown(
    make_bank: Callable[..., Any], failure: type[httpx.TransportError]
) -> None:
    requests = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        raise failure("gone")

    async with talking_to(respond) as client:
        with pytest.raises(OutcomeUnknown):
            await client.send(make_bank().payment(client))
    assert len(requests) == 1


async def test_a_send_that_never_left_is_not_sent(make_bank: Callable[..., Any]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with talking_to(respond) as client:
        with pytest.raises(NotSent):
            await client.send(make_bank().payment(client))


@pytest.mark.parametrize("lookup", ["by_reference", "by_key"])
async def test_only_the_banks_own_words_are_absence(make_bank: Callable[..., Any], lookup: str) -> None:
    async with talking_to(lambda _: httpx.Response(404, json=ABSENT), lookup=lookup) as client:
        assert await client.status(make_bank().payment(client)) is None
    for other in (
        httpx.Response(404),
        httpx.Response(404, text="<html>"),
        httpx.Response(404, json={"error": {"code": "no_such_resource", "message": ""}}),
        httpx.Response(410, json=ABSENT),
        httpx.Response(200, json=ABSENT),
        httpx.Response(200, json={}),
    ):
        async with talking_to(lambda _, other=other: other, lookup=lookup) as client:
            with pytest.raises(NothingLearned):
                await client.status(make_bank().payment(client))


@pytest.mark.parametrize("body", [{"data": []}, {"data": [{}], "next": None}, {"data": [], "next": "7"}, []], ids=str)
async def test_a_list_that_cannot_be_read_is_no_absence(make_bank: Callable[..., Any], body: object) -> None:
    async with talking_to(lambda _: httpx.Response(200, json=body), lookup="by_list") as client:
        with pytest.raises(NothingLearned):
            await client.status(make_bank().payment(client))


async def test_no_error_shows_the_account(make_bank: Callable[..., Any]) -> None:
    async with talking_to(lambda request: httpx.Response(201, json=yes(request, status="odd"))) as client:
        with pytest.raises(OutcomeUnknown) as unknown:
            await client.send(make_bank().payment(client))
    text = str(unknown.value) + repr(unknown.value.__cause__) + repr(unknown.value.__context__)
    assert "0123456789" not in text
