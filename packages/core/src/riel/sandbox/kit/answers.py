"""Answers that a provider's documentation does not show: a broken connection, a proxy's page, half a document."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

GATEWAY_TITLES = {403: "403 Forbidden", 502: "502 Bad Gateway", 504: "504 Gateway Time-out"}


class CutResponse(Response):
    """A connection that breaks: the head of an answer that promises a body, and no body.

    Behind ``riel.sandbox.wrap`` the connection is closed before the head is sent.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head; a server closes the connection of an app that returns before its body is whole."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"512")]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})


def html_page(title: str, status: int = 200) -> Response:
    """A page of a portal or a proxy, where JSON is expected."""
    return HTMLResponse(f"<html><body><h1>{title}</h1></body></html>", status)


def gateway_page(status: int) -> Response:
    """The page of nginx for 403, 502 or 504, as the gateway in front of a provider sends it."""
    title = GATEWAY_TITLES[status]
    return HTMLResponse(
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
        status,
    )


def truncated_json(start: str = '{"id":90') -> Response:
    """A JSON document that ends in the middle; its length is right, so only its parser notices."""
    return Response(start, media_type="application/json")


async def client_gone(_: Request, __: Exception) -> Response:
    """Handle ``ClientDisconnect``: the client left before its request was whole, so nothing is booked."""
    return Response(status_code=400)
