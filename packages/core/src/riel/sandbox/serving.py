"""Any ASGI app, over real HTTP, on a loopback port, in the loop that runs already."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from riel.errors import Misconfigured
from riel.sandbox.faults import HANG_UP, App, Receive, Send


@contextlib.asynccontextmanager
async def serving(app: App, port: int = 0, *, grace: float = 1.0) -> AsyncIterator[str]:
    """Serve ``app`` on a loopback port while inside (0: one that is free), and yield its base URL.

    :param grace: seconds that requests under way may still take when it ends.
    :raises Misconfigured: the port is taken.
    """
    from uvicorn.config import Config
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.server import ServerState

    class Line(H11Protocol):
        """A connection whose app can hang up."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)

            async def able(scope: dict[str, Any], receive: Receive, send: Send) -> None:
                with contextlib.suppress(asyncio.CancelledError):  # only the end of the bank cancels a request
                    await app({**scope, "extensions": {HANG_UP: transport.close}}, receive, send)

            self.app = able

    # Not uvicorn.Server: it takes the process's signals, ends it when a port is taken, and needs 0.2 s to stop.
    config = Config(app, lifespan="off", ws="none", log_config=None, timeout_keep_alive=3600)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: Line(config, state, {}), "127.0.0.1", port)
    except OSError as failure:
        raise Misconfigured(f"port {port} cannot be used: {failure.strerror}") from failure
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
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
