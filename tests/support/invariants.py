"""What must hold whatever happened: the journal against the bank's ledger, and against what was answered."""

from collections.abc import Iterable
from typing import Any

from riel.journal import Journal, PaymentRecord, State
from riel.journal.open import open_journal
from riel.journal.row_mac import RowMac

from .bank_process import BankProcess
from .server import Envelope, Installation

NO_LONGER = {State.SENDING, State.UNKNOWN}
ONCE = {"success": {State.SETTLED, State.RETURNED}, "rejected": {State.REJECTED, State.SETTLED, State.RETURNED}}


async def records(home: Installation) -> list[PaymentRecord]:
    """Every payment and refund in the journal."""
    journal = await open_journal(home.url, RowMac())
    try:
        return list(await journal.payments(most=100_000))
    finally:
        await journal.close()


async def check_invariants(home: Installation, bank: BankProcess, told: Iterable[Envelope] = ()) -> list[PaymentRecord]:
    """The payments of the journal, once everything that must hold of them does.

    One debit of the right amount at the bank for each settled payment and for no other; nothing left in the air; what
    was answered is in the journal; and the audit chain is whole.
    """
    journal = await open_journal(home.url, RowMac())
    try:
        found = list(await journal.payments(most=100_000))
        _, broken = await journal.verify()
        assert broken is None, broken
        for answer in told:
            await _is_recorded(journal, answer, bank.rail.reference)
    finally:
        await journal.close()
    payments = {record.reference: record for record in found if record.kind == "payment"}
    booked = bank.debits()
    references = [debit["reference"] for debit in booked]
    assert len(references) == len(set(references)), f"one reference was booked twice: {booked}"
    for debit in booked:
        record = payments.get(debit["reference"])
        assert record is not None, f"a debit without a payment: {debit}"
        assert debit["amount"] == record.money.amount
        assert record.state is not State.REJECTED, f"booked, and said to be rejected: {debit}"
    for record in found:
        assert record.state not in NO_LONGER, f"left in the air: {record.state}"
        if record.state is State.SETTLED and record.kind == "payment":
            assert record.reference in references, "settled without a debit"
    return found


async def _is_recorded(journal: Journal, answer: Envelope, name: str) -> None:
    """What an agent was told stands in the journal."""
    told: dict[str, Any] = answer["data"] or answer["error"]["details"]
    payment_id, reference = told.get("paymentId"), told.get(name)
    if payment_id is None:
        return
    record = await journal.payment(payment_id)
    if reference is None:
        assert await journal.challenge(payment_id) is not None, f"forgotten: {answer}"
        return
    assert record is not None, f"forgotten: {answer}"
    assert record.reference == reference, f"another reference than was told: {answer}"
    status = "rejected" if answer["error"] else told["status"]
    assert record.state in ONCE.get(status, set(State)), f"told {status}, and it is {record.state}"


def refunded_amounts(bank: BankProcess, reference: str) -> list[int]:
    """The amounts that the bank gave back of one payment."""
    return [refund["amount"] for refund in bank.refunds() if refund["payment"] == reference]
