"""``riel serve``: every installed rail as MCP tools over stdio."""

import asyncio
import gc
from typing import TYPE_CHECKING

from riel import __version__
from riel.config import Settings
from riel.redaction import Redactor

if TYPE_CHECKING:
    from riel.mcp import Pipes


def run(settings: Settings, logs: Redactor, *, sandbox: bool, read_only: bool) -> None:
    """Serve the client on stdin and stdout until it goes."""
    gc.disable()  # what is made at the start lives as long as the process: looking for garbage takes a tenth of it
    from riel.mcp import capture_stdio

    pipes = capture_stdio()  # before any rail is imported: what one prints must not reach the client
    asyncio.run(_serve(settings, logs, pipes, sandbox=sandbox, read_only=read_only))


async def _serve(settings: Settings, logs: Redactor, pipes: "Pipes", *, sandbox: bool, read_only: bool) -> None:
    from riel.app import open_app
    from riel.mcp import mcp_server, serve

    async with open_app(settings, logs, sandbox=sandbox, read_only=read_only) as host:
        server = mcp_server(host.tools, settings.principal, __version__)
        gc.freeze()
        gc.enable()
        await serve(server, pipes, host.grace)
