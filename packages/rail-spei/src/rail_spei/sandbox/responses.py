"""How the pretend STP answers an order: HTTP 200 for yes and for no, and what may befall an answer on its way."""

from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from rail_spei.sandbox.bank import NO_SUCH_PAYMENT, Told
from rail_spei.sandbox.refusals import UNSIGNED, Refused

PAGES = {403: "403 Forbidden", 502: "502 Bad Gateway", 504: "504 Gateway Time-out"}


class Cut(Response):
    """A connection that breaks: the head of an answer that promises a body, and then nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head; a server closes the connection of an app that returns before its body is whole."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"512")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


def page(status: int) -> Response:
    """What the web server in front of STP writes."""
    title = PAGES[status]
    return HTMLResponse(
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
        status,
    )


def result(told: Told, *, of_a_return: bool = False) -> Response:
    """The answer to an order as it arrives, once what delays it is over."""
    match told.answer:
        case "forbidden":
            return page(403)
        case "bad gateway":
            return page(502)
        case "late":
            return page(504)
        case "slow" if told.taken is None:
            return page(504)
        case "cut":
            return Cut()
        case "garbage":
            return Response('{"resultado":{"id":90', media_type="application/json")
    if told.refused is not None:
        return refusal(told.refused, of_a_return=of_a_return)
    number: Any = told.taken.id if told.taken else None
    return JSONResponse({"resultado": {"id": str(number) if told.answer == "strings" else number}})


def refusal(refused: Refused, *, of_a_return: bool = False) -> Response:
    """A refusal, with HTTP 200 as STP has it. Two of those of a return have a form of their own."""
    if of_a_return and refused in {NO_SUCH_PAYMENT, UNSIGNED}:
        return JSONResponse({"estado": refused.id, "mensaje": refused.words})
    written: dict[str, Any] = {"id": refused.id}
    if refused.words is not None:
        written = {"descripcionError": refused.words, "id": refused.id}
    return JSONResponse({"resultado": written})
