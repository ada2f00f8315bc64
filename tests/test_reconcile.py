"""``riel reconcile`` and ``riel recover`` as an operator runs them: real commands, a real bank, a real journal."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rail_mock.settings import MockSettings
from riel.journal import PaymentRecord, State
from riel.journal.open import open_journal
from riel.journal.row_mac import RowMac
from riel.money import Money
from riel.rail import Payee
from riel.secrets import ServerKeys, make_server_key
from riel.testing.journal_contract import create_payment, move, new_intent

from .support.bank_process import BankProcess, open_bank
from .support.invariants import check_invariants, records
from .support.operator_commands import Operator
from .support.processes import ForkServer, until
from .support.retrying_agent import PAYEE
from .support.server import SEND, Installation, ServerExited, killed_at_record, run_server

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("within_an_hour")]

OTHER = "9876543210"
SECOND = timedelta(seconds=1)


@dataclass
class Reconciler(Operator):
    """An operator who compares the journal with the bank's list."""

    async def reconcile(self, day: str | None = None) -> tuple[int, list[tuple[str, str]]]:
        """Exit code and differences of a day: today, unless another is named."""
        code, out, err = await self.run("reconcile", "mock", "--date", day or today(), "--json")
        assert err == ""
        return code, [(one["kind"], one["reference"]) for one in json.loads(out)["differences"]]

    async def confirmed(self, reference: str, state: State, **changes: Any) -> PaymentRecord:
        """A payment in the journal, of which the bank knows nothing."""
        at = datetime.now(UTC) - SECOND
        payer = MockSettings(base_url=self.bank.url).payer
        payee = Payee(changes.pop("account", PAYEE["account"]), PAYEE["recipientName"])
        money = Money(changes.pop("amount", 50_000), "MXN")
        (key, *_) = make_server_key(self.home.folder)
        journal = await open_journal(self.home.url, RowMac(ServerKeys(key)))
        try:
            await journal.bind_key(key.id)
            intent = new_intent(reference, payer=payer, resend_until=None, absent_after=None)
            record = await create_payment(journal, reference, at=at, intent=intent, money=money, payee=payee)
            return record if state is State.SENDING else await move(journal, record, state, at=at, **changes)
        finally:
            await journal.close()

    def ordered(self, reference: str, *, amount: int = 50_000, account: str = PAYEE["account"]) -> int:
        """Give the bank an order past riel, as anybody could who has its credentials; the status of its answer."""
        body = {**PAYEE, "account": account, "reference": reference, "amount": amount, "currency": "MXN"}
        line = http.client.HTTPConnection(self.bank.url.removeprefix("http://"), timeout=120)
        headers = {"Idempotency-Key": reference, "Content-Type": "application/json"}
        try:
            line.request("POST", "/payments", json.dumps(body), headers)
            return line.getresponse().status
        finally:
            line.close()


def today() -> str:
    return datetime.now(UTC).date().isoformat()


@pytest.fixture
def operator(fork_server: ForkServer, home: Installation, bank: BankProcess) -> Reconciler:
    return Reconciler(fork_server, home, bank)


@asynccontextmanager
async def paid_once(operator: Reconciler, **other: Any) -> AsyncIterator[str]:
    """One payment through a real server, which has ended; its reference."""
    what = {**PAYEE, "amount": 50_000, **other}
    async with run_server(operator.fork_server, operator.home, operator.bank) as server:
        held = await server.call(SEND, **what)
        code = operator.home.code(held["data"]["paymentId"])
        paid = await server.call(SEND, **what, verificationCode=code)
        await server.leave()
    yield paid["data"]["trackingKey"]


# riel reconcile


async def test_what_was_paid_through_riel_differs_in_nothing(operator: Reconciler) -> None:
    async with paid_once(operator):
        assert await operator.reconcile() == (0, [])
        code, out, _ = await operator.run("reconcile", "mock", "--date", today())
        assert code == 0
        assert "1 at the rail, 1 in the journal: no difference." in " ".join(out.split())
        assert "That day is not over" in out


