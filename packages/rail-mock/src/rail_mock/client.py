"""The rail's own code for talking to the bank: it prepares, sends and reads, and never tries anything twice.

Three rules make it safe, here and in any rail. An order is accepted only where the answer says so *and* names our
reference. It is refused only with a code that is documented to mean "nothing was booked". Everything else is unknown.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Literal, TypeVar

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from rail_mock.codes import REFUSALS
from rail_mock.models import MockPayment, MockRefund
from rail_mock.settings import MockSettings
from riel import (
    Answer,
    Draft,
    NothingLearned,
    Order,
    OutcomeUnknown,
    Prepared,
    ReferenceSource,
    Rejected,
    Statement,
    StatementLine,
    Status,
    paying,
    reading,
)

CLOCKS_APART = timedelta(minutes=5)
"""How far the bank's clock and ours may differ when a list is read back to the time of an order."""


class Heard(BaseModel):
    """Something the bank wrote. Fields that are new to us are its right; missing or odd ones are no answer."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True, hide_input_in_errors=True)


class Told(Heard):
    """One payment or refund, as the bank tells it."""

    id: str
    reference: str
    status: Status
    amount: int
    currency: str
    account: str
    created_at: AwareDatetime
    settled_at: AwareDatetime | None
    code: str | None


class Page(Heard):
    """One page of a list, newest first."""

    data: list[Told]
    next: str | None


class Listed(Told):
    """One line of the list of a day."""

    kind: Literal["payment", "refund"]


class Day(Heard):
    """One page of the list of a day, oldest first."""

    day: str
    data: list[Listed]
    next: str | None


class Fault(Heard):
    """What stands under ``error``."""

    code: str
    message: str


class Complaint(Heard):
    """The one form in which the bank says no."""

    error: Fault


H = TypeVar("H", bound=Heard)

NO_CODE = Fault(code="", message="")


def heard(kind: type[H], response: httpx.Response) -> H | None:
    """The body as what it should be, or ``None`` where it is something else."""
    try:
        return kind.model_validate_json(response.content)
    except ValidationError:
        return None


def fault(response: httpx.Response) -> Fault:
    """What the bank complains of, in the form that only the bank itself uses."""
    complaint = heard(Complaint, response)
    return NO_CODE if complaint is None else complaint.error


def answer(told: Told, order: Order) -> Answer:
    """What the bank told, in the core's words. What it echoed goes along: the core compares it with what was asked."""
    return Answer(
        status=told.status,
        provider_id=told.id,
        amount=told.amount,
        currency=told.currency,
        account=told.account if order.kind == "payment" else None,
        settled_at=told.settled_at,
        provider_code=told.code or "",
        facts={"bankReference": told.id},
    )


def entry(listed: Listed) -> StatementLine:
    """A line, in the core's words. Of a refund the bank tells the account that gives back, which is not compared."""
    return StatementLine(
        kind=listed.kind,
        reference=listed.reference,
        status=listed.status,
        amount=listed.amount,
        currency=listed.currency,
        account=listed.account if listed.kind == "payment" else None,
        provider_id=listed.id,
        at=listed.created_at,
    )


class MockClient:
    """A client of one bank."""

    def __init__(self, http: httpx.AsyncClient, lookup: Literal["no", "by_reference", "by_key", "by_list"]) -> None:
        self._http = http
        self._lookup = lookup

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        """A reference of 26 characters that begins with the day, and the body of the request."""
        reference = f"MOCK{references.now:%y%m%d}{references.random(16)}"
        body = {"reference": reference, "amount": draft.money.amount, "currency": draft.money.currency}
        match draft:
            case Draft(kind="payment", payment=MockPayment() as payment):
                body |= {
                    "account": payment.account,
                    "concept": payment.concept,
                    "recipientName": payment.recipient_name,
                }
            case Draft(kind="refund", refund=MockRefund() as refund):
                body["reason"] = refund.reason
            case _:
                raise TypeError("this draft is not one of the mock rail")
        return Prepared(reference=reference, body=json.dumps(body, ensure_ascii=False).encode())

    async def send(self, order: Order) -> Answer:
        """``POST /payments``"""
        return await self._ask("/payments", order)

    async def refund(self, order: Order) -> Answer:
        """``POST /payments/{reference}/refunds``"""
        if order.original is None:
            raise TypeError("a refund has a payment that it pays back")
        return await self._ask(f"/payments/{order.original.reference}/refunds", order)

    async def _ask(self, path: str, order: Order) -> Answer:
        headers = {"Idempotency-Key": order.reference, "Content-Type": "application/json"}
        response = await paying(partial(self._http.post, path, content=order.body, headers=headers))
        if response.is_success:
            told = heard(Told, response)
            if told is not None and told.reference == order.reference:
                return answer(told, order)
            raise OutcomeUnknown("the bank's answer is not about this order")
        no = fault(response)
        if response.is_client_error and no.code in REFUSALS:
            raise Rejected(no.code, no.message)
        raise OutcomeUnknown(f"HTTP {response.status_code}")

    async def status(self, order: Order) -> Answer | None:
        """What the bank knows of the order, asked in the one way that it offers."""
        match self._lookup:
            case "by_reference":
                response = await reading(partial(self._http.get, f"/{order.kind}s/{order.reference}"))
            case "by_key":
                response = await reading(partial(self._http.get, f"/{order.kind}s", params={"key": order.reference}))
            case "by_list":
                return await self._search(order)
            case "no":
                raise NothingLearned("this bank cannot be asked")
        told = heard(Told, response) if response.is_success else None
        if told is not None and told.reference == order.reference:
            return answer(told, order)
        # Only the bank's own words count as absence: a wrong path, a proxy or a portal can answer 404 as well.
        if response.status_code == httpx.codes.NOT_FOUND and fault(response).code == "not_found":
            return None
        raise NothingLearned(f"HTTP {response.status_code}")

    async def _search(self, order: Order) -> Answer | None:
        """Read the list from its newest page back to the time at which the order was made."""
        query: dict[str, str] = {}
        while True:
            response = await reading(partial(self._http.get, f"/{order.kind}s", params=query))
            page = heard(Page, response) if response.is_success else None
            if page is None or (page.next and not page.data):
                raise NothingLearned(f"HTTP {response.status_code}")
            for told in page.data:
                if told.reference == order.reference:
                    return answer(told, order)
            if page.next is None or page.data[-1].created_at < order.created_at - CLOCKS_APART:
                return None
            query = {"before": page.next}

    async def statement(self, day: date) -> Statement:
        """``GET /statement``, page by page. The bank's day is one in UTC."""
        since = datetime.combine(day, time(), UTC)
        entries: list[StatementLine] = []
        query = {"day": day.isoformat()}
        while True:
            response = await reading(partial(self._http.get, "/statement", params=query))
            page = heard(Day, response) if response.is_success else None
            if (
                page is None
                or page.day != query["day"]
                or (page.next and (not page.data or page.next == query.get("after")))
            ):
                raise NothingLearned(f"HTTP {response.status_code}")
            entries += map(entry, page.data)
            if page.next is None:
                return Statement(since=since, until=since + timedelta(days=1), lines=entries)
            query["after"] = page.next


@asynccontextmanager
async def opened(
    settings: MockSettings, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[MockClient]:
    """A client of the bank at ``settings.base_url``, for as long as the block lasts.

    ``trust_env`` is off because a pretend bank is on this machine: a proxy of the environment would carry orders away.
    """
    async with httpx.AsyncClient(
        base_url=settings.base_url, timeout=settings.send_deadline_seconds, transport=transport, trust_env=False
    ) as http:
        yield MockClient(http, settings.lookup)
