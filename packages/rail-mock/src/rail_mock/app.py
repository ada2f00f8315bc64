"""The pretend bank's HTTP API, as the README documents it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import islice

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rail_mock.bank import Asked, Bank, refused
from rail_mock.magic import Kind
from rail_mock.replies import FAILURES, written
from rail_mock.requests import PaymentBody, RefundBody, body_of, day, fingerprint, key_of, number, query
from rail_mock.settings import Behaviour
from riel import Sandbox

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]

LONGEST_PAGE = 100
LONGEST_STATEMENT_PAGE = 1000


def pretend_bank(
    behaviour: Behaviour, *, clock: Clock = lambda: datetime.now(UTC), sleep: Sleep = asyncio.sleep
) -> Sandbox:
    """A bank with empty books of its own that behaves as it is told to."""
    bank = Bank(behaviour)
    orders = Orders(bank, clock, sleep)
    questions = [Questions(bank, clock, kind) for kind in ("payment", "refund")]
    app = Starlette(
        routes=[
            Route("/payments", orders.pay, methods=["POST"]),
            Route("/payments/{reference}/refunds", orders.refund, methods=["POST"]),
            *(route for asked in questions for route in asked.routes(behaviour)),
            Route("/statement", Statements(bank, clock).of_a_day),
        ],
        exception_handlers=FAILURES,
    )
    app.router.redirect_slashes = False  # a provider does not answer an order with a detour
    return Sandbox(app=app, debits=lambda: bank.debits(clock()))


class Orders:
    """The two requests that move money."""

    def __init__(self, bank: Bank, clock: Clock, sleep: Sleep) -> None:
        self._bank = bank
        self._clock = clock
        self._sleep = sleep

    async def pay(self, request: Request) -> Response:
        """``POST /payments``"""
        key, raw = key_of(request), await body_of(request)
        body = PaymentBody.model_validate_json(raw)
        return await self._answer(
            Asked(
                kind="payment",
                key=key,
                reference=body.reference,
                amount=body.amount,
                currency=body.currency,
                account=body.account,
                note=body.concept,
                said=fingerprint(request, raw),
            )
        )

    async def refund(self, request: Request) -> Response:
        """``POST /payments/{reference}/refunds``"""
        key, raw = key_of(request), await body_of(request)
        body = RefundBody.model_validate_json(raw)
        original = self._bank.original(request.path_params["reference"], self._clock())
        return await self._answer(
            Asked(
                kind="refund",
                key=key,
                reference=body.reference,
                amount=body.amount,
                currency=body.currency,
                account=original.account if original else "",
                note=body.reason,
                said=fingerprint(request, raw),
                original=original,
            )
        )

    async def _answer(self, asked: Asked) -> Response:
        reply = self._bank.receive(asked, self._clock())
        if reply.wait:
            await self._sleep(reply.wait.total_seconds())
        return written(reply)


class Questions:
    """The one way of asking that this bank has, for payments or for refunds."""

    def __init__(self, bank: Bank, clock: Clock, kind: Kind) -> None:
        self._bank = bank
        self._clock = clock
        self._kind = kind

    def routes(self, behaviour: Behaviour) -> list[Route]:
        """Where it is asked."""
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
        asked = query(request, ("key",))
        if not asked.get("key"):
            raise HTTPException(400, "the query has no key")
        return self._one(key=asked["key"])

    def _one(self, *, reference: str = "", key: str = "") -> Response:
        at = self._bank.seen(self._clock())
        booking = self._bank.ledger.find(self._kind, at, reference=reference, key=key)
        return JSONResponse(booking.told(at)) if booking else written(refused(404, "not_found"))

    async def by_list(self, request: Request) -> Response:
        """``GET /payments?limit=…&before=…``, ``GET /refunds?limit=…&before=…``: newest first."""
        asked = query(request, ("limit", "before"))
        limit = number(asked.get("limit", str(LONGEST_PAGE)), "limit", LONGEST_PAGE)
        before = number(asked["before"], "before", 10**9) if "before" in asked else None
        at = self._bank.seen(self._clock())
        page = list(islice(self._bank.ledger.newest(self._kind, at, before), limit))
        following = str(page[-1].number) if len(page) == limit else None
        return JSONResponse({"data": [booking.told(at) for booking in page], "next": following})


class Statements:
    """The list of a day, which this bank has whatever else can be asked."""

    def __init__(self, bank: Bank, clock: Clock) -> None:
        self._bank = bank
        self._clock = clock

    async def of_a_day(self, request: Request) -> Response:
        """``GET /statement?day=…&limit=…&after=…``: payments and refunds, oldest first."""
        asked = query(request, ("day", "limit", "after"))
        since, until = day(asked.get("day", ""))
        limit = number(asked.get("limit", str(LONGEST_STATEMENT_PAGE)), "limit", LONGEST_STATEMENT_PAGE)
        after = number(asked["after"], "after", 10**9) if "after" in asked else 0
        at = self._bank.seen(self._clock())
        page = list(islice(self._bank.ledger.listed(since, until, at, after), limit))
        following = str(page[-1].number) if len(page) == limit else None
        entries = [{"kind": booking.kind, **booking.told(at)} for booking in page]
        return JSONResponse({"day": asked["day"], "data": entries, "next": following})
