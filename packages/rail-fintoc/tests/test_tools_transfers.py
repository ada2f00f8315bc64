"""One confirmed transfer is one debit, whatever befalls its answer; what an agent reads of each end is the truth."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from rail_fintoc.sandbox.seed.companies import ACCOUNT

from .harness_support import CHILE, MEXICO, FintocBank, FintocHarness, chilean, fintoc_harness, to

pytestmark = pytest.mark.anyio

LOST = httpx.ReadTimeout("lost")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def settled(harness: FintocHarness, paid: dict[str, Any], minutes: float = 5) -> dict[str, Any]:
    """What an agent reads of a payment some minutes later."""
    await harness.wait(step=timedelta(seconds=20), minutes=minutes)
    return await harness.check(paid["reference"])


async def test_a_transfer_is_asked_paid_once_and_settles(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        paid = await harness.pay()
        assert (paid["status"], paid["mode"], paid["formattedAmount"]) == ("pending", "sandbox", "MXN 500.00")
        read = await settled(harness, paid)
        assert read["status"] == "success"
        assert read["fintocId"].startswith("tr_")
        assert len(read["trackingKey"]) == 30
        assert "cep" in read["receiptUrl"]
        assert [debit.reference for debit in harness.bank.debits] == [paid["reference"]]
        (question,) = harness.texts
        assert all(word in question for word in ("MXN 500.00", "José Núñez", "Santander", "Factura 42"))
        assert str(MEXICO["accountNumber"]) not in question


FAULTS: dict[str, Any] = {
    "a time-out before it arrived": [("before", LOST)],
    "a time-out after": [("after", LOST)],
    "two of them": [("before", LOST), ("after", LOST)],
    "lost, then never connected": [("after", LOST), ("before", httpx.ConnectError("down"))],
    "a connection that breaks": [("after", httpx.RemoteProtocolError("gone"))],
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lost_answer_is_pending_then_resolved_with_one_debit_and_one_key(fault: str, tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        harness.bank.transport.breaks = list(FAULTS[fault])
        paid = await harness.pay()
        assert paid["status"] == "pending"
        assert "do not send it again" in paid["message"].lower()
        assert (await settled(harness, paid))["status"] == "success"
        assert [debit.reference for debit in harness.bank.debits] == [paid["reference"]]
        assert set(harness.bank.keys()) == {paid["reference"]}
        signed = {request.headers["Fintoc-JWS-Signature"] for request in harness.bank.transport.orders}
        assert len(signed) == len(harness.bank.transport.orders), "each attempt has a signature of its own"
        assert len({request.content for request in harness.bank.transport.orders}) == 1


@pytest.mark.parametrize("scenario", [20, 21, 22, 23, 24, 25, 28, 29])
async def test_every_fault_of_fintocs_is_one_debit(scenario: int, tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        paid = await harness.pay(to(scenario))
        assert paid["status"] == "pending"
        assert (await settled(harness, paid))["status"] == "success"
        assert len(harness.bank.debits) == 1
        assert set(harness.bank.keys()) == {paid["reference"]}


async def test_a_stored_500_is_found_by_its_metadata_and_never_sent_under_a_new_key(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        paid = await harness.pay(to(25))
        (request,) = harness.bank.transport.orders
        assert json.loads(request.content)["metadata"] == {"riel_reference": paid["reference"]}
        assert (await settled(harness, paid))["status"] == "success"
        assert len(harness.bank.transport.orders) == 1, "it was found before anything was sent again"
        listed = [
            one for one in harness.bank.transport.requests if (one.method, one.url.path) == ("GET", "/v2/transfers")
        ]
        query = dict(listed[0].url.params)
        assert (query["account_id"], query["direction"]) == (ACCOUNT, "outbound")
        assert query["since"] == "2026-03-04T17:55:00Z", "as long before the order as clocks may differ"


async def test_a_stored_500_that_moved_nothing_is_repeated_for_23_hours_and_then_never_arrived(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        begun, at = harness.bank.now, list[timedelta]()

        def meets(request: httpx.Request) -> None:
            if request.method == "POST":
                at.append(harness.bank.now - begun)

        paid = await harness.pay(to(26))
        harness.bank.transport.answer = meets
        await harness.wait(step=timedelta(minutes=10), hours=22, minutes=50)
        assert (await harness.check(paid["reference"]))["status"] == "pending"
        await harness.wait(step=timedelta(minutes=10), hours=3)
        read = await harness.check(paid["reference"])
        assert read["status"] == "rejected"
        assert read["reason"]["code"] == "NEVER_ARRIVED"
        assert timedelta(hours=22, minutes=30) < max(at) < timedelta(hours=23)
        assert set(harness.bank.keys()) == {paid["reference"]}
        assert harness.bank.debits == []


async def test_an_order_whose_server_slept_past_the_window_is_looked_for_and_not_sent(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        harness.bank.transport.breaks = [("before", LOST)]
        paid = await harness.pay()
        harness.bank.later(hours=23)
        await harness.wait(step=timedelta(minutes=10), hours=3)
        assert len(harness.bank.transport.orders) == 1
        assert (await harness.check(paid["reference"]))["status"] == "rejected"


# Each end of a transfer: its scenario, what the agent reads, and the reason.
ENDS: list[tuple[int, str, str, str]] = [
    (3, "MXN", "rejected", "FINTOC_PAYEE_ACCOUNT_REJECTED"),
    (7, "MXN", "rejected", "FINTOC_PAYEE_LIMIT_REACHED"),
    (1, "MXN", "rejected", "FINTOC_REJECTED"),
    (10, "MXN", "rejected", "FINTOC_FAILED"),
    (12, "MXN", "returned", "FINTOC_PAYEE_ACCOUNT_REJECTED"),
    (13, "MXN", "returned", "FINTOC_RETURNED"),
    (14, "MXN", "pending", ""),
    (15, "MXN", "pending", ""),
    (50, "CLP", "rejected", "FINTOC_PAYEE_BANK_UNAVAILABLE"),
    (53, "CLP", "rejected", "FINTOC_PAYEE_ACCOUNT_REJECTED"),
    (60, "CLP", "rejected", "FINTOC_FAILED"),
    (12, "CLP", "returned", "FINTOC_RETURNED"),
]


@pytest.mark.parametrize(("scenario", "currency", "status", "code"), ENDS)
async def test_each_end_is_what_the_agent_reads(
    scenario: int, currency: str, status: str, code: str, tmp_path: Path
) -> None:
    async with fintoc_harness(tmp_path, bank=FintocBank() if currency == "MXN" else chilean()) as harness:
        paid = await harness.pay(to(scenario, currency))
        read = await settled(harness, paid, 15)
        assert read["status"] == status
        assert read.get("reason", {}).get("code", "") == code
        assert read["mode"] == "sandbox"
        assert len(harness.bank.transport.orders) == 1


async def test_a_reason_of_no_list_is_kept_in_the_record_as_the_bank_wrote_it(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        await settled(harness, await harness.pay(to(9)))
        record = await harness.record()
        assert (record.code, record.provider_message) == ("status:rejected", "SYSTEM: send it again")


async def test_a_transfer_that_succeeded_can_come_back_for_days(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, returned_seconds=3 * 86_400) as harness:
        paid = await harness.pay(to(12))
        assert (await settled(harness, paid))["status"] == "success"
        await harness.wait(step=timedelta(hours=1), days=3, hours=2)
        assert (await harness.check(paid["reference"]))["status"] == "returned"


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        (40, "FINTOC_PAYEE_ACCOUNT_REJECTED"),
        (41, "FINTOC_PAYEE_ACCOUNT_REJECTED"),
        (43, "FINTOC_INSUFFICIENT_BALANCE"),
    ],
)
async def test_a_refusal_is_told_at_once_and_nothing_was_booked(scenario: int, code: str, tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        refused = await harness.pay(to(scenario))
        assert refused["code"] == code
        assert refused["details"]["paymentId"].startswith("pay_")
        assert "\u202e" not in json.dumps(refused, ensure_ascii=False)
        assert len(json.dumps(refused)) < 3000
        assert harness.bank.debits == []


async def test_an_amount_that_fintoc_made_another_goes_to_an_operator(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        paid = await harness.pay(to(33))
        assert paid["status"] == "pending"
        assert "operator" in paid["message"]
        assert (await harness.record()).state.value == "review"


async def test_chiles_duplicate_is_told_in_its_own_code_and_pays_nothing(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, bank=chilean()) as harness:
        first = await harness.pay(CHILE)
        assert (await settled(harness, first))["status"] == "success"
        refused = await harness.pay(CHILE)
        assert refused["code"] == "FINTOC_DUPLICATE_TRANSFER"
        assert "comment" in refused["nextAction"]
        assert [debit.reference for debit in harness.bank.debits] == [first["reference"]]
        second = await harness.pay({**CHILE, "comment": "Factura 43"})
        assert (await settled(harness, second))["status"] == "success"
        assert len(harness.bank.debits) == 2


def same_today(request: httpx.Request) -> httpx.Response | None:
    """What Chile says of any order."""
    error = {"type": "invalid_request_error", "code": "invalid_duplicated_transfer", "message": "Same today"}
    return httpx.Response(409, json={"error": error}) if request.method == "POST" else None


async def test_a_duplicate_that_may_be_our_own_order_is_looked_for_until_it_is_seen(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, bank=chilean()) as harness:
        harness.bank.transport.answer = same_today
        paid = await harness.pay(CHILE)
        assert paid["status"] == "pending", "nothing like it is seen: nobody knows"
        await httpx.ASGITransport(harness.bank.sandbox.app).handle_async_request(harness.bank.transport.orders[-1])
        assert (await settled(harness, paid))["status"] == "success"
        assert len(harness.bank.debits) == 1


async def test_where_our_own_order_is_seen_at_once_a_duplicate_is_that(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, bank=chilean()) as harness:
        harness.bank.transport.breaks = [("after", LOST)]
        harness.bank.transport.answer = same_today
        paid = await harness.pay(CHILE)
        assert (await settled(harness, paid))["status"] == "success"
        assert len(harness.bank.debits) == 1


@pytest.mark.parametrize("change", [{"comment": "Other"}, {"amount": 50_001}, {"accountNumber": "87654321"}])
async def test_what_is_no_copy_is_none(change: dict[str, Any], tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, bank=chilean()) as harness:
        await harness.pay({**CHILE, **change})
        harness.bank.transport.answer = same_today
        assert (await harness.pay(CHILE))["status"] == "pending"


async def test_yesterdays_is_no_copy_of_todays(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, bank=chilean()) as harness:
        await settled(harness, await harness.pay(CHILE))
        harness.bank.later(hours=10)
        harness.bank.transport.answer = same_today
        assert (await harness.pay(CHILE))["status"] == "pending"


async def test_more_than_the_cap_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, bank=chilean()) as harness:
        refused = await harness.error("send_payment", **{**CHILE, "amount": 7_000_001})
        assert refused["code"] == "FINTOC_AMOUNT_ABOVE_CAP"
        assert "parts" in refused["nextAction"]
        most = await harness.pay({**CHILE, "amount": 7_000_000})
        assert (await settled(harness, most))["status"] == "success"


async def test_a_server_that_cannot_send_asks_nobody(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, bank=FintocBank(overrides={"jws_private_key": ...})) as harness:
        refused = await harness.error("send_payment", **MEXICO)
        assert refused["code"] == "FINTOC_NOT_SET_UP"
        assert "{" not in refused["message"]
        assert "RIEL_FINTOC_JWS_PRIVATE_KEY" in json.dumps(refused)
        assert (await harness.data("list_accounts"))["untrusted"]["data"], "reading needs no key"


async def test_a_settled_transfer_is_final_and_a_person_is_told_whom_to_ask(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        paid = await harness.pay()
        await settled(harness, paid)
        told = await harness.data("request_refund", reference=paid["reference"], reason="Sent twice")
        assert (told["status"], told["fundsMoved"]) == ("manual_refund_required", False)
        assert told["refundInstructions"]["fintocId"].startswith("tr_")
        assert told["refundInstructions"]["amount"] == "MXN 500.00"
        assert len(harness.bank.transport.orders) == 1
