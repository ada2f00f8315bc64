"""A rail that answers at once without a network, and an engine for it: all the time is riel's and the journal's."""

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
    Order,
    Payee,
    Payment,
    Prepared,
    Rail,
    RailSettings,
    Receipt,
    ReferenceSource,
    Refund,
    Status,
    yes,
)
from riel.catalog import ActiveRail
from riel.confirm import ConfirmationRequest, FactorContext
from riel.confirm.bound_code import BoundCodeFactor
from riel.journal import Journal
from riel.payments import Clients, Context, PaymentEngine
from riel.secrets import ServerKey, ServerKeys

KEY = b"k" * 32


class InstantPayment(Payment):
    """The arguments of a payment."""

    account: str

    def payee(self) -> Payee:
        return Payee(self.account, "Nobody")


class InstantLookup(Lookup):
    """The arguments of a look-up."""

    reference: str


class InstantRefund(Refund):
    """The arguments of a refund."""

    reference: str


class InstantReceipt(Receipt):
    """The receipt of a payment."""

    reference: str | None = None


class InstantClient:
    """A provider that settles each order at once."""

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        return Prepared(reference=references.random(24), body=b"x" * 200)

    async def send(self, order: Order) -> Answer:
        return Answer(status=Status.SETTLED, provider_id="1", amount=order.money.amount, currency=order.money.currency)

    async def refund(self, order: Order) -> Answer:
        return Answer(status=Status.SETTLED)

    async def status(self, order: Order) -> Answer | None:
        return None


class InstantSettings(RailSettings):
    @property
    def payer(self) -> str:
        return "the only account"


@asynccontextmanager
async def connect(settings: InstantSettings, http: object) -> AsyncIterator[InstantClient]:
    """Open a client."""
    yield InstantClient()


GUARANTEES = Guarantees(
    dedupe="by_key",
    dedupe_window=timedelta(hours=1),
    refusals_stored=True,
    refusals=frozenset(),
    lookup="by_reference",
    lookup_lag=timedelta(0),
    absence_after=None,
    late_arrival_window=timedelta(0),
    return_window=timedelta(0),
    settlement="at_once",
    refunds="by_rail",
    send_deadline=timedelta(seconds=5),
)
RAIL = Rail(
    name="instant",
    title="Instant",
    currency="MXN",
    payment=InstantPayment,
    lookup=InstantLookup,
    refund=InstantRefund,
    receipt=InstantReceipt,
    connect=connect,
    settings=InstantSettings,
    errors={},
    capabilities=Capabilities(refund=yes, partial_refund=yes),
    guarantees=GUARANTEES,
)


class ComputedCodes(BoundCodeFactor):
    """A factor that shows nothing: the code is computed from its key."""

    name: ClassVar[str] = "computed"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    @classmethod
    def open(cls, setup: FactorContext) -> "ComputedCodes":
        return cls(setup.key)

    async def ask(self, request: ConfirmationRequest) -> str:
        return ""


ACTIVE_RAIL = ActiveRail(
    declaration=RAIL,
    distribution="none",
    version="0",
    entry_point="instant",
    settings=InstantSettings(base_url="http://127.0.0.1:1"),
    mode="sandbox",
    guarantees=GUARANTEES,
)


def engine_at(journal: Journal) -> PaymentEngine:
    """Return an engine with this rail only."""
    rails = {"instant": ACTIVE_RAIL}
    keys = ServerKeys(ServerKey(KEY))
    return PaymentEngine(
        Context(journal=journal, rails=rails, clients=Clients(rails), factor=ComputedCodes(KEY), keys=keys)
    )
