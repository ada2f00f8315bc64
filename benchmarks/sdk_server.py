"""The peer of the stdio server: the SDK's own low-level server and stdio transport, with one trivial tool."""

import asyncio

import mcp_types as wire
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

TOOL = wire.Tool(name="trivial", description="Says ok.", input_schema={"type": "object"})


async def list_tools(ctx: object, params: object) -> wire.ListToolsResult:
    """Return the one tool."""
    return wire.ListToolsResult(tools=[TOOL])


async def call_tool(ctx: object, params: wire.CallToolRequestParams) -> wire.CallToolResult:
    """Answer ``ok``."""
    return wire.CallToolResult(content=[wire.TextContent(text="ok")], structured_content={"ok": True})


async def main() -> None:
    """Serve on stdin and stdout."""
    server = Server("sdk", on_list_tools=list_tools, on_call_tool=call_tool, get_tool_input_schema=lambda name: {})
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


asyncio.run(main())
