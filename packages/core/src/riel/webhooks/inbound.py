"""Messages that providers send of their own accord, at ``POST /webhooks/<rail>``.

Whatever one says is a hint: it moves nothing but a question to the rail, whose answer counts. So a message that was
forged, repeated, late or out of order does no harm, and one that never comes is made up for by the engine's rounds.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from riel.catalog import ActiveRail
from riel.errors import JournalUnavailable, Misconfigured
from riel.http_server import App, Receive, Send, answer_with, body_of, serve_http
from riel.payments import PaymentEngine
from riel.rail import WebhookResult
from riel.redaction import Redactor
from riel.text import clean_text, hidden

log = logging.getLogger(__name__)

PATH = "/webhooks/"
LONGEST = 64 * 1024
MOST_REFERENCES = 100
"""How many payments one message may speak of."""
LONGEST_REFERENCE = 500
LIVES = 10.0
"""Seconds that a connection may last. A message and its answer take far less, and whoever is slow holds one open."""
MOST_AT_ONCE = 100
"""How many connections there may be: each takes a file, which the journal needs too."""

UNREADABLE = WebhookResult(status=400, body=b'{"error": "this message cannot be read"}')


@asynccontextmanager
async def receive_webhooks(
    engine: PaymentEngine, host: str, port: int, logs: Redactor, *, lives: float = LIVES, most: int = MOST_AT_ONCE
) -> AsyncIterator[str]:
    """Hear what the providers of the engine's rails say, and yield the URL that ``/webhooks/<rail>`` follows.

    :raises Misconfigured: nobody can listen there.
    """
    async with AsyncExitStack() as stack:
        try:
            serves = serve_http(_app(engine, logs), port, host=host, lives=lives, most=most)
            url = await stack.enter_async_context(serves)
        except Misconfigured as failure:
            raise Misconfigured(f"RIEL_WEBHOOKS: {failure}") from failure.__cause__
        yield url


def _app(engine: PaymentEngine, logs: Redactor) -> App:
    hearing = {name: rail for name, rail in engine.context.rails.items() if rail.declaration.parse_webhook is not None}

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        heard = await _answered(scope, receive)
        await answer_with(send, heard.status, heard.body, close=True)

    async def _answered(scope: dict[str, Any], receive: Receive) -> WebhookResult:
        path: str = scope["path"]
        rail = hearing.get(path.removeprefix(PATH)) if path.startswith(PATH) else None
        if rail is None:
            return WebhookResult(status=404, body=b'{"error": "no provider writes to this address"}')
        if scope["method"] != "POST":
            return WebhookResult(status=405, body=b'{"error": "providers write by POST"}')
        body = await body_of(receive, LONGEST + 1)
        if len(body) > LONGEST:
            return WebhookResult(status=413, body=b'{"error": "this message is too long"}')
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        heard = _parse(rail, headers, body)
        try:
            await _ask(engine, rail.declaration.name, heard, logs)
        except JournalUnavailable:
            return WebhookResult(status=503, body=b'{"error": "not now: please repeat it"}')
        return heard

    return app


def _parse(rail: ActiveRail, headers: dict[str, str], body: bytes) -> WebhookResult:
    """What the rail makes of a message; one that it cannot read, or answers with nonsense, was not heard."""
    assert rail.declaration.parse_webhook is not None  # noqa: S101 (only such rails are asked)
    try:
        heard = rail.declaration.parse_webhook(rail.settings, headers, body)
    except (Exception, SystemExit) as failure:
        log.warning(
            "the rail %r cannot read what its provider wrote (%s)", rail.declaration.name, type(failure).__name__
        )
        return UNREADABLE
    if (
        isinstance(heard, WebhookResult)
        and isinstance(heard.references, tuple)
        and all(isinstance(reference, str) for reference in heard.references)
        and heard.status in range(200, 600)
        and isinstance(heard.body, bytes)
    ):
        return heard
    log.warning("the rail %r answers its provider with something that is no riel.WebhookResult", rail.declaration.name)
    return UNREADABLE


async def _ask(engine: PaymentEngine, rail: str, heard: WebhookResult, logs: Redactor) -> None:
    """Ask the rail about each payment of which there is news. A reference that no rail could have made is unknown."""
    spoken_of = list(dict.fromkeys(heard.references))
    asked_about, unknown = spoken_of[:MOST_REFERENCES], []
    for reference in asked_about:
        writable = len(reference) <= LONGEST_REFERENCE and not any(map(hidden, reference))
        if not (writable and await engine.on_webhook(rail, reference)):
            unknown.append(reference)
    if unknown:  # one line for a message, or whoever forges them could fill the log
        told = clean_text(logs.text(unknown[0]), 60)
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        log.warning("the provider of %r speaks of %s%s, which this journal has no payment of", rail, told, more)
    if len(spoken_of) > len(asked_about):
        log.warning("the provider of %r speaks of %d payments in one message: too many", rail, len(spoken_of))
