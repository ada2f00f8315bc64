"""A whole rail as a stranger would write it, with nothing of riel but its front door: mypy --strict has no complaint.

Zap is a network that does not exist. It pays euros to a phone number and recognises an order that it has seen before.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import httpx
from pydantic import AwareDatetime, BaseModel, Field, SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riel import (
    Answer,
    Capabilities,
    Debit,
    Draft,
    ErrorCode,
    Guarantees,
    Lookup,
    MinorUnits,
    Mode,
    NothingLearned,
    Order,
    OutcomeUnknown,
    Payee,
    Payment,
    Prepared,
    Rail,
    RailSettings,
    Receipt,
    ReferenceSource,
    Refund,
    Rejected,
    Sandbox,
    SingleLine,
    Status,
    Tool,
    WireModel,
    clean_text,
    hookimpl,
    not_yet,
    paying,
    reading,
    yes,
)

ERRORS: Mapping[str, ErrorCode] = {
    "no_such_phone": ErrorCode(
        code="ZAP_NO_SUCH_PHONE",
        message="Nobody at Zap has that phone number.",
        remedy="Ask the person for the payee's number.",
    ),
}


class ZapPayment(Payment):
    """Pay a phone number. Amounts are cents of euros."""

    phone: Annotated[str, Field(pattern=r"^\+[0-9]{8,15}$", description="The payee's phone, with its country code.")]
    note: Annotated[SingleLine, Field(max_length=40, description="What it is for.")] = ""

    def payee(self) -> Payee:
        """Who is paid."""
        return Payee(self.phone)

    def purpose(self) -> str:
        """What it is for."""
        return self.note


class ZapLookup(Lookup):
    """Ask what became of it."""

    zap_id: Annotated[SingleLine, Field(min_length=1, max_length=40)]


class ZapRefund(Refund):
    """Take it back, whole or in part."""

    zap_id: Annotated[SingleLine, Field(min_length=1, max_length=40)]
    amount: MinorUnits | None = None


class ZapReceipt(Receipt):
    """What became of it."""

    zap_id: str | None = None


class ZapSettings(RailSettings):
    """Where Zap is, and the key for it."""

    base_url: str = "https://api.zap.example"
    api_key: SecretStr
    merchant: SingleLine = "1"

    @property
    def mode(self) -> Mode:
        """Zap's own keys say which they are."""
        return "live" if self.api_key.get_secret_value().startswith("live_") else "test"

    @property
    def payer(self) -> str:
        """The merchant's number at Zap, which stays when a key is rotated."""
        return f"Zap merchant {self.merchant}"


class Told(BaseModel):
    """One order, as Zap tells it."""

    reference: str
    status: Status
    amount: int
    settled_at: AwareDatetime | None = None


class ZapClient:
    """Talks to Zap, and never tries anything twice."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        """A reference, and the bytes that will carry the order."""
        reference = f"{references.created_at:%Y%m%d}-{references.random(12)}"
        body: dict[str, object] = {"reference": reference, "amount": draft.money.amount}
        match draft.payment, draft.refund, draft.original:
            case ZapPayment(phone=phone, note=note), None, None:
                body |= {"phone": phone, "note": note}
            case None, ZapRefund(reason=reason), Order(reference=original):
                body |= {"refund_of": original, "note": reason}
            case _:
                raise TypeError("this draft is not one of Zap's")
        return Prepared(reference=reference, body=json.dumps(body).encode())

    async def send(self, order: Order) -> Answer:
        """``POST /orders``"""
        response = await paying(partial(self._http.post, "/orders", content=order.body))
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise Rejected("no_such_phone", clean_text(response.text))
        answer = _answer(order, response)
        if answer is None:
            raise OutcomeUnknown(f"HTTP {response.status_code}")
        return answer

    async def refund(self, order: Order) -> Answer:
        """The same, for an order that names another one."""
        return await self.send(order)

    async def status(self, order: Order) -> Answer | None:
        """``GET /orders/{reference}``"""
        response = await reading(partial(self._http.get, f"/orders/{order.reference}"))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        answer = _answer(order, response)
        if answer is None:
            raise NothingLearned(f"HTTP {response.status_code}")
        return answer


def _answer(order: Order, response: httpx.Response) -> Answer | None:
    try:
        told = Told.model_validate_json(response.content)
    except ValidationError:
        return None
    if not response.is_success or told.reference != order.reference:
        return None
    return Answer(status=told.status, amount=told.amount, settled_at=told.settled_at)


@asynccontextmanager
async def connect(settings: ZapSettings, http: httpx.AsyncClient) -> AsyncIterator[ZapClient]:
    """Open a client. ``Rail[ZapSettings, ZapClient]`` checks that it keeps riel's contract."""
    http.headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
    yield ZapClient(http)


def sandbox(settings: Mapping[str, str]) -> Sandbox:
    """A pretend Zap, with a ledger."""
    booked: dict[str, dict[str, object]] = {}
    debits: list[Debit] = []

    async def order(request: Request) -> Response:
        asked = await request.json()
        if asked["reference"] not in booked:
            now = datetime.now(UTC)
            debits.append(
                Debit(
                    reference=asked["reference"],
                    amount=asked["amount"],
                    currency="EUR",
                    beneficiary=asked.get("phone", ""),
                    at=now,
                )
            )
            booked[asked["reference"]] = {
                "reference": asked["reference"],
                "amount": asked["amount"],
                "status": "settled",
                "settled_at": now.isoformat(),
            }
        return JSONResponse(booked[asked["reference"]])

    async def look(request: Request) -> Response:
        known = booked.get(request.path_params["reference"])
        return JSONResponse(known or {}, 200 if known else 404)

    routes = [Route("/orders", order, methods=["POST"]), Route("/orders/{reference}", look)]
    return Sandbox(app=Starlette(routes=routes), debits=lambda: debits, settings={"api_key": "test_pretend"})


class Nothing(WireModel):
    """A question without arguments."""


class Fees(BaseModel):
    """What Zap charges, in cents."""

    per_payment: int


async def fees(client: ZapClient, asked: Nothing) -> Fees:
    """Every payment costs the same."""
    return Fees(per_payment=25)


@hookimpl
def riel_rails() -> Iterable[Rail]:
    """The one rail of this package."""
    yield Rail[ZapSettings, ZapClient](
        name="zap",
        title="Zap",
        currency="EUR",
        payment=ZapPayment,
        lookup=ZapLookup,
        refund=ZapRefund,
        receipt=ZapReceipt,
        connect=connect,
        settings=ZapSettings,
        errors=ERRORS,
        capabilities=Capabilities(refund=yes, partial_refund=not_yet("Zap takes back whole payments only, so far.")),
        guarantees=Guarantees(
            dedupe="by_key",
            dedupe_window=timedelta(days=30),
            refusals_stored=True,
            refusals=frozenset(ERRORS),
            lookup="by_reference",
            lookup_lag=timedelta(0),
            absence_after=timedelta(minutes=1),
            late_arrival_window=timedelta(hours=1),
            return_window=timedelta(0),
            settlement="at_once",
            refunds="by_rail",
            send_deadline=timedelta(seconds=10),
        ),
        tools=(
            Tool(
                name="fees",
                title="What Zap charges",
                description="The fee of a payment, in cents of euros.",
                scope="fees:read",
                input=Nothing,
                output=Fees,
                run=fees,
            ),
        ),
        sandbox=sandbox,
    )
