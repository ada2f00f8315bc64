"""The HTTP responses of the pretend bank: answers, refusals, and damaged answers."""

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from rail_mock.sandbox.bank import BankReply, refusal
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
    """Refuse an invalid body, with the place of its first error and without the value."""
    if not isinstance(failure, ValidationError):
        raise failure
    first = failure.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return to_response(refusal(400, "invalid_request", f"{place}: {first['msg']}" if place else first["msg"]))


async def http_error(_: Request, failure: Exception) -> Response:
    """Refuse a request before it reaches the bank. An unknown path proves nothing about an order."""
    if not isinstance(failure, HTTPException):
        raise failure
    code = "no_such_resource" if failure.status_code in {404, 405} else "invalid_request"
    return to_response(refusal(failure.status_code, code, failure.detail))


FAILURES: dict[type[Exception], ExceptionHandler] = {
    ValidationError: invalid_body,
    HTTPException: http_error,
    ClientDisconnect: client_gone,
}
