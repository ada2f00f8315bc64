"""Each answer to an order has its meaning, with the ledger as witness; nothing is sent twice, or under a new key."""

import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rail_fintoc.api import verified_jws
from rail_fintoc.codes import ERRORS, REFUSALS
from rail_fintoc.models import FintocPayment, Return, Verification
from rail_fintoc.orders import REFERENCE
from riel import Draft, Money, NotAllowed, Rejected
from riel.sandbox.kit import published_key
from riel.testing.harness import lookup_outcome, references, send_outcome

from .harness_support import CHILE, HERE, MEXICO, PAYEE, FintocBank, chilean, look_up, send, to

pytestmark = pytest.mark.anyio

CHILEAN_REASONS = range(50, 61)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# The scenarios of a payee in Mexico: what the core hears of the send, what it learns later, and whether money moved.
SCENARIOS: list[tuple[str, int, str, str, bool]] = [
    ("accepted", 2, "pending", "settled", True),
    ("stays pending", 14, "pending", "pending", True),
    ("a status of no list", 15, "pending", "pending", True),
    ("rejected with a reason", 3, "pending", "rejected", False),
    ("rejected with a reason of no list", 1, "pending", "rejected", False),
    ("failed", 10, "pending", "rejected", False),
    ("succeeds, and comes back", 12, "pending", "returned", True),
    ("a time-out after it was stored", 20, "unknown", "settled", True),
    ("HTTP 502, not stored", 21, "unknown", "absent", False),
    ("HTTP 502, stored", 22, "unknown", "settled", True),
    ("the connection breaks", 23, "unknown", "settled", True),
    ("no JSON", 24, "unknown", "settled", True),
    ("HTTP 500 that is stored, and the money moves", 25, "unknown", "settled", True),
    ("HTTP 500 that is stored, and none moves", 26, "unknown", "absent", False),
    ("HTTP 503 that is stored, and none moves", 27, "unknown", "absent", False),
    ("HTTP 429", 28, "unknown", "absent", False),
    ("the webhook before the answer", 30, "pending", "settled", True),
    ("not in any list", 34, "pending", "settled", True),
    ("the payee is blocked", 40, "rejected recipient_blocked_account", "absent", False),
    ("refused in hostile words", 41, "rejected invalid_recipient_account", "absent", False),
    ("a code of no list", 42, "unknown", "absent", False),
    ("no balance", 43, "rejected insufficient_balance", "absent", False),
]


@pytest.mark.parametrize(
    ("scenario", "heard", "later", "moved"), [row[1:] for row in SCENARIOS], ids=[row[0] for row in SCENARIOS]
)
async def test_each_answer_has_its_meaning_and_a_look_up_finds_what_was_stored(
    scenario: int, heard: str, later: str, moved: bool
) -> None:
    bank = FintocBank()
    async with bank.rail() as client:
        said, order = await send(client, bank.order(client, **to(scenario)))
        assert said == heard
        assert len(bank.transport.orders) == 1, "the rail never tries again by itself"
        bank.later(minutes=2)
        assert await lookup_outcome(client, order) == later
    assert [debit.amount for debit in bank.debits] == [50_000] * moved


@pytest.mark.parametrize("scenario", [row[1] for row in SCENARIOS if row[2].startswith("rejected")])
async def test_every_refusal_proves_that_nothing_was_booked_and_is_explained(scenario: int) -> None:
    bank = FintocBank()
    async with bank.rail() as client:
        with pytest.raises(Rejected) as refused:
            await client.send(bank.order(client, **to(scenario)))
    assert refused.value.provider_code in REFUSALS
    assert ERRORS[refused.value.provider_code].code.startswith("FINTOC_")
    assert not any(ord(character) < 32 or character == "\u202e" for character in refused.value.provider_message)
    assert len(refused.value.provider_message) < 1000


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "failure", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError]
)
async def test_an_order_that_left_is_sent_once_and_unknown(failure: type[httpx.TransportError], when: str) -> None:
    bank = FintocBank(breaks=[(when, failure("gone"))])
    async with bank.rail() as client:
        order = bank.order(client)
        assert await send_outcome(client, order) == "unknown"
        assert len(bank.transport.orders) == 1
        bank.later(seconds=5)
        assert await lookup_outcome(client, order) == ("settled" if when == "after" else "absent")
    assert len(bank.debits) == (when == "after")


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_what_never_left_was_not_sent(failure: type[httpx.TransportError]) -> None:
    bank = FintocBank(breaks=[("before", failure("down")) for _ in range(3)])
    async with bank.rail() as client:
        assert await send_outcome(client, bank.order(client)) == "not sent"
    assert bank.debits == []


