"""Search a provider's documentation server over MCP, with the official client.

The server is a third party: it receives a few words and no credential, its redirects are not followed, and its time
and the bytes of its answer are limited.
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import anyio
import httpx2
import mcp_types as wire
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from riel.config import is_loopback

MAX_BYTES = 1024 * 1024
"""The longest answer."""

QUERY = "query"
"""The argument that is taken if several could be the query."""


async def search_docs_server(url: str, query: str, within: timedelta) -> list[str]:
    """The texts that the server at ``url`` answers to ``query``; empty if it has none in time.

    Raises whatever the connection, the client or the server raises.
    """
    logging.getLogger("mcp.client").setLevel(logging.CRITICAL)  # it would log what the server wrote
    texts: list[str] = []
    # asyncio.timeout cancels only once: the client's goodbye could then take as long as the server likes.
    with anyio.move_on_after(within.total_seconds()):
        async with _http(url) as http, Client(streamable_http_client(url, http_client=http)) as client:
            tools = (await client.list_tools()).tools
            search = next(_search_tools(tools), None)
            if search is not None:
                name, argument = search
                answer = await client.call_tool(name, {argument: query})
                texts = [] if answer.is_error else list(_texts(answer.content))
    return texts


def _http(url: str) -> httpx2.AsyncClient:
    """An HTTP client for one search. It follows no redirect, and uses no proxy for this machine."""
    return httpx2.AsyncClient(
        timeout=None,  # search_docs_server limits the whole
        follow_redirects=False,
        trust_env=not is_loopback(url),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_limit_size]},
    )


def _search_tools(tools: Sequence[wire.Tool]) -> Iterator[tuple[str, str]]:
    """The name and query argument of each search tool whose only required argument is a text."""
    for tool in sorted(tools, key=lambda tool: tool.name):
        if tool.name.startswith("search"):
            properties: Mapping[str, Any] = tool.input_schema.get("properties") or {}
            needed = set(tool.input_schema.get("required") or ())
            texts = [name for name, about in properties.items() if about.get("type") == "string"]
            texts.sort(key=lambda name: (name not in needed, name != QUERY))
            if texts and needed <= {texts[0]}:
                yield tool.name, texts[0]


def _texts(content: Sequence[wire.ContentBlock]) -> Iterator[str]:
    for block in content:
        if isinstance(block, wire.TextContent):
            yield block.text
        elif isinstance(block, wire.EmbeddedResource) and isinstance(block.resource, wire.TextResourceContents):
            yield block.resource.text


async def _limit_size(response: httpx2.Response) -> None:
    """Limit the answer to :data:`MAX_BYTES`; refuse a compressed one, which could unpack to any length."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("the answer is compressed", request=response.request)
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 (the client is an asynchronous one)
    response.stream = _LimitedStream(response.stream)


class _LimitedStream(httpx2.AsyncByteStream):
    """A stream that raises when it becomes too long."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_BYTES
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx2.ReadError("the answer is too long")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
