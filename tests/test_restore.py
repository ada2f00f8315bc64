"""A journal that was put back from a copy, and a server's key that was lost: nothing is paid twice, nothing is lost."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rail_mock.settings import BankBehaviour
from riel.testing.harness import Harness

from .support.bank_process import BankProcess
from .support.invariants import check_invariants
from .support.mock_harness import ObservedMockBank, run_mock_harness
from .support.operator_commands import Operator
from .support.processes import ForkServer
from .support.retrying_agent import PAYEE
from .support.server import SEND, Installation, Server, ServerExited, killed_at_record, run_server

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("within_an_hour")]

WHAT = {**PAYEE, "amount": 50_000}
LOST = {**WHAT, "account": "4020301001"}
"""The bank books it, and its answer is lost."""


@pytest.fixture
def operator(fork_server: ForkServer, home: Installation, bank: BankProcess) -> Operator:
    return Operator(fork_server, home, bank)


@asynccontextmanager
async def serving(operator: Operator, **how: Any) -> AsyncIterator[Server]:
    """A server that ends as its client leaves: what it writes at its end is written afterwards."""
    async with run_server(operator.fork_server, operator.home, operator.bank, **how) as server:
        yield server
        await server.leave()


async def asked(operator: Operator, what: dict[str, Any]) -> dict[str, Any]:
    """The same call with the code that confirms it."""
    async with serving(operator) as server:
        held = await server.call(SEND, **what)
    return {**what, "verificationCode": operator.home.code(held["data"]["paymentId"])}


# A bank that dedupes sees a copy, also where nobody said that the journal was restored.


@pytest.mark.parametrize("dedupe", ["by_reference", "by_key"])
async def test_a_copy_that_is_put_back_takes_the_same_code_and_the_bank_books_one_debit(
    tmp_path: Path, dedupe: Any
) -> None:
    bank = ObservedMockBank(BankBehaviour(dedupe=dedupe, absence_seconds=1, watch_seconds=60))
    journal, copy = tmp_path / "journal.db", tmp_path / "copy.db"

    async def pay(harness: Harness, **code: str) -> dict[str, Any]:
        answer = await harness.call("send_payment", **WHAT, **code)
        await harness.idle()
        return answer

    async with run_mock_harness(bank, tmp_path) as harness:
        code = await harness.code((await pay(harness))["data"]["paymentId"])
    shutil.copy(journal, copy)
    references = []
    for _ in range(2):
        async with run_mock_harness(bank, tmp_path) as harness:
            await pay(harness, verificationCode=code)
            await harness.settle_all()
            references.append((await harness.record()).reference)
        shutil.copy(copy, journal)
        bank.clock.advance(minutes=5)
    assert references[0] == references[1]
    assert bank.orders == 2
    assert bank.debits == references[:1]


# riel restore


async def test_after_riel_restore_an_earlier_code_pays_nothing_and_the_gap_is_named_until_it_is_compared(
    operator: Operator,
) -> None:
    confirming = await asked(operator, WHAT)
    shutil.copy(operator.home.journal, operator.home.folder / "copy.db")
    async with serving(operator) as server:
        assert (await server.call(SEND, **confirming))["data"]["status"] == "success"
    shutil.copy(operator.home.folder / "copy.db", operator.home.journal)
    code, _, err = await operator.run("serve")
    assert (code, "run riel restore if it was put back from a copy" in err) == (2, True)
    code, out, _ = await operator.run("restore")
    assert code == 0
    assert "Open challenges that were closed: 1" in out
    async with serving(operator) as server:
        refused = await server.call(SEND, **confirming)
        assert refused["error"]["code"] == "2FA_EXPIRED"
        held = await server.call(SEND, **WHAT)
        assert "payments made since" in held["data"]["message"]
    assert len(operator.bank.debits()) == 1
    since = datetime.now(UTC) - timedelta(hours=1)
    for day in sorted({since.date(), datetime.now(UTC).date()}):
        await operator.run("reconcile", "mock", "--date", day.isoformat())
    assert (await operator.run("audit", "verify"))[0] == 0


async def test_a_server_that_runs_is_told_to_stop_first(operator: Operator) -> None:
    async with serving(operator) as server:
        await server.call(SEND, **WHAT)
        for command in (("restore",), ("key", "replace")):
            code, _, err = await operator.run(*command)
            assert (code, "stop every server first" in err) == (2, True)
    assert (await operator.run("restore"))[0] == 0


# riel key


async def test_without_its_key_a_server_refuses_recover_only_looks_and_nothing_is_made(operator: Operator) -> None:
    confirming = await asked(operator, LOST)
    async with serving(operator, strike=killed_at_record()) as server:
        with pytest.raises(ServerExited):
            await server.call(SEND, **confirming)
    key = operator.home.folder / "server.key"
    kept = key.read_bytes()
    for content in (None, b"AB" * 32 + b"\n", b"damaged\n"):
        key.unlink()
        if content is not None:
            key.write_bytes(content)
            key.chmod(0o600)
        code, out, err = await operator.run("recover", "--now", "--json")
        (looked,) = json.loads(out)["looked"]
        assert (code, looked["atTheRail"], looked["state"]) == (1, "settled", "unknown")
        assert "nothing is sent, and nothing is recorded" in err
        assert "riel key replace" in err
        assert "remove" not in err
        code, _, err = await operator.run("serve")
        assert (code, "server.key" in err) == (2, True)
        assert (key.read_bytes() if content is not None else None) == content
        key.write_bytes(kept)
        key.chmod(0o600)
    assert await operator.recover("--now") == (0, [("unknown", "settled")])
    await check_invariants(operator.home, operator.bank)


async def test_a_replaced_key_closes_the_open_challenges_and_payments_go_on(operator: Operator) -> None:
    confirming = await asked(operator, WHAT)
    before = (operator.home.folder / "server.key").read_text()
    code, out, _ = await operator.run("key", "replace")
    assert (code, "Open challenges that were closed: 1" in out) == (0, True)
    assert (operator.home.folder / "server.key").read_text().endswith(before)
    async with serving(operator) as server:
        assert (await server.call(SEND, **confirming))["error"]["code"] == "2FA_EXPIRED"
    async with serving(operator) as server:
        again = await asked(operator, {**WHAT, "amount": 1})
        assert (await server.call(SEND, **again))["data"]["status"] == "success"
    assert (await operator.run("audit", "verify"))[0] == 0


async def test_after_its_key_is_lost_and_replaced_payments_are_found_out_and_the_record_holds(
    operator: Operator,
) -> None:
    paid, lost = await asked(operator, WHAT), await asked(operator, LOST)
    async with serving(operator, strike=killed_at_record(2)) as server:
        assert (await server.call(SEND, **paid))["data"]["status"] == "success"
        with pytest.raises(ServerExited):
            await server.call(SEND, **lost)
    (operator.home.folder / "server.key").unlink()
    assert (await operator.run("key", "replace"))[0] == 0
    assert await operator.recover("--now") == (0, [("unknown", "settled")])
    code, out, _ = await operator.run("payments", "list", "--json")
    assert [payment["state"] for payment in json.loads(out)["payments"]] == ["settled", "settled"]
    code, out, err = await operator.run("audit", "verify")
    assert (code, err) == (0, "")
    assert len(operator.bank.debits()) == 2


async def test_a_journal_that_cannot_be_opened_leaves_no_key_behind(operator: Operator) -> None:
    operator.home.journal.write_text("This is no journal.\n" * 1000)
    code, _, err = await operator.run("serve")
    assert (code, "RIEL_JOURNAL" in err) == (2, True)
    assert not (operator.home.folder / "server.key").exists()