async def test_a_connection_that_comes_after_all_carries_it_once_and_signs_it_anew() -> None:
    bank = FintocBank(breaks=[("before", httpx.ConnectError("down"))] * 2)
    async with bank.rail() as client:
        assert await send_outcome(client, bank.order(client)) == "pending"
    assert len({protected(request)["nonce"] for request in bank.transport.orders}) == 3
    assert len(bank.debits) == 1


def protected(request: httpx.Request) -> dict[str, Any]:
    first = request.headers["Fintoc-JWS-Signature"].partition(".")[0]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    return said


async def test_the_same_order_again_is_the_same_key_and_bytes_under_a_fresh_signature() -> None:
    bank = FintocBank()
    async with bank.rail() as client:
        order = bank.order(client)
        first = await client.send(order)
        bank.later(minutes=1)
        second = await client.send(order)
    one, two = bank.transport.orders
    assert first.provider_id == second.provider_id
    assert one.content == two.content == order.body
    assert bank.keys() == [order.reference, order.reference]
    assert protected(one)["nonce"] != protected(two)["nonce"]
    assert (protected(one)["ts"] + 60) == protected(two)["ts"] == int(bank.now.timestamp())
    for request, now in ((one, bank.now - timedelta(minutes=1)), (two, bank.now)):
        header = request.headers["Fintoc-JWS-Signature"]
        nonce = verified_jws(published_key().public_key(), header, request.content, now=now)
        assert len(nonce) == 32
    assert len(bank.debits) == 1


async def test_an_order_in_mexico_says_exactly_this() -> None:
    bank = FintocBank()
    async with bank.rail() as client:
        order = bank.order(client, holderId="NUJO800101AB1", referenceId="1234567")
        await client.send(order)
    (request,) = bank.transport.orders
    assert (request.method, request.url.raw_path) == ("POST", b"/v2/transfers")
    assert request.headers["Authorization"] == "sk_test_riel"
    assert request.headers["Fintoc-Version"] == "2026-02-01"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {
        "amount": 50_000,
        "currency": "MXN",
        "account_id": bank.settings.account_id,
        "counterparty": {"account_number": PAYEE, "holder_name": "José Núñez", "holder_id": "NUJO800101AB1"},
        "comment": "Factura 42",
        "reference_id": "1234567",
        "metadata": {REFERENCE: order.reference},
    }
    assert "José".encode() in request.content, "no escapes: the bytes are those that were signed"


async def test_an_order_in_chile_says_exactly_this() -> None:
    bank = chilean()
    async with bank.rail() as client:
        order = bank.order(client, **CHILE)
        assert await send_outcome(client, order) == "pending"
    (request,) = bank.transport.orders
    assert json.loads(request.content) == {
        "amount": 50_000,
        "currency": "CLP",
        "account_id": bank.settings.account_id,
        "counterparty": {
            "account_number": "12345678",
            "holder_name": "Juan Pérez",
            "holder_id": "111111111",
            "account_type": "checking_account",
            "institution_id": "cl_banco_estado",
        },
        "comment": "Factura 42",
        "metadata": {REFERENCE: order.reference},
    }


async def test_references_are_long_and_never_the_same_for_two_confirmations() -> None:
    bank = FintocBank()
    async with bank.rail() as client:
        made = {bank.order(client).reference for _ in range(50)}
    assert len(made) == 50
    assert all(reference.startswith("RIEL") and len(reference) == 30 for reference in made)


async def test_the_same_confirmation_makes_the_same_order_byte_for_byte() -> None:
    bank = FintocBank()
    payment = FintocPayment.model_validate(MEXICO, context=bank.settings)
    draft = Draft(kind="payment", money=Money(payment.amount, "MXN"), payment=payment)
    async with bank.rail() as client:
        prepared = client.prepare(draft, references(bank.now, "pay_1"))
        later = references(bank.now + timedelta(minutes=9), "pay_1", created_at=bank.now)
        assert client.prepare(draft, later) == prepared
        assert client.prepare(draft, references(bank.now, "pay_2")).reference != prepared.reference


