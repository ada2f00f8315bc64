"""Answer ``server/discover`` without opening a session, so that ``initialize`` may still follow on the same pipe.

The SDK takes a client's first request for its choice between the two protocol eras, and refuses the other one from
then on. A client may discover, wait for a second, and then open a session of the older era: the first *other* request
is its choice.
"""

from typing import Any, Self

import anyio
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest

from riel.mcp.stdio.streams import Incoming, Outgoing

DISCOVER = "server/discover"


async def run_session(server: Server[Any], incoming: Incoming, outgoing: Outgoing) -> None:
    """Serve one client until its input ends."""
    await server.run(_Session(server, incoming, outgoing), outgoing, server.create_initialization_options())


class _Session:
    """The client's messages from the first one on that opens a session."""

    def __init__(self, server: Server[Any], incoming: Incoming, outgoing: Outgoing) -> None:
        self._server = server
        self._incoming = incoming
        self._outgoing = outgoing
        self._is_open = False

    async def receive(self) -> SessionMessage:
        """The next message; what is discovered before a session is open is answered here."""
        while True:
            item = await self._incoming.receive()
            if self._is_open or not isinstance(item.message, JSONRPCRequest):
                return item
            if item.message.method != DISCOVER:
                self._is_open = True
                return item
            await self._outgoing.send(await self._discover(item))

    async def _discover(self, request: SessionMessage) -> SessionMessage:
        """The answer of a session of its own, which ends with it."""
        ask, asked = anyio.create_memory_object_stream[SessionMessage | Exception](1)
        reply, replied = anyio.create_memory_object_stream[SessionMessage](1)
        async with ask, replied, anyio.create_task_group() as tasks:
            tasks.start_soon(self._server.run, asked, reply, self._server.create_initialization_options())
            await ask.send(request)
            answer = await replied.receive()
            await ask.aclose()
        return answer

    async def aclose(self) -> None:
        await self._incoming.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.aclose()
