"""Payments by a rail that answers at once without a network: what is measured is ours, and the journal's."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import ClassVar

from riel import (
    Answer,
    Capabilities,
    Draft,
    Guarantees,
    Lookup,
    Mint,
    Money,
    Order,
    Payee,
    Payment,
    Prepared,
    Rail,
    RailSettings,
    Receipt,
    Refund,
    Status,
    yes,
)
from riel.catalog import Offered
from riel.confirm import Asked, Setup, Terms, code_for
from riel.confirm.mac import OwnCodes
from riel.journal import Journal, PaymentRecord, State
from riel.rail import utc_now
from riel.teller import Call, Clients, Desk, Teller
from riel.teller.desk import asked_of
from riel.testing.journal import a_question, an_intent, moved, plainly, tried

KEY = b"k" * 32
AGAIN = timedelta(minutes=10)


class NopPayment(Payment):
    """Whom to pay."""

    account: str

    def payee(self) -> Payee:
        return Payee(self.account, "Nobody")


class NopLookup(Lookup):
    """Which payment."""

    reference: str


class NopRefund(Refund):
    """Which payment."""

    reference: str


class NopReceipt(Receipt):
    """What became of it."""

    reference: str | None = None


class NopClient:
    """A bank that answers at once."""

    def prepare(self, draft: Draft, mint: Mint) -> Prepared:
        return Prepared(reference=mint.text(24), body=b"x" * 200)

    async def send(self, order: Order) -> Answer:
        return Answer(status=Status.SETTLED, rail_id="1", amount=order.money.amount, currency=order.money.currency)

    async def refund(self, order: Order) -> Answer:
        return Answer(status=Status.SETTLED)

    async def status(self, order: Order) -> Answer | None:
        return None


@asynccontextmanager
async def connect(settings: RailSettings, transport: object = None) -> AsyncIterator[NopClient]:
    """Open for business."""
    yield NopClient()


GUARANTEES = Guarantees(
    dedupe="by_key",
    dedupe_window=timedelta(hours=1),
    refusals_stored=True,
    refusals=frozenset(),
    lookup="by_reference",
    lookup_lag=timedelta(0),
    absence_after=None,
    watch=timedelta(0),
    returns=timedelta(0),
    settles="at_once",
    refunds="by_rail",
    send_deadline=timedelta(seconds=5),
)
RAIL = Rail(
    name="nop",
    title="Nop",
    currency="MXN",
    payment=NopPayment,
    lookup=NopLookup,
    refund=NopRefund,
    receipt=NopReceipt,
    connect=connect,
    settings=RailSettings,
    errors={},
    capabilities=Capabilities(refund=yes, partial_refund=yes),
    guarantees=GUARANTEES,
)


class Silent(OwnCodes):
    """A factor whose code is computed by whoever holds the key."""

    name: ClassVar[str] = "silent"
    sandbox_only: ClassVar[bool] = True
    linked: ClassVar[bool] = True

    @classmethod
    def open(cls, setup: Setup) -> "Silent":
        return cls(setup.key)

    async def ask(self, asked: Asked) -> str:
        return ""


OFFERED = Offered(
    rail=RAIL,
    distribution="none",
    version="0",
    entry_point="nop",
    settings=RailSettings(base_url="http://127.0.0.1:1"),
    mode="sandbox",
    guarantees=GUARANTEES,
)


def teller_at(journal: Journal) -> Teller:
    """A teller whose only rail answers at once."""
    rails = {"nop": OFFERED}
    return Teller(Desk(journal=journal, rails=rails, clients=Clients(rails), factor=Silent(KEY)))


async def pay(journal: Journal, sessions: int, payments: int, who: str = "session") -> tuple[float, list[float]]:
    """Payments a second, and the time of each, once the person has been asked; the journal is closed afterwards.

    Each session has a principal of its own and pays one after the other.
    """
    teller = teller_at(journal)
    work = [await asked(teller, n, f"{who} {n % sessions}") for n in range(payments)]
    took: list[float] = []

    async def session(number: int) -> None:
        for call, code in work[number::sessions]:
            begun = time.perf_counter()
            record = await teller.confirm(call, code)
            took.append(time.perf_counter() - begun)
            assert record.state == "settled"

    begun = time.perf_counter()
    await asyncio.gather(*(session(number) for number in range(sessions)))
    rate = payments / (time.perf_counter() - begun)
    await teller.close(timedelta(seconds=5))
    return rate, took


async def pay_whole(journal: Journal, sessions: int, payments: int, who: str) -> tuple[float, list[float]]:
    """The same from the question on: how many seconds all of it took, and the time of each payment."""
    teller = teller_at(journal)
    numbers, took = iter(range(payments)), list[float]()

    async def session(number: int) -> None:
        for n in numbers:
            begun = time.perf_counter()
            call, code = await asked(teller, n, f"{who} {number}")
            record = await teller.confirm(call, code)
            took.append(time.perf_counter() - begun)
            assert record.state == "settled"

    begun = time.perf_counter()
    await asyncio.gather(*(session(number) for number in range(sessions)))
    seconds = time.perf_counter() - begun
    await teller.close(timedelta(seconds=5))
    return seconds, took


async def write_whole(journal: Journal, sessions: int, payments: int, who: str) -> tuple[float, list[float]]:
    """The record of whole payments, and nothing else of them: the verbs of the journal that a payment uses."""
    numbers, took = iter(range(payments)), list[float]()

    async def session(number: int) -> None:
        for n in numbers:
            begun, at = time.perf_counter(), utc_now()
            question = a_question(
                f"{who} {n}", principal=f"{who} {number}", created_at=at, expires_at=at + timedelta(minutes=10)
            )
            await journal.open_challenge(question, plainly, again_within=AGAIN, no_stays=AGAIN)
            await journal.asked(question.id, at)
            (challenge,) = await journal.challenges(question.principal, question.digest)
            counted = await tried(journal, challenge, at)
            record = await journal.confirm_and_intend(counted, challenge.id, None, an_intent(f"{who} {n}"), at)
            assert isinstance(record, PaymentRecord)
            await moved(journal, record, State.SETTLED, at, settled_at=at)
            took.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(session(number) for number in range(sessions)))
    seconds = time.perf_counter() - begun
    await journal.close()
    return seconds, took


async def asked(teller: Teller, n: int, principal: str) -> tuple[Call, str]:
    """A payment that waits for its code, and the code."""
    payment = NopPayment(amount=1000 + n, account="1234567890")
    terms = Terms(
        kind="payment",
        rail="nop",
        mode="sandbox",
        principal=principal,
        payer=OFFERED.payer,
        payee=payment.payee(),
        money=Money(payment.amount, "MXN"),
        arguments={"amount": payment.amount, "account": payment.account},
    )
    call = Call(terms=terms, offered=OFFERED, model=payment)
    challenge, _ = await teller.ask(call)
    return call, code_for(KEY, asked_of(challenge))
