"""What the pretend bank writes: answers, refusals, and what may befall an answer on its way."""

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from rail_mock.sandbox.bank import BankReply, refused
from riel.sandbox.kit import CutResponse, client_gone, html_page


def to_response(reply: BankReply) -> Response:
    """The HTTP response of a reply, damaged where its scenario says so."""
    match reply.damage:
        case "whole":
            return JSONResponse(reply.body, reply.status)
        case "lost":
            return CutResponse(status_code=201)
        case "nonsense":
            return html_page("Service portal")
        case "error":
            return JSONResponse({"error": {"code": "internal", "message": "Something went wrong."}}, 500)
        case "stranger":
            return JSONResponse({**reply.body, "id": "P-99999999", "reference": "SOMEBODYELSE"}, reply.status)


async def invalid_body(_: Request, failure: Exception) -> Response:
    """A body that is not the order it should be: its first fault, with the place and without the value."""
    if not isinstance(failure, ValidationError):
        raise failure
    first = failure.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return to_response(refused(400, "invalid_request", f"{place}: {first['msg']}" if place else first["msg"]))


async def http_error(_: Request, failure: Exception) -> Response:
    """What was refused before the bank was asked; of a path that leads nowhere nothing can be said."""
    if not isinstance(failure, HTTPException):
        raise failure
    code = "no_such_resource" if failure.status_code in {404, 405} else "invalid_request"
    return to_response(refused(failure.status_code, code, failure.detail))


FAILURES: dict[type[Exception], ExceptionHandler] = {
    ValidationError: invalid_body,
    HTTPException: http_error,
    ClientDisconnect: client_gone,
}
