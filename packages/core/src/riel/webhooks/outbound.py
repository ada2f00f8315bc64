"""One message to its receiver: signed over its time and its very bytes, and sent to no other address."""

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from riel.journal import Message


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go, and the key by which it knows that they are ours. Neither is ever shown."""

    url: str = field(repr=False)
    key: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, str, str]:
        """What no log may hold: the key, and the address as it was set and as httpx writes it."""
        return self.key, self.url, str(httpx.URL(self.url))


def encode_message(message: Message) -> bytes:
    """The bytes that are sent, the same at every attempt."""
    created = message.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = {"id": message.id, "topic": message.topic, "createdAt": created, "body": message.body}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def signature(key: str, timestamp: str, body: bytes) -> str:
    """``v1=`` and the hex HMAC-SHA256 of ``timestamp.body`` under ``key``."""
    return "v1=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def open_client(receiver: Receiver, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client of the outbox's own, for one receiver.

    It follows no redirect: who is redirected to has not been told the key, and shall not learn what is paid. What goes
    to this machine goes by no proxy.
    """
    beyond = httpx.URL(receiver.url).scheme == "https"
    return httpx.AsyncClient(transport=transport, follow_redirects=False, timeout=None, trust_env=beyond)  # noqa: S113  # deliver() bounds the whole


async def deliver(
    http: httpx.AsyncClient, receiver: Receiver, message: Message, at: datetime, *, within: timedelta
) -> str | None:
    """Send it once. ``None`` when it was taken, otherwise why not, in words that hold no secret.

    The status decides; what else is answered is not read, for nobody knows how long it is.
    """
    body, timestamp = encode_message(message), str(int(at.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "Riel-Event-Id": message.id,
        "Riel-Timestamp": timestamp,
        "Riel-Signature": signature(receiver.key, timestamp, body),
    }
    try:
        async with asyncio.timeout(within.total_seconds()):
            async with http.stream("POST", receiver.url, content=body, headers=headers) as answer:
                return None if answer.is_success else f"HTTP {answer.status_code}"
    except TimeoutError:
        return f"no answer within {within.total_seconds():g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
        return type(failure).__name__
