"""Why a bank could not be reached is told to the agent, kept in the record, and asks no person in vain."""

import socket
import ssl
from pathlib import Path

import httpx
import pytest

import rail_mock
from rail_mock.settings import MockSettings
from riel.testing.harness import run_harness

PAYMENT = {"account": "0123456789", "amount": 50_000, "concept": "Invoice 42", "recipientName": "Empresa Demo"}


def expired() -> ssl.SSLCertVerificationError:
    failure = ssl.SSLCertVerificationError("certificate verify failed")
    failure.verify_code = 10
    return failure


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("why", "cause", "retryable"),
    [(expired(), "certificate expired", False), (socket.gaierror(-2, "unknown"), "host not found", True)],
    ids=["expired", "unknown"],
)
async def test_why_a_bank_cannot_be_reached_is_told_and_recorded(
    tmp_path: Path, why: Exception, cause: str, retryable: bool
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("for https://bank.invalid") from why

    (rail,) = rail_mock.riel_rails()
    settings = MockSettings(base_url="http://bank.invalid")
    async with run_harness(rail, tmp_path, settings=settings, transport=httpx.MockTransport(respond)) as harness:
        error = (await harness.confirm("send_payment", **PAYMENT))["error"]
        assert (error["code"], error["details"]["cause"]) == ("RAIL_UNREACHABLE", cause)
        assert error["retryable"] is retryable
        events = await harness.journal.events(error["details"]["paymentId"])
        assert cause in str(events[-1].body), "as `riel payments show` shows it"