async def test_money_that_nobody_confirmed_is_told(operator: Reconciler) -> None:
    async with paid_once(operator):
        assert operator.ordered("PASTRIEL", account=OTHER) == 201
        assert await operator.reconcile() == (1, [("unconfirmed", "PASTRIEL")])
        code, out, _ = await operator.run("reconcile", "mock", "--date", today())
        assert code == 1
        assert "nobody confirmed it here" in " ".join(out.split())
        assert OTHER not in out


async def test_each_difference_is_told_by_its_name(operator: Reconciler) -> None:
    settled, unknown, rejected = State.SETTLED, State.UNKNOWN, State.REJECTED
    await operator.confirmed("SAME", settled)
    await operator.confirmed("NEVERTHERE", settled)
    await operator.confirmed("MOREMONEY", settled)
    await operator.confirmed("OTHERACCOUNT", settled)
    await operator.confirmed("BOOKEDAFTERALL", rejected, code="insufficient_funds")
    await operator.confirmed("FOUNDTHERE", unknown)
    await operator.confirmed("STILLUNKNOWN", unknown)
    await operator.confirmed("RIGHTLYREJECTED", rejected)
    operator.ordered("SAME")
    operator.ordered("MOREMONEY", amount=50_001)
    operator.ordered("OTHERACCOUNT", account=OTHER)
    operator.ordered("BOOKEDAFTERALL")
    operator.ordered("FOUNDTHERE")
    operator.ordered("NOBODYS")
    code, found = await operator.reconcile()
    assert code == 1
    assert found == [
        ("unconfirmed", "NOBODYS"),
        ("missing", "NEVERTHERE"),
        ("money", "MOREMONEY"),
        ("account", "OTHERACCOUNT"),
        ("state", "BOOKEDAFTERALL"),
        ("unresolved", "FOUNDTHERE"),
    ]
    assert {record.reference: record.state for record in await records(operator.home)}["FOUNDTHERE"] is unknown
    _, out, _ = await operator.run("reconcile", "mock", "--date", today())
    assert PAYEE["account"] not in out
    assert OTHER not in out


async def test_what_a_bank_that_does_not_dedupe_took_twice_is_told(
    fork_server: ForkServer, home: Installation, tmp_path: Path
) -> None:
    with open_bank(fork_server, tmp_path / "bank", dedupe="no") as bank:
        operator = Reconciler(fork_server, home, bank)
        async with paid_once(operator) as reference:
            operator.ordered(reference)
            assert await operator.reconcile() == (1, [("twice", reference)])


async def test_what_is_missing_in_the_list_of_the_day_is_told(operator: Reconciler) -> None:
    async with paid_once(operator, account="4020307001") as reference:
        await asyncio.sleep(0.01)  # what settled in the millisecond of the question is not expected yet
        assert await operator.reconcile() == (1, [("missing", reference)])


async def test_what_the_list_tells_is_resolved_by_recover_and_then_differs_no_more(operator: Reconciler) -> None:
    await operator.confirmed("FOUNDTHERE", State.UNKNOWN, next_at=datetime.now(UTC) + timedelta(hours=1))
    operator.ordered("FOUNDTHERE")
    code, out, _ = await operator.run("reconcile", "mock", "--date", today())
    assert (code, "riel recover --now" in " ".join(out.split())) == (1, True)
    assert await operator.recover() == (1, []), "it is not due yet"
    assert await operator.recover("--now") == (0, [("unknown", "settled")])
    assert await operator.reconcile() == (0, [])


async def test_many_pages_of_a_day_are_one_day(operator: Reconciler) -> None:
    await operator.confirmed("R1", State.SETTLED)
    for number in range(1, 1003):
        operator.ordered(f"R{number}")
    code, found = await operator.reconcile()
    assert (code, len(found)) == (1, 1001)
    assert {kind for kind, _ in found} == {"unconfirmed"}


async def test_another_day_has_nothing(operator: Reconciler) -> None:
    async with paid_once(operator):
        assert await operator.reconcile("2020-02-29") == (0, [])


