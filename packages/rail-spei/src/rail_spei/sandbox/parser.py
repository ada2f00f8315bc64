"""The parser of requests to the pretend STP: JSON, declared as JSON, of a limited length."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from rail_spei.sandbox.cadena import Body, parse_object, text

MAX_BODY = 16_384


class UnreadableRequest(HTTPException):
    """The body is nothing that STP could read."""


async def body_of(request: Request) -> Body:
    """Return the JSON object of a request.

    :raises Unreadable: the body is no JSON object, or is not declared as JSON.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnreadableRequest(415)
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise UnreadableRequest(413)
    try:
        return parse_object(raw)
    except (ValueError, RecursionError):
        raise UnreadableRequest(400) from None


def form_error(body: Body, needed: list[str], optional: list[str]) -> str:
    """STP's message about the fields of a query; empty where they are right."""
    for name in needed:
        if not text(body.get(name)):
            return f"El campo {name} es obligatorio"
    for name, value in body.items():
        if name not in {*needed, *optional} or isinstance(value, bool | list | dict):
            return f"El campo {name[:40]} es invalido"
    return ""
