"""Fintoc's signed messages: believed to be Fintoc's, and still only a hint, since they come late and out of order."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from rail_fintoc.models import Return
from rail_fintoc.orders import REFERENCE
from rail_fintoc.settings import FintocSettings
from riel import WebhookResult

WINDOW = timedelta(minutes=5)
"""How far the time of a message may be from ours, on both sides."""

HEADER = "fintoc-signature"
RETURNS = frozenset({"transfer.inbound.returned", "transfer.inbound.return_failed"})
"""What became of a received transfer that was given back."""

UNSIGNED = WebhookResult(status=400, body=b'{"error": "the signature does not fit"}')
NOT_EXPECTED = WebhookResult(status=503, body=b'{"error": "no webhook secret is set"}')
RECEIVED = WebhookResult()


def parse_webhook(
    settings: FintocSettings, headers: Mapping[str, str], body: bytes, now: Callable[[], float] = time.time
) -> WebhookResult:
    """Of which order there is news. Repeats and replays within the window do no harm: the order is asked after."""
    if settings.webhook_secret is None:
        return NOT_EXPECTED
    if not is_signed(settings.webhook_secret.get_secret_value(), headers.get(HEADER, ""), body, now()):
        return UNSIGNED
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return UNSIGNED
    if not isinstance(event, dict) or event.get("mode") != settings.mode:
        return RECEIVED
    return WebhookResult(references=tuple(_references(event.get("type"), event.get("data"))))


def is_signed(secret: str, header: str, body: bytes, now: float) -> bool:
    """Whether ``header`` is the signature of these very bytes, made a moment ago. Other schemes in it are ignored."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) < 16):
        return False
    if abs(now - int(times[0])) > WINDOW.total_seconds():
        return False
    expected = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256).hexdigest()
    return any([hmac.compare_digest(expected.encode(), one.encode()) for one in signatures])  # noqa: C419 (all are compared)


def _references(kind: Any, resource: Any) -> list[str]:
    """Our reference in the metadata; and the one that we give to the return of a received transfer."""
    if not isinstance(resource, dict):
        return []
    metadata, id_ = resource.get("metadata"), resource.get("id")
    references = [metadata.get(REFERENCE)] if isinstance(metadata, dict) else []
    if isinstance(kind, str) and kind in RETURNS and isinstance(id_, str):
        references.append(f"{Return.OPERATION}-{id_}")
    return [reference for reference in references if isinstance(reference, str)]
