"""The list of a day: everything that was booked on it, whoever ordered it, and a client that takes nothing less."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from rail_mock.client import open_client
from rail_mock.settings import MockSettings
from riel import NothingLearned, OutcomeUnknown, Status
from riel.testing.harness import http_client

pytestmark = pytest.mark.anyio

DAY = date(2026, 3, 7)
ENTRY: dict[str, Any] = {
    "kind": "payment",
    "id": "P-00000001",
    "reference": "REF1",
    "status": "settled",
    "amount": 1,
    "currency": "MXN",
    "account": "0123456789",
    "createdAt": "2026-03-07T12:00:00Z",
    "settledAt": None,
    "code": None,
}


@pytest.mark.parametrize("lookup", ["no", "by_reference", "by_key", "by_list"])
async def test_payments_and_refunds_of_the_day_are_listed_whatever_else_can_be_asked(
    make_bank: Callable[..., Any], lookup: str
) -> None:
    here = make_bank(lookup=lookup)
    async with here.client() as client:
        payment = here.payment(client, amount=100)
        await client.send(payment)
        here.later(1)
        refund = here.refund(client, payment, 30)
        await client.refund(refund)
        statement = await client.statement(DAY)
    assert (statement.since, statement.until) == (datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))
    assert statement.covers == {"payment", "refund"}
    lines = [(e.kind, e.reference, e.status, e.amount, e.currency, e.account) for e in statement.lines]
    assert lines == [
        ("payment", payment.reference, Status.SETTLED, 100, "MXN", payment.payee.account),
        ("refund", refund.reference, Status.SETTLED, 30, "MXN", None),
    ]
    assert [entry.at for entry in statement.lines] == [here.now - timedelta(seconds=1), here.now]


async def test_a_day_goes_from_midnight_to_midnight(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    here.now = datetime(2026, 3, 7, tzinfo=UTC) - timedelta(milliseconds=1)
    async with here.client() as client:
        orders = []
        for seconds in (0.001, 86_399.999, 0.001, 0):
            orders.append(order := here.payment(client))
            await client.send(order)
            here.later(seconds)
        days = [[e.reference for e in (await client.statement(DAY + timedelta(n))).lines] for n in (-1, 0, 1, 2)]
    references = [order.reference for order in orders]
    assert days == [references[:1], references[1:3], references[3:], []]


async def test_every_page_is_read(make_bank: Callable[..., Any]) -> None:
    here = make_bank(dedupe="no")
    async with here.client() as client:
        orders = [here.payment(client, amount=n) for n in range(1, 2003)]
        for order in orders:
            await client.send(order)
        here.requests.clear()
        statement = await client.statement(DAY)
    assert [entry.amount for entry in statement.lines] == list(range(1, 2003))
    assert here.requests == ["GET /statement"] * 3


async def test_what_became_of_an_order_later_is_told(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        for account in ("4020101060", "4020102060", "4020103060"):
            await client.send(here.payment(client, account))
        assert [e.status for e in (await client.statement(DAY)).lines] == ["pending", "pending", "settled"]
        here.later(60)
        assert [e.status for e in (await client.statement(DAY)).lines] == ["settled", "rejected", "returned"]


async def test_what_lags_is_not_listed_yet_and_what_was_answered_with_an_error_is(
    make_bank: Callable[..., Any],
) -> None:
    here = make_bank(lookup_lag_seconds=5)
    async with here.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.send(here.payment(client, "4020304000"))
        assert (await client.statement(DAY)).lines == []
        here.later(5)
        assert len((await client.statement(DAY)).lines) == 1


async def test_one_account_is_missing_in_the_list_although_it_was_paid(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.client() as client:
        order = here.payment(client, "4020307000")
        assert (await client.send(order)).status is Status.SETTLED
        answer = await client.status(order)
        assert answer is not None
        assert answer.status is Status.SETTLED
        assert (await client.statement(DAY)).lines == []
    assert len(here.debits) == 1


@pytest.mark.parametrize(
    "query",
    [
        *("", "day=", "day=today", "day=2026-3-7", "day=07/03/2026", "day=2026-02-30", "day=2026-03-07T00:00:00Z"),
        *("day=9999-12-31", "day=2026-03-07&limit=0", "day=2026-03-07&limit=1001", "day=2026-03-07&after=-1"),
        *("day=2026-03-07&before=7", "day=2026-03-07&kind=payment"),
    ],
)
async def test_a_question_out_of_form_is_refused(make_bank: Callable[..., Any], query: str) -> None:
    async with make_bank().http() as http:
        response = await http.get(f"/statement?{query}")
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": [], "next": None},
        {"day": "2026-03-06", "data": [], "next": None},
        {"day": "2026-03-07", "data": [], "next": "7"},
        {"day": "2026-03-07", "data": [{}], "next": None},
        {"day": "2026-03-07", "data": [ENTRY | {"kind": "fee"}], "next": None},
        {"day": "2026-03-07", "data": [ENTRY | {"status": "in_review"}], "next": None},
        {"day": "2026-03-07", "data": [ENTRY | {"amount": 1.0}], "next": None},
        {"day": "2026-03-07", "data": [ENTRY], "next": "1"},
    ],
    ids=str,
)
async def test_a_list_that_cannot_be_read_whole_is_none(body: object) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=json.dumps(body)))
    settings = MockSettings(base_url="http://bank.invalid")
    async with http_client(settings, transport) as http, open_client(settings, http) as client:
        with pytest.raises(NothingLearned):
            await client.statement(DAY)


async def test_a_page_that_fails_makes_the_whole_list_fail(make_bank: Callable[..., Any]) -> None:
    pages = iter([{"day": "2026-03-07", "data": [ENTRY], "next": "1"}])

    def respond(_: httpx.Request) -> httpx.Response:
        page = next(pages, None)
        return httpx.Response(404) if page is None else httpx.Response(200, json=page)

    settings = MockSettings(base_url="http://bank.invalid")
    async with http_client(settings, httpx.MockTransport(respond)) as http, open_client(settings, http) as client:
        with pytest.raises(NothingLearned, match="404"):
            await client.statement(DAY)
