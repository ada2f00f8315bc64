"""Servers of documentation on this machine: a real one over MCP, and those that should never be met."""

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import mcp_types as wire
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from riel.http_server import Receive, Send, serve_http


def tool(name: str, **properties: str) -> wire.Tool:
    """A tool whose arguments are of these types; those with a capital letter must be given."""
    schema = {
        "type": "object",
        "properties": {name.lower(): {"type": kind} for name, kind in properties.items()},
        "required": [name.lower() for name in properties if name.istitle()],
    }
    return wire.Tool(name=name, input_schema=schema)


@dataclass
class Docs:
    """A server of documentation, and what it was asked."""

    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


Answers = Callable[[str, dict[str, Any]], Awaitable[wire.CallToolResult]]


def says(*texts: str, is_error: bool = False) -> Answers:
    """To answer with these texts."""

    async def answer(name: str, arguments: dict[str, Any]) -> wire.CallToolResult:
        return wire.CallToolResult(content=[wire.TextContent(text=text) for text in texts], is_error=is_error)

    return answer


SEARCH = tool("search_docs_of_zap", Query="string", limit="integer")


@asynccontextmanager
async def documented(
    answer: Answers, tools: Sequence[wire.Tool] = (SEARCH,), *, as_json: bool = False, packed: bool = False
) -> AsyncIterator[Docs]:
    """A server with these tools, over streamable HTTP; ``packed`` though nobody asked for that."""
    docs = Docs()

    async def list_tools(ctx: ServerRequestContext[Any], params: object) -> wire.ListToolsResult:
        return wire.ListToolsResult(tools=list(tools))

    async def call_tool(ctx: ServerRequestContext[Any], params: wire.CallToolRequestParams) -> wire.CallToolResult:
        docs.asked.append((params.name, dict(params.arguments or {})))
        return await answer(params.name, dict(params.arguments or {}))

    server: Server[Any] = Server("docs", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    app = server.streamable_http_app(json_response=as_json)

    async def heard(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        docs.headers.append({name.decode().lower(): value.decode() for name, value in scope["headers"]})

        async def pack(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name != b"content-length"]
                return await send({**message, "headers": [*kept, (b"content-encoding", b"gzip")]})
            return await send({**message, "body": gzip.compress(message["body"])})

        await app(scope, receive, pack if packed else send)  # type: ignore[arg-type]

    async with server.session_manager.run(), serve_http(heard) as base:
        docs.url = f"{base}/mcp"
        yield docs


@asynccontextmanager
async def answering(
    status: int, body: bytes = b"", *, again: int = 1, **headers: str
) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that answers every request with this, ``again`` times, and what it was asked for."""
    asked: list[str] = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        asked.append(f"{scope['method']} {scope['path']}")
        told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": told})
        for _ in range(again):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with serve_http(app) as base:
        yield f"{base}/mcp", asked
