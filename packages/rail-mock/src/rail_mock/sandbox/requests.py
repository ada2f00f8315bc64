"""The parser of requests to the pretend bank: orders and queries."""

import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from riel import MinorUnits, SingleLine, WireModel

MAX_BODY = 16_384


class PaymentBody(WireModel):
    """The body of ``POST /payments``. The bank checks account and currency: their errors have codes of their own."""

    reference: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,30}$")]
    amount: MinorUnits
    currency: str
    account: str
    concept: Annotated[SingleLine, Field(min_length=1, max_length=40)]
    recipient_name: Annotated[SingleLine, Field(min_length=1, max_length=60)]


class RefundBody(WireModel):
    """The body of ``POST /payments/{reference}/refunds``."""

    reference: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,30}$")]
    amount: MinorUnits
    currency: str
    reason: Annotated[SingleLine, Field(min_length=1, max_length=140)]


def key_of(request: Request) -> str:
    """The idempotency key, which every order must have."""
    key = request.headers.get("idempotency-key", "")
    if re.fullmatch(r"[!-~]{1,255}", key) is None:
        raise HTTPException(400, "the header Idempotency-Key is missing, or not 1 to 255 visible ASCII characters")
    return key


async def body_of(request: Request) -> bytes:
    """Read the body of an order, which must be declared as JSON and be no longer than ``MAX_BODY`` bytes."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body must be application/json")
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise HTTPException(413, f"the body is longer than {MAX_BODY} bytes")
    return raw


def fingerprint(request: Request, raw: bytes) -> bytes:
    """A hash of path and body, which tells a copy of an order from another order."""
    return hashlib.sha256(request.url.path.encode() + b"\n" + raw).digest()


def query(request: Request, known: Collection[str]) -> dict[str, str]:
    """The query's parameters; an unknown one is an error."""
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise HTTPException(400, f"the query has no use for {', '.join(map(repr, unknown))}")
    return dict(request.query_params)


def day(text: str) -> tuple[datetime, datetime]:
    """The begin and the end (UTC) of the day ``YYYY-MM-DD``."""
    try:
        since = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        if since.date().isoformat() != text:
            raise ValueError(text)
        return since, since + timedelta(days=1)
    except (ValueError, OverflowError):
        raise HTTPException(400, "day must be a date, written YYYY-MM-DD") from None


def number(text: str, name: str, most: int) -> int:
    """A whole number from 1 to ``most``."""
    if re.fullmatch(r"[1-9][0-9]{0,9}", text) is None or int(text) > most:
        raise HTTPException(400, f"{name} must be a whole number from 1 to {most}")
    return int(text)
