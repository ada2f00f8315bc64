"""Where requests come in: through the doors, each to its way, and out again with what befalls its answer."""

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rail_fintoc.sandbox.behaviour import Sleep
from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import LONGEST_BODY, parsed
from rail_fintoc.sandbox.http.middleware import Doors, fingerprint
from rail_fintoc.sandbox.http.query import Query
from rail_fintoc.sandbox.http.request import Asked, Reply, Way
from rail_fintoc.sandbox.ledger.organisation import Books, World
from rail_fintoc.sandbox.webhooks.sender import Courier

MARK = ("X-Pretend", "Fintoc")
"""A header of every answer: nobody may take this for the real one."""

GARBAGE = b'{"object": "transfer", "id": \x00\xff'
PROXY = b"<html><head><title>502 Bad Gateway</title></head><body>cloud</body></html>"


class Counter:
    """Takes one request after another through the doors, and gives each its answer."""

    def __init__(self, world: World, doors: Doors, sleep: Sleep, courier: Courier) -> None:
        self._world = world
        self._doors = doors
        self._sleep = sleep
        self._courier = courier

    def at(self, way: Way) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of one way."""

        async def served(request: Request) -> Response:
            reply = self._reply(way, request, await _body_of(request))
            if reply.told_first:
                await self._courier.tell_first()
            self._courier.follow()
            if reply.answer == "slow":
                await self._sleep(self._world.behaviour.slow_seconds)
            return self.written(reply)

        return served

    def _reply(self, way: Way, request: Request, body: bytes) -> Reply:
        """Everything between two awaits: nothing else happens meanwhile."""
        self._world.catch_up()
        doors, headers = self._doors, request.headers
        try:
            books = doors.books_of(headers)
            doors.pace(way)
            version = doors.version(headers)
            doors.seal(way, books, headers, body)
            key = doors.key_of(way, headers)
        except Refused as refused:
            return refused_with(refused)

        def decide() -> Reply:
            asked = Asked(
                world=self._world,
                books=books,
                version=version,
                url=str(request.url.replace(query="")),
                path=request.path_params,
                query=Query(request.query_params.multi_items()),
                body=parsed(body, headers.get("content-type", "")),
                key=key,
            )
            return way.answer(asked)

        mark = fingerprint(way.method, request.url.query, body)
        return self._first(books, request.url.path, key, mark, decide)

    def _first(self, books: Books, path: str, key: str, mark: str, decide: Callable[[], Reply]) -> Reply:
        """The answer to a request that has come through the doors: what its key was answered first, if anything."""
        try:
            if (before := self._doors.answered(books, path, key, mark)) is not None:
                return before
        except Refused as refused:
            return refused_with(refused)
        try:
            reply = decide()
        except Refused as refused:
            reply = refused_with(refused)
        if reply.late:

            def arrive() -> None:
                self._first(books, path, key, mark, decide)

            self._world.due(self._world.behaviour.slow_seconds, arrive)
        if not reply.forgotten:
            self._doors.remember(books, path, key, mark, reply)
        return reply

    def written(self, reply: Reply) -> Response:
        """The reply as it is sent, or what is left of it."""
        headers = {**reply.headers, MARK[0]: MARK[1], "X-Request-Id": self._world.id("req")}
        match reply.answer:
            case "garbage":
                return Response(GARBAGE, 200, headers, "application/json")
            case "html":
                return Response(PROXY, 502, headers, "text/html")
            case "cut":
                return Cut()
        content = b"" if reply.body is None else json.dumps(reply.body).encode()
        return Response(content, reply.status, headers, "application/json")


class Cut(Response):
    """A connection that breaks: the head of an answer that promises a body, and then nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head; a server closes the connection of an app that returns before its body is whole."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"512")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


def refused_with(refused: Refused) -> Reply:
    return Reply(refused.told(), refused.status)


async def _body_of(request: Request) -> bytes:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LONGEST_BODY:
            raise Refused(400, "invalid_request", "The body is too long")
    return raw
