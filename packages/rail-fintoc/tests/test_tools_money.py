"""What is given back, taken back or verified happens once, and a person who sees where the money goes confirms it."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from rail_fintoc.models import Verification
from rail_fintoc.sandbox.seed.companies import fixed_id
from riel import NothingLearned
from riel.testing.harness import limits_guard

from .harness_support import MEXICO, FintocBank, FintocHarness, fintoc_harness, to
from .payments_support import ACCOUNT, PAYMENT, UNKNOWN_PAYER

pytestmark = pytest.mark.anyio

REFUND = {"resource_id": PAYMENT, "resource_type": "payment_intent", "amount": 500}
LOST = httpx.ReadTimeout("lost")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def later(harness: FintocHarness, told: dict[str, Any], **duration: float) -> dict[str, Any]:
    """What an agent reads some time later."""
    await harness.wait(**(duration or {"minutes": 5}))
    return await harness.check(told["reference"])


async def of_its_ends(harness: FintocHarness, tool: str, **arguments: Any) -> dict[str, Any]:
    """What an agent reads of what a person confirmed, in the end."""
    answer = await harness.confirm(tool, **arguments)
    if answer["error"]:
        return dict(answer["error"])
    return await later(harness, answer["data"])


async def test_a_refund_is_confirmed_and_paid_once_however_often_it_is_asked(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        held = await harness.data("create_refund", **REFUND)
        assert held["status"] == "2fa_required"
        code = await harness.code(held["paymentId"])
        assert "CLP 500" in harness.texts[0]
        answers = [await harness.data("create_refund", **REFUND, verificationCode=code) for _ in range(3)]
        assert {answer["reference"] for answer in answers} == {answers[0]["reference"]}
        assert answers[0]["fintocId"].startswith("re_")
        assert (await later(harness, answers[0]))["status"] == "success"
        assert [debit.amount for debit in harness.bank.debits] == [500]
        assert set(harness.bank.keys()) == {answers[0]["reference"]}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_refund_whose_answer_is_lost_is_paid_once(when: str, tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        harness.bank.transport.breaks = [(when, LOST)]
        assert (await of_its_ends(harness, "create_refund", **REFUND))["status"] == "success"
        assert [debit.amount for debit in harness.bank.debits] == [500]
        assert len(set(harness.bank.keys())) == 1


async def test_the_callers_metadata_goes_along_and_ours_stays_ours(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        answer = await harness.confirm("create_refund", **REFUND, metadata={"why": "late", "riel_reference": "forged"})
        (request,) = harness.bank.transport.orders
        assert json.loads(request.content)["metadata"] == {
            "why": "late",
            "riel_reference": answer["data"]["reference"],
        }


@pytest.mark.parametrize(
    ("amount", "status", "code"),
    [
        (701, "rejected", "FINTOC_INSUFFICIENT_BALANCE"),
        (702, "rejected", "FINTOC_REFUND_REFUSED"),
        (705, "pending", ""),
        (1000, "success", ""),
    ],
)
async def test_how_a_refund_ends_is_what_the_agent_reads(amount: int, status: str, code: str, tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        read = await of_its_ends(harness, "create_refund", **{**REFUND, "amount": amount})
        assert (read["status"], read.get("reason", {}).get("code", "")) == (status, code)


async def test_two_equal_parts_are_two_refunds_and_more_than_the_payment_is_none(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        known = await harness.bank.paid(10_000)
        part = {**REFUND, "resource_id": known, "amount": 5000}
        for _ in range(2):
            assert (await of_its_ends(harness, "create_refund", **part))["status"] == "success"
            harness.bank.later(hours=1)
        refused = await of_its_ends(harness, "create_refund", **part)
        assert refused["code"] == "FINTOC_INVALID_AMOUNT"
        refused = await harness.error("create_refund", **{**part, "amount": 10_001})
        assert refused["code"] == "FINTOC_REFUND_NOT_POSSIBLE"
        assert sum(debit.amount for debit in harness.bank.debits) == 10_000


async def test_the_person_sees_the_account_that_a_refund_is_paid_to(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        account = {**ACCOUNT, "number": "99887766", "holder_name": "Arya Stark", "holder_id": "415792638"}
        answer = await harness.confirm(
            "create_refund", **{**REFUND, "resource_id": UNKNOWN_PAYER}, recipient_account=account
        )
        (question,) = harness.texts
        assert all(word in question for word in ("Arya Stark", "7766", "BancoEstado"))
        assert "the payer" not in question
        assert (await later(harness, answer["data"]))["status"] == "success"
        assert [debit.beneficiary for debit in harness.bank.debits] == ["99887766"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"resource_type": "charge"}, "resource_type"),
        ({"resource_id": "pi/1"}, "resource_id"),
        ({"amount": 0}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"metadata": "why"}, "metadata"),
        ({"recipient_account": {"number": "1"}}, "recipient_account"),
        ({"currency": "CLP"}, "currency"),
    ],
    ids=str,
)
async def test_what_is_no_refund_asks_nobody(change: dict[str, Any], field: str, tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        refused = await harness.error("create_refund", **{**REFUND, **change})
        assert refused["details"]["field"].split(".")[0] == field
        assert harness.bank.transport.requests == []


async def test_a_refund_of_nothing_is_none(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        for known in ("pi_none", fixed_id("pi", "CLP", "live")):
            assert (await harness.error("create_refund", **{**REFUND, "resource_id": known}))["code"] == "NOT_FOUND"


async def test_taking_a_refund_back_is_confirmed_done_once_and_counts_in_no_limit(tmp_path: Path) -> None:
    limits = limits_guard({"per_payment": {"CLP": 600}, "per_day": {"CLP": 1000}, "time_zone": "America/Santiago"})
    async with fintoc_harness(tmp_path, guards=(limits,), refund_pending_seconds=3600) as harness:
        known = (await harness.bank.refund(amount=5000))["id"]
        assert (await harness.error("create_refund", **{**REFUND, "amount": 5000}))["code"].startswith("LIMIT")
        for _ in range(2):
            again = (await harness.bank.refund(amount=5000))["id"]
            read = await of_its_ends(harness, "cancel_refund", id=again)
            assert read["status"] == "success"
        told = await harness.confirm("cancel_refund", id=known)
        assert told["data"]["fintocId"] == known
        assert (await harness.bank.get(f"/v1/refunds/{known}"))["status"] == "canceled"
        harness.bank.later(days=1)
        assert harness.bank.debits == []
        paid = await harness.confirm("create_refund", **REFUND)
        assert paid["error"] is None, "the limit is all there"
        assert (await later(harness, paid["data"], hours=2))["status"] == "success"


async def test_taking_back_repeated_is_the_same_and_the_question_says_what_it_is(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, refund_pending_seconds=3600) as harness:
        known = (await harness.bank.refund(amount=5000))["id"]
        held = await harness.data("cancel_refund", id=known)
        code = await harness.code(held["paymentId"])
        assert known in harness.texts[0]
        answers = [await harness.data("cancel_refund", id=known, verificationCode=code) for _ in range(3)]
        assert [answer["status"] for answer in answers] == ["success"] * 3
        cancels = [request for request in harness.bank.transport.requests if request.url.path.endswith("/cancel")]
        assert [request.headers["Idempotency-Key"] for request in cancels] == [f"cancel_refund-{known}"]
        assert "Fintoc-JWS-Signature" not in cancels[0].headers


async def test_what_is_under_way_cannot_be_taken_back(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, refunded_seconds=3600) as harness:
        known = (await harness.bank.refund(amount=5000))["id"]
        held = await harness.data("cancel_refund", id=known)
        code = await harness.code(held["paymentId"])
        harness.bank.transport.answer = lambda request: (
            harness.bank.later(minutes=1) if request.url.path.endswith("/cancel") else None
        )
        refused = await harness.error("cancel_refund", id=known, verificationCode=code)
        assert refused["code"] == "FINTOC_NOT_POSSIBLE"
        assert (await harness.error("cancel_refund", id=known))["code"] == "FINTOC_REFUND_NOT_POSSIBLE"
        assert (await harness.error("cancel_refund", id="re_none"))["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("pays_in", "ends", "code"), [(3600, "success", None), (60, "rejected", "FINTOC_NOT_POSSIBLE")]
)
async def test_a_lost_answer_to_taking_back_is_resolved_by_what_the_refund_became(
    pays_in: float, ends: str, code: str | None, tmp_path: Path
) -> None:
    async with fintoc_harness(tmp_path, refund_pending_seconds=pays_in) as harness:
        known = (await harness.bank.refund(amount=5000))["id"]
        cancels: list[httpx.Request] = []

        def meets(request: httpx.Request) -> httpx.Response | None:
            if request.url.path.endswith("/cancel") and not cancels:
                cancels.append(request)
                raise LOST
            return None

        held = await harness.data("cancel_refund", id=known)
        harness.bank.transport.answer = meets
        answer = await harness.data("cancel_refund", id=known, verificationCode=await harness.code(held["paymentId"]))
        await harness.idle()
        assert answer["status"] == "pending"
        read = await later(harness, answer)
        assert (read["status"], read.get("reason", {}).get("code")) == (ends, code)


async def test_a_received_transfer_is_given_back_once_and_by_whom_it_may_concern(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        known = await harness.bank.received(20_000)
        asked = {"reference": known, "reason": "Not ours"}
        read = await of_its_ends(harness, "request_refund", **asked)
        assert (read["status"], read["fintocId"]) == ("success", known)
        assert [debit.amount for debit in harness.bank.debits] == [20_000]
        again = await harness.error("request_refund", **asked)
        assert again["code"] == "ALREADY_DONE"
        assert len(harness.bank.transport.orders) == 1


async def test_a_return_that_fails_is_told_as_failed(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        known = await harness.bank.received(40_400)
        read = await of_its_ends(harness, "request_refund", reference=known, reason="Not ours")
        assert (read["status"], read["reason"]["code"]) == ("rejected", "FINTOC_RETURN_FAILED")
        assert harness.bank.debits == []


async def test_after_90_days_nothing_is_asked_and_the_reason_is_told(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        known = await harness.bank.received()
        harness.bank.later(days=91)
        refused = await harness.error("request_refund", reference=known, reason="Not ours")
        assert refused["code"] == "FINTOC_RETURN_TOO_LATE"
        assert harness.bank.transport.orders == []


async def test_a_collected_payment_can_be_given_back_in_part_by_the_third_tool_too(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        read = await of_its_ends(harness, "request_refund", reference=PAYMENT, reason="Late", amount=500)
        assert (read["status"], read["amount"]) == ("success", 500)
        assert (await harness.error("request_refund", reference="pi_none", reason="Late"))["code"] == "NOT_FOUND"


async def test_a_verification_tells_who_holds_the_account(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        read = await of_its_ends(harness, "verify_account", account_number=to(35)["accountNumber"])
        assert (read["status"], read["formattedAmount"]) == ("success", "MXN 0.01")
        assert read["untrusted"]["holderName"] == "OTRA PERSONA"
        assert read["untrusted"]["holderId"]
        assert "MXN 0.01" in harness.texts[0]
        (request,) = [one for one in harness.bank.transport.requests if one.method == "POST"]
        assert request.url.path == "/v2/account_verifications"
        assert "Fintoc-JWS-Signature" in request.headers


@pytest.mark.parametrize("when", ["lost", "refused", "failed"])
async def test_a_verification_is_one_whatever_befalls_it(when: str, tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        account = to(3)["accountNumber"] if when == "failed" else MEXICO["accountNumber"]
        posts: list[httpx.Request] = []

        def meets(request: httpx.Request) -> httpx.Response | None:
            if request.method == "POST":
                posts.append(request)
                if len(posts) == 1 and when == "lost":
                    raise LOST
                if when == "refused":
                    error = {"type": "invalid_request_error", "code": "forbidden_account_verification", "message": "No"}
                    return httpx.Response(403, json={"error": error})
            return None

        harness.bank.transport.answer = meets
        read = await of_its_ends(harness, "verify_account", account_number=account)
        if when == "refused":
            assert read["code"] == "FINTOC_FORBIDDEN"
        else:
            assert read["status"] == ("success" if when == "lost" else "rejected")
            assert len(await harness.bank.get("/v2/account_verifications")) == 1
        assert len({request.headers["Idempotency-Key"] for request in posts}) == 1


async def test_an_older_verification_of_the_same_account_is_not_taken_for_ours_where_our_clock_is_behind() -> None:
    bank = FintocBank()
    verification = Verification(amount=1, currency="MXN", account=MEXICO["accountNumber"], name="", about="")
    async with bank.rail() as client:
        older = bank.order(client, verification)
        await client.send(older)
        ours = replace(bank.order(client, verification), created_at=bank.now - timedelta(minutes=1))
        assert await client.status(ours) is None, "it is repeated under its key, whose answer names the very one"
        assert (await client.send(ours)).provider_id != (await client.send(older)).provider_id
        bank.later(hours=22)
        with pytest.raises(NothingLearned):
            await client.status(ours)


async def test_only_a_clabe_is_verified(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        for wrong in ("014027000005555559", "5512345678", ""):
            refused = await harness.error("verify_account", account_number=wrong)
            assert refused["code"] == "FINTOC_INVALID_CLABE"
