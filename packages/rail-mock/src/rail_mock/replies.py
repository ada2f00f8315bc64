"""What the pretend bank writes: answers, refusals, and what may befall an answer on its way."""

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ExceptionHandler, Receive, Scope, Send

from rail_mock.bank import Reply, refused


class Cut(Response):
    """A connection that breaks: the head of an answer that promises a body, and then nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head; a server closes the connection of an app that returns before its body is whole."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"512")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})


def written(reply: Reply) -> Response:
    """The answer as it arrives."""
    match reply.damage:
        case "whole":
            return JSONResponse(reply.body, reply.status)
        case "lost":
            return Cut()
        case "nonsense":
            return HTMLResponse("<html><body><h1>Service portal</h1></body></html>")
        case "error":
            return JSONResponse({"error": {"code": "internal", "message": "Something went wrong."}}, 500)
        case "stranger":
            return JSONResponse({**reply.body, "id": "P-99999999", "reference": "SOMEBODYELSE"}, reply.status)


async def unreadable(_: Request, failure: Exception) -> Response:
    """A body that is not the order it should be: its first fault, with the place and without the value."""
    if not isinstance(failure, ValidationError):
        raise failure
    first = failure.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return written(refused(400, "invalid_request", f"{place}: {first['msg']}" if place else first["msg"]))


async def out_of_form(_: Request, failure: Exception) -> Response:
    """What was refused before the bank was asked; of a path that leads nowhere nothing can be said."""
    if not isinstance(failure, HTTPException):
        raise failure
    code = "no_such_resource" if failure.status_code in {404, 405} else "invalid_request"
    return written(refused(failure.status_code, code, failure.detail))


async def nobody_there(_: Request, __: Exception) -> Response:
    """Whoever was sending has gone before the order was whole: nothing is booked, and nobody reads this."""
    return Response(status_code=400)


FAILURES: dict[type[Exception], ExceptionHandler] = {
    ValidationError: unreadable,
    HTTPException: out_of_form,
    ClientDisconnect: nobody_there,
}
