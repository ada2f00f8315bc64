"""Any ASGI app, over real HTTP, in the loop that runs already."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import format_datetime
from typing import Any

from riel.clock import utc_now
from riel.errors import Misconfigured

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

HANG_UP = "riel.hang_up"
"""The ASGI extension by which an app drops its connection without an answer."""


@contextlib.asynccontextmanager
async def serve_http(
    app: App,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    grace: float = 1.0,
    lives: float | None = None,
    most: int | None = None,
) -> AsyncIterator[str]:
    """Serve ``app`` while inside, and yield its base URL.

    :param port: 0 is one that is free.
    :param host: the address to listen at; unless it is told, nobody but this machine can reach it.
    :param grace: seconds that requests under way may still take when it ends.
    :param lives: seconds after which a connection is cut off, whatever it is doing: uvicorn waits for ever for the
        rest of a request.
    :param most: how many connections there may be; the next is cut off at once.
    :raises Misconfigured: the port is taken.
    """
    from uvicorn.config import Config
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.server import ServerState

    class Line(H11Protocol):
        """A connection whose app can hang up."""

        end: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)

            async def able(scope: dict[str, Any], receive: Receive, send: Send) -> None:
                async def dated(message: Message) -> None:
                    await send(_with_date(message) if message["type"] == "http.response.start" else message)

                with contextlib.suppress(
                    asyncio.CancelledError, ClientDisconnected
                ):  # only the end of serving cancels a request
                    await app({**scope, "extensions": {HANG_UP: transport.close}}, receive, dated)

            self.app = able
            if most is not None and len(self.connections) > most:
                transport.abort()
            elif lives is not None:
                self.end = self.loop.call_later(lives, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            if self.end is not None:
                self.end.cancel()
            super().connection_lost(exc)

    # Not uvicorn.Server: it takes the process's signals, ends it when a port is taken, and needs 0.2 s to stop.
    # It would add a Date beside the one of an app that has a clock of its own.
    config = Config(app, lifespan="off", ws="none", log_config=None, timeout_keep_alive=3600, date_header=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: Line(config, state, {}), host, port)
    except OSError as failure:
        raise Misconfigured(f"port {port} cannot be used: {failure.strerror}") from failure
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for line in list(state.connections):
            line.shutdown()
        if state.tasks:
            await asyncio.wait(set(state.tasks), timeout=grace)
        for line in list(state.connections):
            line.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await server.wait_closed()


def _with_date(message: Message) -> Message:
    """Add the ``Date`` of now to the beginning of a response that has none."""
    headers = list(message.get("headers", ()))
    if any(name.lower() == b"date" for name, _ in headers):
        return message
    return {**message, "headers": [*headers, (b"date", format_datetime(utc_now(), usegmt=True).encode())]}


class ClientDisconnected(Exception):
    """The client left in the middle of its request."""


async def read_body(receive: Receive, longest: int) -> bytes:
    """The body of a request, or so much of it that it cannot be what it should.

    :raises Gone: there is not all of it, and never will be.
    """
    body, more = bytearray(), True
    while more and len(body) < longest:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body[:longest])


async def send_response(send: Send, status: int, body: bytes, *, close: bool = False) -> None:
    """Answer a request with JSON.

    :param close: end the connection with it.
    """
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close")] * close
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