@pytest.mark.parametrize("currency", ["CLP", "MXN"])
async def test_the_currency_of_another_account_is_refused_by_its_own_code(currency: str) -> None:
    bank = FintocBank() if currency == "CLP" else chilean()
    async with bank.rail() as client:
        order = bank.order(client, **(CHILE if currency == "CLP" else MEXICO))
        assert await send_outcome(client, order) == "rejected mismatch_transfer_account_currency"
    assert bank.debits == []


async def test_ten_transfers_leave_in_a_second_and_the_eleventh_waits() -> None:
    bank = FintocBank(behaviour={"transfers_per_second": 10})
    async with bank.rail() as client:
        begun = bank.now
        assert [await send_outcome(client, bank.order(client)) for _ in range(11)] == ["pending"] * 11
    assert bank.now - begun == timedelta(seconds=1)
    assert len(bank.debits) == 11


async def test_after_a_429_everything_waits_and_the_same_key_is_used() -> None:
    bank = FintocBank()
    async with bank.rail() as client:
        order, before = bank.order(client, **to(28)), bank.now
        assert await send_outcome(client, order) == "unknown"
        assert await lookup_outcome(client, order) == "absent"
        assert bank.now - before == timedelta(seconds=1)
        assert (await client.send(order)).status.value == "pending"
    assert bank.keys() == [order.reference] * 2
    assert len(bank.debits) == 1


async def test_an_error_without_fintocs_form_proves_nothing() -> None:
    for answer in (
        httpx.Response(403, html="<h1>Forbidden</h1>"),
        httpx.Response(404, json={"error": {"type": "invalid_request_error", "code": "missing_resource"}}),
        httpx.Response(200, content=b""),
        httpx.Response(201, json=[]),
        httpx.Response(201, json={}),
        httpx.Response(201, json={"status": "succeeded"}),
        httpx.Response(409, json={"error": {"type": "api_error", "code": "insufficient_balance", "message": "x"}}),
    ):
        bank = FintocBank()
        bank.transport.answer = lambda request, answer=answer: answer  # type: ignore[misc]
        async with bank.rail() as client:
            heard = await send_outcome(client, bank.order(client))
        assert heard == ("rejected missing_resource" if answer.status_code == 404 else "unknown")


@pytest.mark.parametrize(
    ("unset", "named"),
    [({"jws_private_key": ...}, "RIEL_FINTOC_JWS_PRIVATE_KEY"), ({"account_id": ...}, "RIEL_FINTOC_ACCOUNT_ID")],
)
async def test_what_cannot_be_sent_is_refused_before_anybody_is_asked(unset: dict[str, Any], named: str) -> None:
    bank = FintocBank(overrides=unset)
    async with bank.rail() as client:
        with pytest.raises(ValueError, match=named):
            bank.order(client)
        if "jws" in named.lower():
            for operation in (
                Return(amount=1, currency="MXN", account="x", name="", about="", transfer_id="tr_1"),
                Verification(amount=1, currency="MXN", account="x", name="", about=""),
            ):
                with pytest.raises(NotAllowed, match=named) as refused:
                    bank.order(client, operation)
                assert refused.value.error.code == "FINTOC_NOT_SET_UP"
    assert bank.transport.orders == []


async def test_the_published_pair_is_what_the_pretend_fintoc_gives_and_nobody_answers_at_its_address() -> None:
    bank = FintocBank()
    assert bank.settings.base_url == HERE
    assert bank.settings.jws_private_key is not None
    key = load_pem_private_key(bank.settings.jws_private_key.read_bytes(), None)
    assert key.public_key() == published_key().public_key()


async def test_an_order_that_is_in_no_list_is_found_by_the_id_that_fintoc_gave_it() -> None:
    bank = FintocBank()
    async with bank.rail() as client:
        order = bank.order(client, **to(34))
        _, known = await send(client, order)
        bank.later(seconds=5)
        assert await lookup_outcome(client, order) == "absent"
        assert (await look_up(client, known)).facts["fintocId"] == known.provider_id
