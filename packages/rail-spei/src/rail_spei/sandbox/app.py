"""The pretend STP as an ASGI app: STP's addresses and a few of its own (``/pretend``)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rail_spei.calendar import Holidays
from rail_spei.institutions import Catalogue
from rail_spei.sandbox.bank import Bank
from rail_spei.sandbox.behaviour import Behaviour, Clock, Sleep
from rail_spei.sandbox.control import Doors, misunderstood
from rail_spei.sandbox.identity import ACCOUNT, EMPRESA, PASSPHRASE, key_file, published
from rail_spei.sandbox.legacy_queries import OlderQueries
from rail_spei.sandbox.orders import Orders
from rail_spei.sandbox.parser import Unreadable
from rail_spei.sandbox.queries import Queries, Refusal, refused, unreadable
from rail_spei.sandbox.refusals import Contract
from rail_spei.sandbox.webhooks import Courier
from rail_spei.stp.signature import verified
from riel import Sandbox

ORDERS, QUERIES = "/speiws/rest", "/efws/API"
"""STP's own paths, behind one address here."""

MARK = (b"x-pretend", b"STP")
"""A header of every answer: nobody may take this for the real one."""

Answers = Callable[[Request], Awaitable[Response]]
MOVES_MONEY = {f"{ORDERS}/ordenPago/registra", f"{ORDERS}/ordenPago/retornaOrden"}


def pretend_stp(
    *,
    behaviour: Behaviour | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    sleep: Sleep = asyncio.sleep,
    public_key: RSAPublicKey | None = None,
    empresa: str = EMPRESA,
    accounts: Iterable[str] = (ACCOUNT,),
    institutions: Mapping[str, str] | None = None,
    holidays: Holidays | None = None,
    webhooks: httpx.AsyncBaseTransport | None = None,
) -> Sandbox:
    """STP with an empty book, for one company.

    :param public_key: what firmas are verified with; where there is none, the client gets the published key pair.
    :param institutions: the participants that can be paid, code and name; the packaged catalogue's otherwise.
    :param webhooks: how messages are sent, in tests.
    """
    behaviour = behaviour or Behaviour()
    accounts = sorted(accounts)
    contract = Contract(
        empresa=empresa,
        accounts=frozenset(accounts),
        institutions=payable(Catalogue.read(None)) if institutions is None else institutions,
    )
    key = public_key or published()
    bank = Bank(behaviour, contract, lambda signed, firma: verified(key, signed, firma), holidays or Holidays())
    courier = Courier(behaviour, clock, sleep, webhooks)
    supplied = {
        "empresa": empresa,
        "account": accounts[0],
        "payer_name": "Empresa Demo SA de CV",
        "payer_rfc": "ND",
        "key_prefix": "DEMO",
    }
    if public_key is None:
        supplied |= {"private_key": str(key_file()), "private_key_passphrase": PASSPHRASE}
    return Sandbox(
        app=_app(bank, courier, clock, sleep),
        debits=lambda: bank.debits(clock()),
        settings=supplied,
        moves_money=lambda method, path: method == "PUT" and path in MOVES_MONEY,
    )


def payable(catalogue: Catalogue) -> Mapping[str, str]:
    """The participants that the pretend STP reaches; like STP's demo host, a test bank among them."""
    return {bank.participant: bank.name for bank in catalogue if bank.status in {"active", "test"}}


class Pretending:
    """Marks every answer as play, and sends out what a request has brought about."""

    def __init__(self, app: ASGIApp, bank: Bank, courier: Courier) -> None:
        self._app = app
        self._bank = bank
        self._courier = courier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), MARK]}
            await send(message)

        await self._app(scope, receive, marked)
        for entry in self._bank.to_tell():
            self._courier.follow(entry)


def _app(bank: Bank, courier: Courier, clock: Clock, sleep: Sleep) -> ASGIApp:
    orders, queries = Orders(bank, courier, clock, sleep), Queries(bank, clock)
    older, doors = OlderQueries(bank, clock), Doors(bank, courier, clock)

    @contextlib.asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        yield
        await courier.close()

    app = Starlette(
        routes=[
            *_routes(
                ORDERS, {"/ordenPago/registra": orders.register, "/ordenPago/retornaOrden": orders.give_back}, "PUT"
            ),
            *_routes(
                ORDERS,
                {
                    "/ordenPago/consOrdEnvRastreo": older.order,
                    "/ordenPago/consOrdenesFech": older.of_a_day,
                    "/ordenPago/consSaldoEnvRec": older.totals,
                },
            ),
            *_routes(
                QUERIES,
                {
                    "/consultaOrden": queries.order,
                    "/V2/conciliacion": queries.of_a_day,
                    "/consultaSaldoCuenta": queries.balance,
                },
            ),
            *_routes(
                "/pretend",
                {
                    "/receive": doors.receive,
                    "/state": doors.state,
                    "/another": doors.another,
                    "/maintenance": doors.maintenance,
                },
            ),
        ],
        middleware=[Middleware(Pretending, bank=bank, courier=courier)],
        exception_handlers={
            Refusal: refused,
            Unreadable: unreadable,
            ValidationError: misunderstood,
            ClientDisconnect: nobody_there,
        },
        lifespan=living,
    )
    app.router.redirect_slashes = False  # a provider does not answer an order with a detour
    return app


def _routes(prefix: str, answers: Mapping[str, Answers], method: str = "POST") -> list[Route]:
    return [Route(f"{prefix}{path}", answer, methods=[method]) for path, answer in answers.items()]


async def nobody_there(_: Request, __: Exception) -> Response:
    """Whoever was sending has gone before the order was whole: nothing is booked, and nobody reads this."""
    return Response(status_code=400)
