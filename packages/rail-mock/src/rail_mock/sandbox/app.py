"""The pretend bank's HTTP API, as the README documents it."""

import asyncio
from datetime import UTC, datetime
from itertools import islice

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rail_mock.sandbox.bank import BankRequest, MockBank, refusal
from rail_mock.sandbox.magic import Kind
from rail_mock.sandbox.requests import PaymentBody, RefundBody, body_of, day, fingerprint, key_of, number, query
from rail_mock.sandbox.responses import FAILURES, to_response
from rail_mock.settings import BankBehaviour
from riel import Sandbox
from riel.sandbox.kit import Clock, Sleep

MAX_PAGE = 100
MAX_STATEMENT_PAGE = 1000


def mock_sandbox(
    behaviour: BankBehaviour, *, clock: Clock = lambda: datetime.now(UTC), sleep: Sleep = asyncio.sleep
) -> Sandbox:
    """The pretend bank, with an empty ledger."""
    bank = MockBank(behaviour)
    orders = MoneyRoutes(bank, clock, sleep)
    lookups = [LookupRoutes(bank, clock, kind) for kind in ("payment", "refund")]
    app = Starlette(
        routes=[
            Route("/payments", orders.pay, methods=["POST"]),
            Route("/payments/{reference}/refunds", orders.refund, methods=["POST"]),
            *(route for lookup in lookups for route in lookup.routes(behaviour)),
            Route("/statement", StatementRoutes(bank, clock).of_day),
        ],
        exception_handlers=FAILURES,
    )
    app.router.redirect_slashes = False  # a provider does not answer an order with a detour
    return Sandbox(app=app, debits=lambda: bank.debits(clock()))


class MoneyRoutes:
    """The two requests that move money."""

    def __init__(self, bank: MockBank, clock: Clock, sleep: Sleep) -> None:
        self._bank = bank
        self._clock = clock
        self._sleep = sleep

    async def pay(self, request: Request) -> Response:
        """``POST /payments``"""
        key, raw = key_of(request), await body_of(request)
        body = PaymentBody.model_validate_json(raw)
        return await self._answer(
            BankRequest(
                kind="payment",
                key=key,
                reference=body.reference,
                amount=body.amount,
                currency=body.currency,
                account=body.account,
                note=body.concept,
                fingerprint=fingerprint(request, raw),
            )
        )

    async def refund(self, request: Request) -> Response:
        """``POST /payments/{reference}/refunds``"""
        key, raw = key_of(request), await body_of(request)
        body = RefundBody.model_validate_json(raw)
        original = self._bank.original(request.path_params["reference"], self._clock())
        return await self._answer(
            BankRequest(
                kind="refund",
                key=key,
                reference=body.reference,
                amount=body.amount,
                currency=body.currency,
                account=original.account if original else "",
                note=body.reason,
                fingerprint=fingerprint(request, raw),
                original=original,
            )
        )

    async def _answer(self, request: BankRequest) -> Response:
        reply = self._bank.receive(request, self._clock())
        if reply.wait:
            await self._sleep(reply.wait.total_seconds())
        return to_response(reply)


class LookupRoutes:
    """The one look-up that this bank has, for payments or for refunds."""

    def __init__(self, bank: MockBank, clock: Clock, kind: Kind) -> None:
        self._bank = bank
        self._clock = clock
        self._kind = kind

    def routes(self, behaviour: BankBehaviour) -> list[Route]:
        """The routes of that look-up."""
        match behaviour.lookup:
            case "by_reference":
                return [Route(f"/{self._kind}s/{{reference}}", self.by_reference)]
            case "by_key":
                return [Route(f"/{self._kind}s", self.by_key)]
            case "by_list":
                return [Route(f"/{self._kind}s", self.by_list)]
            case "no":
                return []

    async def by_reference(self, request: Request) -> Response:
        """``GET /payments/{reference}``, ``GET /refunds/{reference}``"""
        query(request, ())
        return self._one(reference=request.path_params["reference"])

    async def by_key(self, request: Request) -> Response:
        """``GET /payments?key=…``, ``GET /refunds?key=…``"""
        arguments = query(request, ("key",))
        if not arguments.get("key"):
            raise HTTPException(400, "the query has no key")
        return self._one(key=arguments["key"])

    def _one(self, *, reference: str = "", key: str = "") -> Response:
        at = self._bank.visible_at(self._clock())
        booking = self._bank.ledger.find(self._kind, at, reference=reference, key=key)
        return JSONResponse(booking.as_json(at)) if booking else to_response(refusal(404, "not_found"))

    async def by_list(self, request: Request) -> Response:
        """``GET /payments?limit=…&before=…``, ``GET /refunds?limit=…&before=…``: newest first."""
        arguments = query(request, ("limit", "before"))
        limit = number(arguments.get("limit", str(MAX_PAGE)), "limit", MAX_PAGE)
        before = number(arguments["before"], "before", 10**9) if "before" in arguments else None
        at = self._bank.visible_at(self._clock())
        page = list(islice(self._bank.ledger.newest(self._kind, at, before), limit))
        following = str(page[-1].number) if len(page) == limit else None
        return JSONResponse({"data": [booking.as_json(at) for booking in page], "next": following})


class StatementRoutes:
    """The statement of a day, which this bank always has."""

    def __init__(self, bank: MockBank, clock: Clock) -> None:
        self._bank = bank
        self._clock = clock

    async def of_day(self, request: Request) -> Response:
        """``GET /statement?day=…&limit=…&after=…``: payments and refunds, oldest first."""
        arguments = query(request, ("day", "limit", "after"))
        since, until = day(arguments.get("day", ""))
        limit = number(arguments.get("limit", str(MAX_STATEMENT_PAGE)), "limit", MAX_STATEMENT_PAGE)
        after = number(arguments["after"], "after", 10**9) if "after" in arguments else 0
        at = self._bank.visible_at(self._clock())
        page = list(islice(self._bank.ledger.of_period(since, until, at, after), limit))
        following = str(page[-1].number) if len(page) == limit else None
        entries = [{"kind": booking.kind, **booking.as_json(at)} for booking in page]
        return JSONResponse({"day": arguments["day"], "data": entries, "next": following})
