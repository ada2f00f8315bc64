"""The bank's API refuses what a provider refuses, and books nothing when it does."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio

BODY: dict[str, Any] = {
    "reference": "REF1",
    "amount": 50_000,
    "currency": "MXN",
    "account": "0123456789",
    "concept": "Invoice 42",
    "recipientName": "Empresa Demo SA de CV",
}
REFUND: dict[str, Any] = {"reference": "REF2", "amount": 1, "currency": "MXN", "reason": "Sent twice"}


async def post(http: httpx.AsyncClient, body: object, *, key: str = "k1", path: str = "/payments") -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = await http.post(
        path, content=content, headers={"Idempotency-Key": key, "Content-Type": "application/json"}
    )
    answer = response.json()
    return response.status_code, answer.get("error", {}).get("code", answer.get("status"))


async def test_an_order_in_form_is_booked(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.http() as http:
        assert await post(http, BODY) == (201, "settled")
        answer = (await http.get("/payments/REF1")).json()
    assert answer == {
        "id": "P-00000001",
        "reference": "REF1",
        "status": "settled",
        "amount": 50_000,
        "currency": "MXN",
        "account": "0123456789",
        "createdAt": "2026-03-07T12:00:00+00:00",
        "settledAt": "2026-03-07T12:00:00+00:00",
        "code": None,
        "payment": None,
        "note": "Invoice 42",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"reference": "REF1"}',
        BODY | {"amount": "50000"},
        BODY | {"amount": 500.0},
        BODY | {"amount": True},
        BODY | {"amount": 0},
        BODY | {"amount": -1},
        BODY | {"amount": 10**30},
        BODY | {"amount": None},
        json.dumps(BODY | {"amount": float("nan")}).encode(),
        BODY | {"reference": "ref1"},
        BODY | {"reference": "R" * 31},
        BODY | {"reference": ""},
        BODY | {"account": 123456789},
        BODY | {"concept": "x" * 41},
        BODY | {"concept": "turned \u202earound"},
        BODY | {"recipientName": ""},
        BODY | {"expedite": True},
    ],
    ids=str,
)
async def test_an_order_that_is_not_in_form_is_refused(make_bank: Callable[..., Any], body: object) -> None:
    here = make_bank()
    async with here.http() as http:
        assert await post(http, body) == (400, "invalid_request")
        assert await post(http, BODY) == (201, "settled"), "its key was not used up"
    assert len(here.debits) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"account": "012345678"}, "invalid_account"),
        ({"account": "٠١٢٣٤٥٦٧٨٩"}, "invalid_account"),
        ({"currency": "USD"}, "unsupported_currency"),
    ],
)
async def test_an_order_that_this_bank_cannot_carry_out_is_refused(
    make_bank: Callable[..., Any], change: dict[str, Any], code: str
) -> None:
    here = make_bank()
    async with here.http() as http:
        assert await post(http, BODY | change) == (422, code)
    assert here.debits == []


@pytest.mark.parametrize(
    "headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 256}, {"Idempotency-Key": "a b"}]
)
async def test_an_order_without_a_key_is_refused(make_bank: Callable[..., Any], headers: dict[str, str]) -> None:
    here = make_bank()
    async with here.http() as http:
        response = await http.post("/payments", json=BODY, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
    assert "Idempotency-Key" in response.json()["error"]["message"]
    assert here.debits == []


async def test_a_body_that_is_not_called_json_or_has_no_end_is_refused(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.http() as http:
        form = await http.post("/payments", data={"amount": "1"}, headers={"Idempotency-Key": "k1"})
        assert (form.status_code, form.json()["error"]["code"]) == (415, "invalid_request")
        assert await post(http, BODY | {"concept": "x" * 20_000}) == (413, "invalid_request")
    assert here.debits == []


async def test_a_refusal_says_where_and_never_what(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.http() as http:
        headers = {"Idempotency-Key": "k1"}
        response = await http.post("/payments", json=BODY | {"amount": "4242424242"}, headers=headers)
    assert response.json()["error"]["message"].startswith("amount: ")
    assert "4242424242" not in response.text


async def test_one_key_cannot_carry_two_orders(make_bank: Callable[..., Any]) -> None:
    here = make_bank(dedupe="by_key")
    async with here.http() as http:
        assert await post(http, BODY) == (201, "settled")
        assert await post(http, BODY | {"amount": 50_001}) == (422, "key_reused")
        assert await post(http, REFUND, path="/payments/REF1/refunds") == (422, "key_reused")
        assert await post(http, BODY, key="k2") == (201, "settled"), "this bank knows keys, not references"
    assert len(here.debits) == 2


async def test_one_reference_cannot_carry_two_orders(make_bank: Callable[..., Any]) -> None:
    here = make_bank(dedupe="by_reference")
    async with here.http() as http:
        assert await post(http, BODY) == (201, "settled")
        assert await post(http, BODY | {"amount": 50_001}, key="k2") == (409, "duplicate_reference")
    assert [debit.amount for debit in here.debits] == [50_000]


@pytest.mark.parametrize(
    ("dedupe", "copy"),
    [("by_key", (409, "key_in_use")), ("by_reference", (409, "duplicate_reference"))],
)
async def test_a_copy_that_overtakes_the_work_on_the_first_is_put_off(
    make_bank: Callable[..., Any], dedupe: str, copy: tuple[int, str]
) -> None:
    here = make_bank(dedupe=dedupe)
    here.gate = asyncio.Event()
    slow = BODY | {"account": "4020104005"}
    async with here.http() as http:
        first = asyncio.create_task(post(http, slow))
        async with asyncio.timeout(120):
            await here.waiting.wait()
        assert await post(http, slow) == copy
        assert here.debits == []
        here.later(5)
        here.gate.set()
        assert await first == (201, "settled")
    assert len(here.debits) == 1


async def test_fifty_copies_at_once_are_booked_once(make_bank: Callable[..., Any]) -> None:
    here = make_bank()
    async with here.http() as http:
        answers = await asyncio.gather(*(post(http, BODY) for _ in range(50)))
    assert set(answers) == {(201, "settled")}
    assert len(here.debits) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [({"amount": 50_001}, "refund_too_large"), ({"currency": "USD"}, "unsupported_currency")],
)
async def test_a_refund_of_more_or_in_other_money_is_refused(
    make_bank: Callable[..., Any], change: dict[str, Any], code: str
) -> None:
    here = make_bank()
    async with here.http() as http:
        await post(http, BODY)
        assert await post(http, REFUND | change, key="k2", path="/payments/REF1/refunds") == (422, code)
        assert await post(http, REFUND | {"reason": ""}, key="k3", path="/payments/REF1/refunds") == (
            400,
            "invalid_request",
        )
        assert await post(http, REFUND, key="k4", path="/payments/NONE/refunds") == (404, "payment_not_found")
        assert await post(http, REFUND, key="k5", path="/payments/REF1/refunds") == (201, "settled")
        assert (await http.get("/refunds/REF2")).json()["payment"] == "REF1"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/payments/"), ("POST", "/payment"), ("DELETE", "/payments/REF1"), ("GET", "/payments")],
)
async def test_a_path_that_leads_nowhere_says_nothing_of_an_order(
    make_bank: Callable[..., Any], method: str, path: str
) -> None:
    here = make_bank()
    async with here.http() as http:
        response = await http.request(method, path)
    assert response.status_code in {404, 405}
    assert response.json()["error"]["code"] == "no_such_resource"


@pytest.mark.parametrize(
    ("lookup", "path"),
    [
        ("by_reference", "/payments/REF1?expand=all"),
        ("by_key", "/payments"),
        ("by_key", "/payments?key="),
        ("by_list", "/payments?limit=0"),
        ("by_list", "/payments?limit=101"),
        ("by_list", "/payments?limit=ten"),
        ("by_list", "/payments?before=-1"),
        ("by_list", "/payments?offset=3"),
    ],
)
async def test_a_question_that_is_not_in_form_is_refused(make_bank: Callable[..., Any], lookup: str, path: str) -> None:
    here = make_bank(lookup=lookup)
    async with here.http() as http:
        response = await http.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_list_has_every_booking_once_newest_first(make_bank: Callable[..., Any]) -> None:
    here = make_bank(lookup="by_list")
    async with here.http() as http:
        for n in range(5):
            await post(http, BODY | {"reference": f"REF{n}"}, key=f"k{n}")
            await post(http, REFUND | {"reference": f"BACK{n}"}, key=f"b{n}", path=f"/payments/REF{n}/refunds")
        references, cursor = [], None
        while True:
            page = (await http.get("/payments", params={"limit": 2} | ({"before": cursor} if cursor else {}))).json()
            references += [answer["reference"] for answer in page["data"]]
            cursor = page["next"]
            if cursor is None:
                break
    assert references == ["REF4", "REF3", "REF2", "REF1", "REF0"]
