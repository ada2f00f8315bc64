"""Messages that providers send of their own accord, at ``POST /webhooks/<rail>``.

Whatever one says is a hint: it moves nothing but a question to the rail, whose answer counts. So a message that was
forged, repeated, late or out of order does no harm, and one that never comes is made up for by the teller's rounds.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from riel.catalog import Offered
from riel.errors import JournalUnavailable
from riel.rail import Heard
from riel.redact import Redactor
from riel.serving import App, Receive, Send, answer_with, body_of, serving
from riel.teller import Teller
from riel.text import said

log = logging.getLogger(__name__)

PATH = "/webhooks/"
LONGEST = 64 * 1024
MOST_REFERENCES = 100
"""How many payments one message may speak of."""

UNHEARD = Heard(status=400, body=b'{"error": "this message cannot be read"}')


@asynccontextmanager
async def listening(teller: Teller, host: str, port: int, logs: Redactor) -> AsyncIterator[str]:
    """Hear what the providers of the teller's rails say, and yield the URL that ``/webhooks/<rail>`` follows.

    :raises Misconfigured: nobody can listen there.
    """
    async with serving(_app(teller, logs), port, host=host) as url:
        yield url


def _app(teller: Teller, logs: Redactor) -> App:
    hearing = {name: offered for name, offered in teller.desk.rails.items() if offered.rail.hear is not None}

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        offered = hearing.get(path.removeprefix(PATH)) if path.startswith(PATH) else None
        if offered is None:
            return await answer_with(send, 404, b'{"error": "no provider writes to this address"}')
        if scope["method"] != "POST":
            return await answer_with(send, 405, b'{"error": "providers write by POST"}')
        body = await body_of(receive, LONGEST + 1)
        if len(body) > LONGEST:
            return await answer_with(send, 413, b'{"error": "this message is too long"}')
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        heard = _heard(offered, headers, body)
        try:
            await _ask(teller, offered.rail.name, heard, logs)
        except JournalUnavailable:
            return await answer_with(send, 503, b'{"error": "not now: please repeat it"}')
        return await answer_with(send, heard.status, heard.body)

    return app


def _heard(offered: Offered, headers: dict[str, str], body: bytes) -> Heard:
    assert offered.rail.hear is not None  # noqa: S101 (only such rails are asked)
    try:
        heard = offered.rail.hear(offered.settings, headers, body)
    except (Exception, SystemExit) as failure:
        log.warning("the rail %r cannot read what its provider wrote (%s)", offered.rail.name, type(failure).__name__)
        return UNHEARD
    return heard if isinstance(heard, Heard) else UNHEARD


async def _ask(teller: Teller, rail: str, heard: Heard, logs: Redactor) -> None:
    for reference in heard.references[:MOST_REFERENCES]:
        if not await teller.news(rail, reference):
            told = logs.text(said(reference, 60))
            log.warning("the provider of %r speaks of %s, which is no payment of this journal", rail, told)
