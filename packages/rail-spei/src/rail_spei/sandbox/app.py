"""The pretend STP as an ASGI app: STP's addresses, and control routes at ``/_sandbox``."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rail_spei.calendar import Holidays
from rail_spei.institutions import Catalogue
from rail_spei.sandbox.bank import StpBank
from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.control import CONTROLS, StpControls
from rail_spei.sandbox.identity import ACCOUNT, EMPRESA, PASSPHRASE
from rail_spei.sandbox.legacy_queries import LegacyQueries
from rail_spei.sandbox.orders import OrderRoutes
from rail_spei.sandbox.parser import UnreadableRequest
from rail_spei.sandbox.queries import QueryError, QueryRoutes, query_error, unreadable_request
from rail_spei.sandbox.refusals import StpContract
from rail_spei.sandbox.webhooks import StpWebhooks
from rail_spei.stp.signature import is_valid
from riel import Sandbox
from riel.sandbox.kit import Clock, Sleep, client_gone, control_routes, private_key_file, published_key

ORDERS, QUERIES = "/speiws/rest", "/efws/API"
"""STP's own paths, behind one address here."""

MARK_HEADER = (b"x-pretend", b"STP")
"""A header of every answer, which marks it as the pretend STP's."""

Answers = Callable[[Request], Awaitable[Response]]
MOVES_MONEY = {f"{ORDERS}/ordenPago/registra", f"{ORDERS}/ordenPago/retornaOrden"}


def stp_sandbox(
    *,
    behaviour: StpBehaviour | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    sleep: Sleep = asyncio.sleep,
    public_key: RSAPublicKey | None = None,
    empresa: str = EMPRESA,
    accounts: Iterable[str] = (ACCOUNT,),
    institutions: Mapping[str, str] | None = None,
    holidays: Holidays | None = None,
    webhook_transport: httpx.AsyncBaseTransport | None = None,
) -> Sandbox:
    """Build the pretend STP of one company, with an empty ledger.

    :param public_key: verifies firmas; without it the client gets the published key pair.
    :param institutions: the participants that can be paid, code and name; the packaged catalogue's otherwise.
    :param webhook_transport: sends the webhooks in tests.
    """
    behaviour = behaviour or StpBehaviour()
    accounts = sorted(accounts)
    contract = StpContract(
        empresa=empresa,
        accounts=frozenset(accounts),
        institutions=payable_institutions(Catalogue.read(None)) if institutions is None else institutions,
    )
    key = public_key or published_key().public_key()
    bank = StpBank(behaviour, contract, lambda signed, firma: is_valid(key, signed, firma), holidays or Holidays())
    webhooks = StpWebhooks(behaviour, clock, sleep, webhook_transport)
    supplied = {
        "empresa": empresa,
        "account": accounts[0],
        "payer_name": "Empresa Demo SA de CV",
        "payer_rfc": "ND",
        "key_prefix": "DEMO",
    }
    if public_key is None:
        supplied |= {"private_key": str(private_key_file("spei", PASSPHRASE)), "private_key_passphrase": PASSPHRASE}
    return Sandbox(
        app=_app(bank, webhooks, clock, sleep),
        debits=lambda: bank.debits(clock()),
        settings=supplied,
        moves_money=lambda method, path: method == "PUT" and path in MOVES_MONEY,
        controls=CONTROLS,
    )


def payable_institutions(catalogue: Catalogue) -> Mapping[str, str]:
    """The participants that the pretend STP can pay, with a test bank as at STP's demo host."""
    return {bank.participant: bank.name for bank in catalogue if bank.status in {"active", "test"}}


class SandboxMiddleware:
    """Middleware that marks and dates every answer, and sends the webhooks that a request caused."""

    def __init__(self, app: ASGIApp, bank: StpBank, webhooks: StpWebhooks, clock: Clock) -> None:
        self._app = app
        self._bank = bank
        self._webhooks = webhooks
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._clock().astimezone(UTC), usegmt=True)
                headers = [*message.get("headers", []), MARK_HEADER, (b"date", date.encode())]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, marked)
        for entry in self._bank.take_unannounced():
            self._webhooks.follow(entry)


def _app(bank: StpBank, webhooks: StpWebhooks, clock: Clock, sleep: Sleep) -> ASGIApp:
    orders, queries = OrderRoutes(bank, webhooks, clock, sleep), QueryRoutes(bank, clock)
    legacy = LegacyQueries(bank, clock)

    @contextlib.asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        yield
        await webhooks.close()

    app = Starlette(
        routes=[
            *_routes(
                ORDERS,
                {"/ordenPago/registra": orders.register, "/ordenPago/retornaOrden": orders.return_received},
                "PUT",
            ),
            *_routes(
                ORDERS,
                {
                    "/ordenPago/consOrdEnvRastreo": legacy.order,
                    "/ordenPago/consOrdenesFech": legacy.of_a_day,
                    "/ordenPago/consSaldoEnvRec": legacy.totals,
                },
            ),
            *_routes(
                QUERIES,
                {
                    "/consultaOrden": queries.order,
                    "/V2/conciliacion": queries.of_a_day,
                },
            ),
            *control_routes(StpControls(bank, webhooks, clock).by_name()),
        ],
        middleware=[Middleware(SandboxMiddleware, bank=bank, webhooks=webhooks, clock=clock)],
        exception_handlers={
            QueryError: query_error,
            UnreadableRequest: unreadable_request,
            ClientDisconnect: client_gone,
        },
        lifespan=living,
    )
    app.router.redirect_slashes = False  # a provider does not answer an order with a detour
    return app


def _routes(prefix: str, answers: Mapping[str, Answers], method: str = "POST") -> list[Route]:
    return [Route(f"{prefix}{path}", answer, methods=[method]) for path, answer in answers.items()]
