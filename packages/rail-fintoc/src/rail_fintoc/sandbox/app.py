"""The pretend Fintoc as an ASGI app: every route behind the same checks."""

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

from rail_fintoc.sandbox.behaviour import FintocBehaviour
from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.dispatcher import Dispatcher, error_response
from rail_fintoc.sandbox.http.jws import JwsVerifier
from rail_fintoc.sandbox.http.middleware import RequestChecks
from rail_fintoc.sandbox.http.request import ApiRoute
from rail_fintoc.sandbox.keys import SECRET_KEY, WEBHOOK_SECRET, published_key_file
from rail_fintoc.sandbox.ledger.organisation import Mode, Organisation
from rail_fintoc.sandbox.ledger.refund import refund_debits
from rail_fintoc.sandbox.ledger.transfer_ledger import TransferLedger
from rail_fintoc.sandbox.routes import ROUTES
from rail_fintoc.sandbox.seed.companies import ACCOUNT, fixed_id, seed_store
from rail_fintoc.sandbox.seed.examples import seed_examples
from rail_fintoc.sandbox.webhooks.endpoint import WebhookEndpoint
from rail_fintoc.sandbox.webhooks.sender import EventSender
from riel import Debit, Sandbox
from riel.sandbox.kit import Clock, Sleep, client_gone, published_key


def pretend_fintoc(
    *,
    behaviour: FintocBehaviour | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    sleep: Sleep = asyncio.sleep,
    public_key: RSAPublicKey | None = None,
    secret_key: str = SECRET_KEY,
    account_id: str = ACCOUNT,
    webhook_secret: str = WEBHOOK_SECRET,
    randomness: random.Random | None = None,
    webhooks: httpx.AsyncBaseTransport | None = None,
    routes: Sequence[ApiRoute] = ROUTES,
) -> Sandbox:
    """Fintoc, for one organisation.

    :param public_key: what signatures are verified with; where there is none, the client gets the published key pair.
    :param account_id: the id of its account in Mexico; ``seed.companies.CHILEAN_ACCOUNT`` is the one in Chile.
    :param webhook_secret: of the endpoint that ``behaviour.webhook_url`` names.
    :param webhooks: how events are sent, in tests.
    """
    behaviour = behaviour or FintocBehaviour()
    organisation = Organisation(behaviour, clock, randomness)
    for store in organisation.stores.values():
        seed_store(store, account_id)
        seed_examples(store)
    if behaviour.webhook_url:
        _add_endpoint(organisation, behaviour.webhook_url, webhook_secret)
    jws_verifiers: dict[Mode, JwsVerifier] = {
        "test": JwsVerifier(public_key or published_key().public_key()),
        "live": JwsVerifier(None),
    }
    checks = RequestChecks(organisation, {secret_key: "test"}, jws_verifiers)
    supplied = {"secret_key": secret_key, "account_id": account_id, "webhook_secret": webhook_secret}
    if public_key is None:
        supplied["jws_private_key"] = str(published_key_file())
    dispatcher = Dispatcher(organisation, checks, sleep, EventSender(organisation, sleep, webhooks))

    def debits() -> list[Debit]:
        organisation.run_due()
        store = organisation.stores["test"]
        return [*TransferLedger(store).debits(), *refund_debits(store)]

    controls = {route.path.split("/")[2] for route in routes if route.path.startswith("/_sandbox/")}
    patterns = [re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path)) for route in routes if route.moves_money]
    return Sandbox(
        app=_app(dispatcher, routes),
        debits=debits,
        settings=supplied,
        moves_money=lambda method, path: method == "POST" and any(one.fullmatch(path) for one in patterns),
        controls=controls,
    )


def _add_endpoint(organisation: Organisation, url: str, secret: str) -> None:
    """Add an endpoint that gets every event."""
    store = organisation.stores["test"]
    endpoint = WebhookEndpoint(
        id=fixed_id("we", ""), mode="test", url=url, secret=secret, enabled_events=("*",), created_at=organisation.now
    )
    store.table(WebhookEndpoint).add(endpoint)


def _app(dispatcher: Dispatcher, routes: Sequence[ApiRoute]) -> Starlette:
    async def failed(_: Request, failure: Exception) -> Response:
        error = failure if isinstance(failure, ApiError) else ApiError(404, "invalid_url", "Unrecognized request URL")
        if isinstance(failure, HTTPException) and failure.status_code == 405:
            error = ApiError(405, "operation_not_allowed", "This method is not allowed here")
        return dispatcher.to_http(error_response(error))

    app = Starlette(
        routes=[Route(route.path, dispatcher.endpoint(route), methods=[route.method]) for route in routes],
        exception_handlers={ApiError: failed, HTTPException: failed, ClientDisconnect: client_gone},
    )
    app.router.redirect_slashes = False  # a provider does not answer an order with a detour
    return app