@pytest.mark.parametrize(
    ("fault", "why"),
    [("down", "answer cut off"), ("error", "HTTP 500"), ("nonsense", "HTTP 200"), ("lost", "answer cut off")],
)
async def test_a_bank_that_does_not_tell_its_list_is_one_sentence(operator: Reconciler, fault: str, why: str) -> None:
    async with paid_once(operator):
        operator.bank.fault(fault, times=1000, on="any")
        code, out, err = await operator.run("reconcile", "mock", "--date", today())
        assert (code, out) == (2, "")
        assert err.splitlines()[-1] == f"riel: the rail 'mock' did not tell its list ({why}): nothing was compared"


async def test_a_bank_that_is_not_there_is_one_sentence(operator: Reconciler) -> None:
    async with paid_once(operator):
        code, out, err = await operator.run(
            "reconcile", "mock", "--date", today(), RIEL_MOCK_BASE_URL="http://127.0.0.1:9"
        )
        assert (code, out) == (2, "")
        assert err.splitlines() == [
            "WARNING riel.http.client: the rail 'mock' gets no answer from its provider: connection refused",
            "riel: the rail 'mock' did not tell its list (connection refused): nothing was compared",
        ]


# riel recover


async def test_what_a_killed_server_left_is_found_out(operator: Reconciler) -> None:
    what = {**PAYEE, "amount": 50_000, "account": "4020301001"}
    strike = killed_at_record()
    async with run_server(operator.fork_server, operator.home, operator.bank, strike=strike) as server:
        held = await server.call(SEND, **what)
        code = operator.home.code(held["data"]["paymentId"])
        with pytest.raises(ServerExited):
            await server.call(SEND, **what, verificationCode=code)
    assert await operator.recover("--now", "--for", "20") == (0, [("unknown", "settled")])
    await check_invariants(operator.home, operator.bank)
    assert await operator.recover() == (0, [])


async def test_what_cannot_be_found_out_is_left_and_said(operator: Reconciler) -> None:
    await operator.confirmed("LOST", State.UNKNOWN, next_at=datetime.now(UTC))
    operator.bank.fault("down", times=1000, on="any")
    code, out, err = await operator.run("recover")
    assert code == 1
    assert err.splitlines()[-1] == "riel: 1 payment is not resolved: look at riel payments list --attention"
    assert "LOST" in out
    assert "The provider of mock gave no answer, payments: 1, reason: answer cut off." in out
    code, out, _ = await operator.run("payments", "--attention")
    assert code == 0
    assert "LOST" in out


async def test_a_payment_on_which_a_living_server_is_at_work_is_left_to_it(operator: Reconciler) -> None:
    what = {**PAYEE, "amount": 50_000}
    async with run_server(operator.fork_server, operator.home, operator.bank, answer_within=0.1) as server:
        held = await server.call(SEND, **what)
        code = operator.home.code(held["data"]["paymentId"])
        operator.bank.hold_answer()
        call = await server.call(SEND, **what, verificationCode=code)
        await until(operator.bank.debits, "a debit")
        assert await operator.recover("--now") == (0, [])
        (record,) = await records(operator.home)
        assert (record.state, record.fence) == (State.SENDING, 1)
        assert call["data"]["status"] == "pending"
    assert await operator.recover() == (0, [("sending", "settled")]), "it was killed, and is nobody's now"
    await check_invariants(operator.home, operator.bank)


async def test_two_who_recover_at_once_send_nothing_twice(operator: Reconciler) -> None:
    for number in range(20):
        await operator.confirmed(f"R{number}", State.UNKNOWN, next_at=datetime.now(UTC))
        operator.ordered(f"R{number}")
    (one, looked), (other, also) = await asyncio.gather(operator.recover(), operator.recover())
    assert (one, other) in {(0, 0), (1, 0), (0, 1)}, "one may end while the other is still at work"
    assert looked + also == [("unknown", "settled")] * 20
    assert len(operator.bank.debits()) == 20
