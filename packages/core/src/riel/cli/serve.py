"""``riel serve``: every installed rail as MCP tools over stdio."""

import asyncio

from riel import __version__
from riel.config import Settings
from riel.redact import Redactor
from riel.server import Pipes, divert, mcp_server


def run(settings: Settings, logs: Redactor, *, sandbox: bool) -> None:
    """Serve the client on stdin and stdout until it goes."""
    pipes = divert()  # before any rail is imported: what one prints must not reach the client
    asyncio.run(_serve(settings, logs, pipes, sandbox=sandbox))


async def _serve(settings: Settings, logs: Redactor, pipes: Pipes, *, sandbox: bool) -> None:
    from riel.host import open_host
    from riel.server import serve

    async with open_host(settings, logs, sandbox=sandbox) as host:
        await serve(mcp_server(host.tools, settings.principal, __version__), pipes, host.grace)
