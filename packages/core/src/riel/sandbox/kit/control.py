"""Control routes: what a test orders of a pretend bank and nobody can order of the real one, at ``/_sandbox/<name>``.

``riel.sandbox.wrap`` lets these addresses be reached from this machine only, and aims no fault at them.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riel.config import describe_errors

MAX_BODY = 10_000

Control = Callable[[bytes], Awaitable[Mapping[str, Any]]]
"""One order: it takes the JSON body, and returns the JSON of the answer.

A ``pydantic.ValidationError`` is answered with 422 and a ``LookupError`` with 404, each with a sentence.
"""


def control_routes(controls: Mapping[str, Control]) -> list[Route]:
    """The routes ``POST /_sandbox/<name>``, for a starlette app."""
    return [Route(f"/_sandbox/{name}", _endpoint(control), methods=["POST"]) for name, control in controls.items()]


def _endpoint(control: Control) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return JSONResponse({"error": f"the body is longer than {MAX_BODY} bytes"}, 413)
        try:
            return JSONResponse(dict(await control(body)))
        except ValidationError as failure:
            return JSONResponse({"error": describe_errors(failure, lambda name: name or "the body")}, 422)
        except LookupError as failure:
            return JSONResponse({"error": str(failure.args[0]) if failure.args else "not found"}, 404)

    return answer
