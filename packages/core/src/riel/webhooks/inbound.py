"""Receive providers' webhooks at ``POST /webhooks/<rail>``.

A webhook is a hint and no evidence: it only causes a look-up, whose answer counts. A forged, repeated, late or
reordered webhook therefore does no harm, and recovery makes up for one that never comes.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from riel.errors import JournalUnavailable, Misconfigured
from riel.http_server import App, Receive, Send, read_body, send_response, serve_http
from riel.payments import PaymentEngine, rail_calls
from riel.rail import WebhookResult
from riel.redaction import Redactor
from riel.text import clean_text, hidden

log = logging.getLogger(__name__)

PATH = "/webhooks/"
MAX_BODY = 64 * 1024
MAX_REFERENCES = 100
"""The most payments that one webhook may name."""
MAX_REFERENCE = 500
CONNECTION_SECONDS = 10.0
"""The seconds that a connection may last. A webhook and its answer take far less."""
MAX_CONNECTIONS = 100
"""The most connections. Each takes a file descriptor, and the journal needs some too."""

UNREADABLE = WebhookResult(status=400, body=b'{"error": "this message cannot be read"}')


@asynccontextmanager
async def receive_webhooks(
    engine: PaymentEngine,
    host: str,
    port: int,
    logs: Redactor,
    *,
    lives: float = CONNECTION_SECONDS,
    most: int = MAX_CONNECTIONS,
) -> AsyncIterator[str]:
    """Receive the webhooks of the engine's rails, and yield the URL before ``/webhooks/<rail>``.

    :raises Misconfigured: the address cannot be bound.
    """
    async with AsyncExitStack() as stack:
        try:
            serves = serve_http(_app(engine, logs), port, host=host, lives=lives, most=most)
            url = await stack.enter_async_context(serves)
        except Misconfigured as failure:
            raise Misconfigured(f"RIEL_WEBHOOKS: {failure}") from failure.__cause__
        yield url


def _app(engine: PaymentEngine, logs: Redactor) -> App:
    refused: set[tuple[str, int]] = set()
    receivers = {name: rail for name, rail in engine.rails.items() if rail.declaration.parse_webhook is not None}

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        result = await _handle(scope, receive)
        await send_response(send, result.status, result.body, close=True)

    async def _handle(scope: dict[str, Any], receive: Receive) -> WebhookResult:
        if _is_from_a_page(scope):
            return WebhookResult(status=403, body=b'{"error": "providers write here, and no web pages"}')
        path: str = scope["path"]
        rail = receivers.get(path.removeprefix(PATH)) if path.startswith(PATH) else None
        if rail is None:
            return WebhookResult(status=404, body=b'{"error": "no provider writes to this address"}')
        if scope["method"] != "POST":
            return WebhookResult(status=405, body=b'{"error": "providers write by POST"}')
        body = await read_body(receive, MAX_BODY + 1)
        if len(body) > MAX_BODY:
            return WebhookResult(status=413, body=b'{"error": "this message is too long"}')
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        result = rail_calls.parse_webhook(rail, headers, body) or UNREADABLE
        _log_refusal(refused, rail.declaration.name, result)
        try:
            await _look_up_hinted(engine, rail.declaration.name, result, logs)
        except JournalUnavailable:
            return WebhookResult(status=503, body=b'{"error": "not now: please repeat it"}')
        return result

    return app


def _log_refusal(refused: set[tuple[str, int]], rail: str, result: WebhookResult) -> None:
    """Log once that a rail refuses its provider's messages, until it takes one: anybody may write to this address."""
    if result.status < 400:
        refused.difference_update([one for one in refused if one[0] == rail])
    elif (rail, result.status) not in refused:
        refused.add((rail, result.status))
        log.warning(
            "the rail %r refused a webhook (HTTP %d): if its provider sent it, the webhook secret here is another one",
            rail,
            result.status,
        )


def _is_from_a_page(scope: dict[str, Any]) -> bool:
    """Whether a browser sent the request: with each POST it says from which page, also through a name that leads here.

    The Host is not compared: a proxy in front passes on the name by which the provider knows it.
    """
    return any(name in {b"origin", b"sec-fetch-site"} for name, _ in scope["headers"])


async def _look_up_hinted(engine: PaymentEngine, rail: str, result: WebhookResult, logs: Redactor) -> None:
    """Ask the rail about each payment of which there is news. A reference that no rail could have made is unknown."""
    spoken_of = list(dict.fromkeys(result.references))
    asked_about, unknown = spoken_of[:MAX_REFERENCES], []
    for reference in asked_about:
        writable = len(reference) <= MAX_REFERENCE and not any(map(hidden, reference))
        if not (writable and await engine.on_webhook(rail, reference)):
            unknown.append(reference)
    if unknown:  # one line for a message, or whoever forges them could fill the log
        told = clean_text(logs.text(unknown[0]), 60)
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        log.warning(
            "the provider of %r speaks of %s%s, which this journal has no payment of by this payer", rail, told, more
        )
    if len(spoken_of) > len(asked_about):
        log.warning("the provider of %r speaks of %d payments in one message: too many", rail, len(spoken_of))
