"""SPEI as an agent meets it: what it finally reads of each thing that STP can do, and one debit at most, always."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rail_spei.sandbox.behaviour import StpBehaviour

from .support.stp_harness import AT_STP, OPEN, ObservedStp, mexico, run_spei_harness

pytestmark = pytest.mark.anyio

DAY = "2026-03-04"

# The amounts on which the pretend STP does so (its centavos), what the agent reads at first, what once the operating
# day is over, and whether the money has left.
STORIES: list[tuple[str, int, str, str, int]] = [
    ("it settles", 0, "pending", "success", 1),
    ("id -1 for our own order", 1, "pending", "success", 1),
    ("id -200", 2, "SPEI_COMPLIANCE_REJECTED", "rejected", 0),
    ("id -30 once", 26, "pending", "success", 1),
    ("id -30 for ever", 3, "pending", "rejected", 0),
    ("it comes back", 4, "pending", "returned", 1),
    ("it is cancelled", 5, "pending", "rejected", 0),
    ("it stays under way", 6, "pending", "pending", 1),
    ("another name at the bank", 7, "pending", "success", 1),
    ("time-out after it was stored", 10, "pending", "success", 1),
    ("time-out before it was stored", 11, "pending", "rejected", 0),
    ('{"id": 3}', 12, "SPEI_SOURCE_ACCOUNT_REJECTED", "rejected", 0),
    ("id 0 without a text", 13, "pending", "success", 1),
    ("HTTP 403 with a page", 14, "SPEI_PROVIDER_ACCESS_DENIED", "rejected", 0),
    ("HTTP 502, not stored", 15, "pending", "rejected", 0),
    ("HTTP 502, stored", 16, "pending", "success", 1),
    ("numbers as strings", 17, "pending", "success", 1),
    ("its time is hidden at first", 18, "pending", "success", 1),
    ("id -1 for another company's order", 23, "pending", "rejected", 0),
    ("id 0, no answer from inside, stored", 24, "pending", "success", 1),
    ("id 0, no answer from inside, not stored", 25, "pending", "rejected", 0),
    ("an id that no catalogue has", 27, "pending", "success", 1),
    ("no JSON", 28, "pending", "success", 1),
    ("the connection breaks", 29, "pending", "success", 1),
    ("it arrives late", 30, "pending", "success", 1),
    ("a state that nobody explained", 33, "pending", "pending", 1),
    ("hostile words", 34, "SPEI_COMPLIANCE_REJECTED", "rejected", 0),
    ("one centavo more", 35, "pending", "pending", 1),
    ("id 0, signature", 62, "SPEI_SIGNATURE_REJECTED", "rejected", 0),
    ("id -24", 89, "SPEI_SAME_ACCOUNT", "rejected", 0),
    ("id -20", 85, "SPEI_INVALID_AMOUNT", "rejected", 0),
    ("id -9", 76, "SPEI_INSTITUTION_INACTIVE", "rejected", 0),
    ("id -34", 91, "SPEI_INVALID_TRACKING_KEY", "rejected", 0),
]


@pytest.mark.parametrize(("centavos", "first", "last", "debits"), [s[1:] for s in STORIES], ids=[s[0] for s in STORIES])
async def test_what_an_agent_reads_of_each_story(
    tmp_path: Path, centavos: int, first: str, last: str, debits: int
) -> None:
    async with run_spei_harness(stp := ObservedStp(now=mexico(DAY, "17:30")), tmp_path) as harness:
        told = await harness.pay(70_000 + centavos)
        assert told.get("status", told.get("code")) == first
        record = await harness.record()
        await harness.pass_time(mexico(DAY, "18:30"), step=timedelta(minutes=5))
        assert (await harness.check_status(record.reference))["status"] == last
    assert len(stp.debits) == debits
    assert len(set(stp.sent)) == 1, "whatever was sent was the same key and the same bytes"


async def test_the_whole_receipt_of_a_payment(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(), tmp_path) as harness:
        held = await harness.call(
            "send_payment", clabe=AT_STP, amount=1, concept="Factura 42", recipientName="Ricardo Sánchez"
        )
        assert held["status"] == "2fa_required"
        assert stp.sent == []
        told = await harness.pay()
        stp.advance(seconds=2)
        first = await harness.check_status(told["trackingKey"])
        assert (first["status"], "nameMatches" in first) == ("success", False), "the payee's bank reports it later"
        stp.advance(minutes=6)
        await harness.engine.run_once()
        await harness.idle()
        receipt = await harness.check_status(told["trackingKey"])
        events = [event.event for event in await harness.journal.events((await harness.record()).id)]
    assert events[-2:] == ["payment.settled", "payment.learned"]
    assert receipt["status"] == "success"
    assert receipt["operationDate"] == DAY
    assert receipt["bankName"] == "BANORTE"
    assert receipt["settledAt"] == "2026-03-04T18:00:01Z"
    assert receipt["providerOrder"] == "9000001"
    assert receipt["providerState"] == "LQ"
    assert receipt["cepUrl"] == "https://www.banxico.org.mx/cep/"
    assert receipt["nameMatches"] == "same"


async def test_where_stp_cannot_be_reached_nothing_was_sent_and_a_new_try_is_a_new_decision(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(down=True), tmp_path) as harness:
        refused = await harness.pay()
        assert (refused["code"], refused["retryable"]) == ("RAIL_UNREACHABLE", True)
        stp.down = False
        assert (await harness.pay())["status"] == "pending"
    assert len(stp.debits) == 1


async def test_maintenance_delays_a_payment_and_sends_nothing_twice(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(now=mexico(DAY, "16:00")), tmp_path) as harness:
        await stp.control("maintenance", on=True)
        told = await harness.pay()
        assert told["status"] == "pending"
        await harness.pass_time(mexico(DAY, "16:10"))
        await stp.control("maintenance", on=False)
        await harness.pass_time(mexico(DAY, "16:20"), step=timedelta(minutes=5))
        assert (await harness.check_status(told["trackingKey"]))["status"] == "success"
    assert len(stp.debits) == 1
    assert len(stp.sent) > 2
    assert len(set(stp.sent)) == 1


async def test_maintenance_that_outlasts_the_day_ends_in_an_honest_no(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(now=mexico(DAY, "17:30")), tmp_path) as harness:
        await stp.control("maintenance", on=True)
        told = await harness.pay()
        await harness.pass_time(mexico(DAY, "18:00"))
        sent = len(stp.sent)
        await stp.control("maintenance", on=False)
        await harness.pass_time(mexico(DAY, "18:30"))
        ended = await harness.check_status(told["trackingKey"])
    assert len(stp.sent) == sent, "no copy leaves after the cut-off"
    assert stp.debits == []
    assert ended["status"] == "rejected"
    assert ended["reason"]["code"] == "NEVER_ARRIVED"


async def test_maintenance_around_the_cutoff_is_told_at_once(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(now=mexico(DAY, "18:02")), tmp_path) as harness:
        await stp.control("maintenance", on=True)
        told = await harness.pay()
    assert (told["code"], told["retryable"]) == ("SPEI_PROVIDER_MAINTENANCE", True)


@pytest.mark.parametrize("ahead", [-280, 0, 280])
@pytest.mark.parametrize("made", ["17:53", "17:59:50", "18:00:05", "18:04"])
@pytest.mark.parametrize("centavos", [16, 15, 30])
async def test_no_answer_that_is_lost_around_the_cutoff_costs_a_second_debit(
    tmp_path: Path, made: str, ahead: int, centavos: int
) -> None:
    """Whether STP had it, did not, or gets it later: in two days there is one debit or none, and we know which.

    Where the clocks differ by more than a minute, it is not known that there is none.
    """
    stp = ObservedStp(now=mexico(DAY, made), ahead=timedelta(seconds=ahead))
    async with run_spei_harness(stp, tmp_path) as harness:
        told = await harness.pay(70_000 + centavos)
        assert told.get("status") == "pending"
        await harness.pass_time(mexico(DAY, "18:12"), step=timedelta(minutes=1))
        await harness.pass_time(mexico(DAY, "18:30"), step=timedelta(minutes=6))
        await harness.pass_time(mexico("2026-03-06", "12:00"), step=timedelta(hours=6))
        ended = (await harness.check_status(told["trackingKey"]))["status"]
    assert len(stp.debits) <= 1
    assert ended == ("success" if stp.debits else "pending" if ahead else "rejected")
    assert len(set(stp.sent)) == 1


@pytest.mark.parametrize("ahead", [-280, 0, 280])
@pytest.mark.parametrize("made", ["17:54", "17:59:50", "18:03:50", "18:05"])
async def test_queries_that_lag_around_the_cutoff_cost_no_second_debit(tmp_path: Path, made: str, ahead: int) -> None:
    lagging = StpBehaviour(lookup_lag_seconds=45)
    stp = ObservedStp(now=mexico(DAY, made), ahead=timedelta(seconds=ahead), behaviour=lagging)
    async with run_spei_harness(stp, tmp_path) as harness:
        told = await harness.pay(70_016)
        await harness.pass_time(mexico(DAY, "18:10"), step=timedelta(seconds=15))
        assert (await harness.check_status(told["trackingKey"]))["status"] == "success"
    assert len(stp.debits) == 1


async def test_on_friday_evening_it_is_monday_and_waits_for_it(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(now=mexico("2026-03-06", "18:30")), tmp_path) as harness:
        told = await harness.pay(70_015)
        assert told["operationDate"] == "2026-03-09"
        await harness.pass_time(mexico("2026-03-09", "18:00"), step=timedelta(hours=1))
        assert (await harness.check_status(told["trackingKey"]))["status"] == "pending", "its day is not over"
        await harness.pass_time(mexico("2026-03-09", "18:30"), step=timedelta(minutes=5))
        assert (await harness.check_status(told["trackingKey"]))["status"] == "rejected"
    assert stp.debits == []


async def test_an_ambiguous_refusal_between_accounts_of_stp_is_what_the_book_says(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(), tmp_path) as harness:
        assert (await harness.pay(70_002, AT_STP))["code"] == "SPEI_COMPLIANCE_REJECTED"
        moved = await harness.pay(70_031, AT_STP)
        assert moved["status"] == "pending"
        stp.advance(seconds=2)
        assert (await harness.check_status(moved["trackingKey"]))["status"] == "success"
    assert stp.debits == [moved["trackingKey"]]


async def test_a_return_after_settlement_reaches_whoever_asks(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(), tmp_path) as harness:
        told = await harness.pay()
        stp.advance(minutes=2)
        assert (await harness.check_status(told["trackingKey"]))["status"] == "success"
        await stp.control("state", tracking_key=told["trackingKey"], state="D", cause=1)
        stp.advance(minutes=2)
        ended = await harness.check_status(told["trackingKey"])
        refund = await harness.confirm("request_refund", trackingKey=told["trackingKey"], reason="wrong payee")
    assert ended["status"] == "returned"
    assert ended["reason"]["code"] == "SPEI_RETURNED"
    assert ended["providerCode"] == "1"
    assert refund["status"] == "nothing_to_refund"


async def test_a_settled_payment_is_not_pulled_back(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(), tmp_path) as harness:
        told = await harness.pay()
        early = await harness.confirm("request_refund", trackingKey=told["trackingKey"], reason="wrong payee")
        stp.advance(seconds=2)
        await harness.check_status(told["trackingKey"])
        late = await harness.confirm("request_refund", trackingKey=told["trackingKey"], reason="wrong payee")
        unknown = await harness.confirm("request_refund", trackingKey="NOBODYS", reason="wrong payee")
    assert (early["status"], early["fundsMoved"], "caseId" in early) == ("manual_refund_required", False, False)
    assert (late["status"], late["fundsMoved"]) == ("manual_refund_required", False)
    assert late["caseId"]
    assert late["refundInstructions"]["payeeInstitution"] == "BANORTE"
    assert unknown["code"] == "NOT_FOUND"
    assert len(stp.sent) == 1


@pytest.mark.parametrize("centavos", [0, 10, 16, 29])
async def test_a_received_payment_is_given_back_once(tmp_path: Path, centavos: int) -> None:
    async with run_spei_harness(stp := ObservedStp(), tmp_path) as harness:
        await stp.control("receive", amount=80_000 + centavos, tracking_key="BANK-1")
        asked: dict[str, Any] = {"trackingKey": "BANK-1", "reason": "Not ours"}
        told = await harness.confirm("request_refund", **asked)
        assert told["status"] == "pending"
        for _ in range(2):
            again = await harness.confirm("request_refund", **asked)
            assert again["code"] == "SPEI_REFUND_NOT_POSSIBLE"
            assert again["details"]["returnTrackingKey"] == told["trackingKey"]
            stp.advance(seconds=2)
        await harness.pass_time(stp.now + timedelta(minutes=2))
        assert (await harness.check_status(told["trackingKey"]))["status"] == "success"
    assert stp.debits == [told["trackingKey"]]


async def test_no_story_leaves_a_payment_in_the_air(tmp_path: Path) -> None:
    async with run_spei_harness(stp := ObservedStp(now=mexico(DAY, "17:30")), tmp_path) as harness:
        for centavos in (10, 15, 16, 24, 25, 29, 30):
            await harness.pay(70_000 + centavos)
        await harness.pass_time(mexico(DAY, "18:30"), step=timedelta(minutes=5))
        assert not [record for record in await harness.journal.payments() if record.state in OPEN]
    assert len(stp.debits) == 5
