"""``riel serve``: every installed rail as MCP tools over stdio."""

import argparse
import asyncio
import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from riel import __version__
from riel.catalog import Discovery, discover
from riel.config import Settings, check_packages_are_listed, likely_secrets, read_settings
from riel.redaction import Redactor, configure_log

if TYPE_CHECKING:
    from riel.mcp import Pipes


def serve(arguments: Sequence[str]) -> int:
    """Serve the client on stdin and stdout until it goes.

    The arguments are parsed by argparse: importing typer would add 65 ms to each start, for which a client waits.
    """
    parser = argparse.ArgumentParser(
        prog="riel serve", description="Serve the tools of every installed rail over MCP.", allow_abbrev=False
    )
    parser.add_argument("--sandbox", action="store_true", help="pay pretend banks on this machine, and nobody else")
    parser.add_argument("--read-only", action="store_true", help="offer no tool that changes anything")
    options = parser.parse_args(arguments)

    settings = read_settings()
    logs = Redactor(likely_secrets(settings))
    configure_log(logs, settings.log)
    gc.disable()  # nearly every object of the start lives as long as the process: a collection would take a tenth of it
    from riel.mcp import StderrRelay, capture_stdio

    relay = StderrRelay.start()
    try:
        pipes = capture_stdio()  # before any rail is imported: what one prints must not reach the client
        if not options.sandbox:
            check_packages_are_listed(settings)
        discovery = discover(only=settings.rails)
        asyncio.run(_serve(settings, logs, pipes, discovery, sandbox=options.sandbox, read_only=options.read_only))
    finally:
        if relay is not None:
            relay.close()
    return 0


async def _serve(
    settings: Settings, logs: Redactor, pipes: "Pipes", discovery: Discovery, *, sandbox: bool, read_only: bool
) -> None:
    from riel.app import open_app
    from riel.mcp import mcp_server, serve

    async with open_app(settings, logs, discovery=discovery, sandbox=sandbox, read_only=read_only) as app:
        server = mcp_server(app.tools, settings.principal, __version__)
        gc.freeze()
        gc.enable()
        await serve(server, pipes, app.grace)
    # asyncio.run would wait for a thread in which code of a rail still hangs.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
