"""A tiny MCP server on our own transport, for the tests: one tool, ``echo``, that can wait and can make noise.

``stdio_server.py [--limit BYTES] [--grace SECONDS]``
"""

import argparse
import asyncio
import os
import sys
from datetime import timedelta

import anyio
import mcp_types as t
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

from riel.mcp.session import run_session
from riel.mcp.stdio.capture import GRACE, Pipes, capture_stdio, end_on_signal, stdio_streams
from riel.mcp.stdio.framing import LONGEST_LINE
from riel.mcp.stdio.stderr_relay import StderrRelay

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


async def list_tools(ctx: object, params: object) -> t.ListToolsResult:
    return t.ListToolsResult(tools=[t.Tool(name="echo", input_schema=SCHEMA)])


async def call_tool(ctx: object, params: t.CallToolRequestParams) -> t.CallToolResult:
    arguments = params.arguments or {}
    if arguments.get("noise"):
        print("noise by print", flush=True)
        os.write(1, b"noise by write\n")
        await anyio.run_process([sys.executable, "-c", "print('noise by a child')"], stdout=None, stderr=None)
    sys.stderr.write("noise\n" * arguments.get("shouts", 0))
    sys.stderr.flush()
    await anyio.sleep(arguments.get("seconds", 0))
    while "until" in arguments and not await anyio.Path(arguments["until"]).exists():  # noqa: ASYNC110
        await anyio.sleep(0.005)
    text = str(arguments.get("text", "")) * arguments.get("times", 1)
    return t.CallToolResult(content=[t.TextContent(text=text)], structured_content={"data": text, "error": None})


def tiny_server() -> Server:
    listen = ListenHandler(InMemorySubscriptionBus())
    return Server("tiny", version="1", on_list_tools=list_tools, on_call_tool=call_tool, on_subscriptions_listen=listen)


async def serve(pipes: Pipes, limit: int, grace: timedelta) -> None:
    server = tiny_server()
    print("noise before serving")
    async with stdio_streams(pipes, limit=limit, grace=grace) as (incoming, outgoing):
        with end_on_signal(incoming.end):
            await run_session(server, incoming, outgoing)
    sys.stderr.write("left in order\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=LONGEST_LINE)
    parser.add_argument("--grace", type=float, default=GRACE.total_seconds())
    options = parser.parse_args()
    relay = StderrRelay.start()
    asyncio.run(serve(capture_stdio(), options.limit, timedelta(seconds=options.grace)))
    if relay is not None:
        relay.close()
