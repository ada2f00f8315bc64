"""A durable payment (counted try, the one transaction, the recorded result) at 1, 8 and 64 at a time, beside the disk.

The rail answers at once without a network, and each session has a principal of its own: what is measured is ours.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from benchmarks.figures import Figure, middle
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
from riel.journal import open_journal
from riel.teller import Call, Clients, Desk, Teller

KEY = b"k" * 32
FOLDER = os.environ.get("BENCHMARK_FOLDER")
"""Where the files lie: a folder on a disk, since a folder in memory syncs for nothing."""


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


async def _pay(sessions: int, payments: int) -> tuple[float, list[float]]:
    settings = RailSettings(base_url="http://127.0.0.1:1")
    offered = Offered(
        rail=RAIL,
        distribution="none",
        version="0",
        entry_point="nop",
        settings=settings,
        mode="sandbox",
        guarantees=GUARANTEES,
    )
    with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as folder:
        rails = {"nop": offered}
        journal = await open_journal(f"sqlite:///{folder}/journal.db")
        teller = Teller(Desk(journal=journal, rails=rails, clients=Clients(rails), factor=Silent(KEY)))
        work = [await _asked(teller, offered, n, sessions) for n in range(payments)]
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


async def _asked(teller: Teller, offered: Offered, n: int, sessions: int) -> tuple[Call, str]:
    payment = NopPayment(amount=1000 + n, account="1234567890")
    terms = Terms(
        kind="payment",
        rail="nop",
        mode="sandbox",
        principal=f"session {n % sessions}",
        payer=offered.payer,
        payee=payment.payee(),
        money=Money(payment.amount, "MXN"),
        arguments={"amount": payment.amount, "account": payment.account},
    )
    call = Call(terms=terms, offered=offered, model=payment)
    challenge, _ = await teller.ask(call)
    asked = Asked(
        payment_id=challenge.id,
        principal=challenge.principal,
        text=challenge.text,
        digest=challenge.digest,
        nonce=challenge.nonce,
        created_at=challenge.created_at,
        expires_at=challenge.expires_at,
    )
    return call, code_for(KEY, asked)


def fsyncs(seconds: float = 1.0) -> float:
    """How often a second the disk makes a written page durable, one after the other."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        file = os.open(Path(folder) / "page", os.O_RDWR | os.O_CREAT)
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            os.pwrite(file, b"x" * 4096, 4096 * (done % 16))
            os.fdatasync(file)
            done += 1
        os.close(file)
        return done / (time.perf_counter() - begun)


def measure(rounds: int = 3) -> list[Figure]:
    """Payments a second, and the time of one, beside what the disk can do."""
    figures = []
    for sessions, payments in ((1, 150), (8, 800), (64, 3200)):
        rates, peers, typical = [], [], []
        for _ in range(rounds):
            peers.append(fsyncs())
            rate, took = asyncio.run(_pay(sessions, payments))
            rates.append(rate)
            typical.append(middle(took))
        ours, peer = middle(rates), middle(peers)
        aim = {1: "p50 within 5 ms", 64: "at least 3,000/s"}.get(sessions, "")
        figures.append(
            Figure(
                f"durable payments, {sessions} at a time",
                f"{ours:,.0f}/s, p50 {middle(typical) * 1000:.1f} ms",
                f"{peer:,.0f} fsync/s",
                ours / peer,
                aim,
            )
        )
    return figures
