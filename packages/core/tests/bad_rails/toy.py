"""A rail that works, as small as one can be, and the start of every one that does not."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from riel import (
    Capabilities,
    Debit,
    ErrorCode,
    Guarantees,
    Lookup,
    Payee,
    Payment,
    Rail,
    RailSettings,
    Receipt,
    Refund,
    Sandbox,
    not_yet,
    yes,
)


class ToyPayment(Payment):
    account: str

    def payee(self) -> Payee:
        return Payee(self.account)


class ToyLookup(Lookup):
    tracking_key: str


class ToyRefund(Refund):
    tracking_key: str


class ToyReceipt(Receipt):
    tracking_key: str | None = None


class ToySettings(RailSettings):
    api_key: SecretStr
    retries: Annotated[int, Field(ge=0)] = 3
    merchant: str = "1"

    @property
    def mode(self):
        return "live" if self.api_key.get_secret_value().startswith("live_") else "test"

    @property
    def payer(self):
        return f"toy account {self.merchant}"


@asynccontextmanager
async def connect(settings, http):
    yield None


GUARANTEES = Guarantees(
    dedupe="by_key",
    dedupe_window=timedelta(days=1),
    refusals_stored=True,
    refusals=frozenset({"NO"}),
    lookup="by_reference",
    lookup_lag=timedelta(0),
    absence_after=timedelta(minutes=1),
    late_arrival_window=timedelta(hours=1),
    return_window=timedelta(0),
    settlement="at_once",
    refunds="by_rail",
    send_deadline=timedelta(seconds=10),
)


class ToyBank:
    """Books whatever is posted to it, and answers with what it has."""

    def __init__(self):
        self.booked = []

    async def __call__(self, scope, receive, send):
        if scope["method"] == "POST":
            await receive()
            at = datetime(2026, 1, 2, tzinfo=UTC)
            self.booked.append(Debit(reference="R1", amount=500, currency="MXN", beneficiary="0123456789", at=at))
        body = str(len(self.booked)).encode()
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def sandbox(settings):
    bank = ToyBank()
    return Sandbox(app=bank, debits=lambda: bank.booked, settings={"api_key": settings.get("api_key", "pretend_key")})


def toy(name="toy", **changes):
    rail = Rail(
        name=name,
        title="A toy" if name == "toy" else f"A toy called {name}",
        currency="MXN",
        payment=ToyPayment,
        lookup=ToyLookup,
        refund=ToyRefund,
        receipt=ToyReceipt,
        connect=connect,
        settings=ToySettings,
        errors={"NO": ErrorCode(code=f"{name.upper()}_NO", message="The toy bank said no.", remedy="Ask the person.")},
        capabilities=Capabilities(refund=yes, partial_refund=not_yet("The toy bank takes whole payments back only.")),
        guarantees=GUARANTEES,
        sandbox=sandbox,
    )
    return replace(rail, **changes)
