"""The client of the bank: it prepares an order, sends it, and looks it up. It never repeats a request.

Three rules make it safe, here and in any rail. An order is accepted only where the answer says so *and* names our
reference. It is refused only with a code that is documented to mean "nothing was booked". Any other answer is unknown.
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

CLOCK_SKEW = timedelta(minutes=5)
"""The allowed difference of the bank's clock and ours, for the search of a list back to an order's time."""


class MockModel(BaseModel):
    """An object in the bank's answers. Unknown fields are ignored; a missing or invalid field makes it no answer."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True, hide_input_in_errors=True)


class MockOrder(MockModel):
    """One payment or refund, as the bank shows it."""

    id: str
    reference: str
    status: Status
    amount: int
    currency: str
    account: str
    created_at: AwareDatetime
    settled_at: AwareDatetime | None
    code: str | None


class MockPage(MockModel):
    """One page of a list, newest first."""

    data: list[MockOrder]
    next: str | None


class StatementRow(MockOrder):
    """One line of the list of a day."""

    kind: Literal["payment", "refund"]


class MockStatementPage(MockModel):
    """One page of the list of a day, oldest first."""

    day: str
    data: list[StatementRow]
    next: str | None


class MockError(MockModel):
    """The object ``error`` of a refusal."""

    code: str
    message: str


class ErrorAnswer(MockModel):
    """The body of a refusal."""

    error: MockError


M = TypeVar("M", bound=MockModel)

NO_ERROR = MockError(code="", message="")


def parse(kind: type[M], response: httpx.Response) -> M | None:
    """Parse the body as ``kind``; ``None`` where it is something else."""
    try:
        return kind.model_validate_json(response.content)
    except ValidationError:
        return None


def error_of(response: httpx.Response) -> MockError:
    """The error in the bank's own form; empty where the response has another form."""
    refusal = parse(ErrorAnswer, response)
    return NO_ERROR if refusal is None else refusal.error


def to_answer(bank_order: MockOrder, order: Order) -> Answer:
    """Map the bank's order to riel's. The echoed fields go along: the core compares them with the order."""
    return Answer(
        status=bank_order.status,
        provider_id=bank_order.id,
        amount=bank_order.amount,
        currency=bank_order.currency,
        account=bank_order.account if order.kind == "payment" else None,
        settled_at=bank_order.settled_at,
        provider_code=bank_order.code or "",
        facts={"bankReference": bank_order.id},
    )


def to_statement_line(row: StatementRow) -> StatementLine:
    """Map a row to the core's line. A refund's row has the refunding account, which is not compared."""
    return StatementLine(
        kind=row.kind,
        reference=row.reference,
        status=row.status,
        amount=row.amount,
        currency=row.currency,
        account=row.account if row.kind == "payment" else None,
        provider_id=row.id,
        at=row.created_at,
    )


class MockClient:
    """A client of one bank."""

    def __init__(self, http: httpx.AsyncClient, lookup: Literal["no", "by_reference", "by_key", "by_list"]) -> None:
        self._http = http
        self._lookup = lookup

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        """Return a reference of 26 characters, with the date of the confirmation in it, and the body of the request."""
        reference = f"MOCK{references.created_at:%y%m%d}{references.random(16)}"
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
        return await self._send("/payments", order)

    async def refund(self, order: Order) -> Answer:
        """``POST /payments/{reference}/refunds``"""
        if order.original is None:
            raise TypeError("a refund has a payment that it pays back")
        return await self._send(f"/payments/{order.original.reference}/refunds", order)

    async def _send(self, path: str, order: Order) -> Answer:
        headers = {"Idempotency-Key": order.reference, "Content-Type": "application/json"}
        response = await paying(partial(self._http.post, path, content=order.body, headers=headers))
        if response.is_success:
            bank_order = parse(MockOrder, response)
            if bank_order is not None and bank_order.reference == order.reference:
                return to_answer(bank_order, order)
            raise OutcomeUnknown("the bank's answer is not about this order")
        error = error_of(response)
        if response.is_client_error and error.code in REFUSALS:
            raise Rejected(error.code, error.message)
        raise OutcomeUnknown(f"HTTP {response.status_code}")

    async def status(self, order: Order) -> Answer | None:
        """Look the order up in the one way that the bank offers."""
        match self._lookup:
            case "by_reference":
                response = await reading(partial(self._http.get, f"/{order.kind}s/{order.reference}"))
            case "by_key":
                response = await reading(partial(self._http.get, f"/{order.kind}s", params={"key": order.reference}))
            case "by_list":
                return await self._search(order)
            case "no":
                raise NothingLearned("this bank has no look-up")
        bank_order = parse(MockOrder, response) if response.is_success else None
        if bank_order is not None and bank_order.reference == order.reference:
            return to_answer(bank_order, order)
        # Only the bank's own words count as absence: a wrong path, a proxy or a portal can answer 404 as well.
        if response.status_code == httpx.codes.NOT_FOUND and error_of(response).code == "not_found":
            return None
        raise NothingLearned(f"HTTP {response.status_code}")

    async def _search(self, order: Order) -> Answer | None:
        """Read the list from its newest page back to the time at which the order was created."""
        query: dict[str, str] = {}
        while True:
            response = await reading(partial(self._http.get, f"/{order.kind}s", params=query))
            page = parse(MockPage, response) if response.is_success else None
            if page is None or (page.next and not page.data):
                raise NothingLearned(f"HTTP {response.status_code}")
            for bank_order in page.data:
                if bank_order.reference == order.reference:
                    return to_answer(bank_order, order)
            if page.next is None or page.data[-1].created_at < order.created_at - CLOCK_SKEW:
                return None
            query = {"before": page.next}

    async def statement(self, day: date) -> Statement:
        """``GET /statement``, page by page. The bank's day is a day of UTC."""
        since = datetime.combine(day, time(), UTC)
        lines: list[StatementLine] = []
        query = {"day": day.isoformat()}
        while True:
            response = await reading(partial(self._http.get, "/statement", params=query))
            page = parse(MockStatementPage, response) if response.is_success else None
            if (
                page is None
                or page.day != query["day"]
                or (page.next and (not page.data or page.next == query.get("after")))
            ):
                raise NothingLearned(f"HTTP {response.status_code}")
            lines += map(to_statement_line, page.data)
            if page.next is None:
                return Statement(since=since, until=since + timedelta(days=1), lines=lines)
            query["after"] = page.next


@asynccontextmanager
async def open_client(settings: MockSettings, http: httpx.AsyncClient) -> AsyncIterator[MockClient]:
    """Open a client of the bank at ``settings.base_url`` for the block."""
    yield MockClient(http, settings.lookup)
