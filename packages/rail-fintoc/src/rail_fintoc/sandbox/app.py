"""The pretend Fintoc as an ASGI app: every way of ``ways`` behind the same doors."""

import asyncio
import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from rail_fintoc.sandbox.behaviour import Behaviour, Clock, Sleep
from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.dispatcher import Counter, refused_with
from rail_fintoc.sandbox.http.jws import Seals
from rail_fintoc.sandbox.http.middleware import Doors
from rail_fintoc.sandbox.http.request import Way
from rail_fintoc.sandbox.identity import SECRET_KEY, WEBHOOK_SECRET, key_file, published
from rail_fintoc.sandbox.ledger.organisation import Mode, World
from rail_fintoc.sandbox.ledger.refund import refunded
from rail_fintoc.sandbox.ledger.transfer_ledger import Ledger
from rail_fintoc.sandbox.routes import WAYS
from rail_fintoc.sandbox.seed.companies import ACCOUNT, fixed, open_books
from rail_fintoc.sandbox.seed.examples import show
from rail_fintoc.sandbox.webhooks.endpoint import Endpoint
from rail_fintoc.sandbox.webhooks.sender import Courier
from riel import Debit, Sandbox


def pretend_fintoc(
    *,
    behaviour: Behaviour | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    sleep: Sleep = asyncio.sleep,
    public_key: RSAPublicKey | None = None,
    secret_key: str = SECRET_KEY,
    account_id: str = ACCOUNT,
    webhook_secret: str = WEBHOOK_SECRET,
    randomness: random.Random | None = None,
    webhooks: httpx.AsyncBaseTransport | None = None,
    ways: Sequence[Way] = WAYS,
) -> Sandbox:
    """Fintoc, for one organisation.

    :param public_key: what signatures are verified with; where there is none, the client gets the published key pair.
    :param account_id: the id of its account in Mexico; ``opening.CHILEAN_ACCOUNT`` is the one in Chile.
    :param webhook_secret: of the endpoint that ``behaviour.webhook_url`` names.
    :param webhooks: how events are sent, in tests.
    """
    behaviour = behaviour or Behaviour()
    world = World(behaviour, clock, randomness)
    for books in world.books.values():
        open_books(books, account_id)
        show(books)
    if behaviour.webhook_url:
        _listen(world, behaviour.webhook_url, webhook_secret)
    seals: dict[Mode, Seals] = {"test": Seals(public_key or published()), "live": Seals(None)}
    doors = Doors(world, {secret_key: "test"}, seals)
    supplied = {"secret_key": secret_key, "account_id": account_id, "webhook_secret": webhook_secret}
    if public_key is None:
        supplied["jws_private_key"] = str(key_file())
    counter = Counter(world, doors, sleep, Courier(world, sleep, webhooks))

    def debits() -> list[Debit]:
        world.catch_up()
        books = world.books["test"]
        return [*Ledger(books).debits(), *refunded(books)]

    patterns = [re.compile(re.sub(r"\{\w+\}", "[^/]+", way.path)) for way in ways if way.moves_money]
    return Sandbox(
        app=_app(counter, ways),
        debits=debits,
        settings=supplied,
        moves_money=lambda method, path: method == "POST" and any(one.fullmatch(path) for one in patterns),
    )


def _listen(world: World, url: str, secret: str) -> None:
    """Have one endpoint told of everything, from the beginning."""
    books = world.books["test"]
    endpoint = Endpoint(
        id=fixed("we", ""), mode="test", url=url, secret=secret, enabled_events=("*",), created_at=world.now
    )
    books.shelf(Endpoint).put(endpoint)


def _app(counter: Counter, ways: Sequence[Way]) -> Starlette:
    async def failed(_: Request, failure: Exception) -> Response:
        refused = failure if isinstance(failure, Refused) else Refused(404, "invalid_url", "Unrecognized request URL")
        if isinstance(failure, HTTPException) and failure.status_code == 405:
            refused = Refused(405, "operation_not_allowed", "This method is not allowed here")
        return counter.written(refused_with(refused))

    app = Starlette(
        routes=[Route(way.path, counter.at(way), methods=[way.method]) for way in ways],
        exception_handlers={Refused: failed, HTTPException: failed, ClientDisconnect: nobody_there},
    )
    app.router.redirect_slashes = False  # a provider does not answer an order with a detour
    return app


async def nobody_there(_: Request, __: Exception) -> Response:
    """Whoever was sending has gone before the order was whole: nothing is booked, and nobody reads this."""
    return Response(status_code=400)
