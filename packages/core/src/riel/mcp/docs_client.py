"""What a provider's own documentation server says, asked over MCP with the official client.

It is somebody else's server: it hears a few words and no credential, sends us nowhere else, and has a short time and
few bytes to answer in.
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

MOST_BYTES = 1024 * 1024
"""How long one answer may be."""

QUERY = "query"
"""What the argument is called where a tool has several that could be it."""


async def search_there(url: str, query: str, within: timedelta) -> list[str]:
    """What the server at ``url`` answers to ``query``, text by text; nothing, where it has no answer in time.

    Whatever is wrong with it or with the way to it is raised.
    """
    logging.getLogger("mcp.client").setLevel(logging.CRITICAL)  # it logs what the server wrote, and how it is wrong
    told: list[str] = []
    # Not asyncio.timeout: that cancels once, and the client's farewell could then take as long as the server likes.
    with anyio.move_on_after(within.total_seconds()):
        async with _http(url) as http, Client(streamable_http_client(url, http_client=http)) as client:
            tools = (await client.list_tools()).tools
            found = next(_searching(tools), None)
            if found is not None:
                answer = await client.call_tool(found[0], {found[1]: query})
                told = [] if answer.is_error else list(_texts(answer.content))
    return told


def _http(url: str) -> httpx2.AsyncClient:
    """A client for this one search. What goes to this machine goes by no proxy; a redirect leads nowhere else."""
    return httpx2.AsyncClient(
        timeout=None,  # search_there bounds the whole
        follow_redirects=False,
        trust_env=not is_loopback(url),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
    )


def _searching(tools: Sequence[wire.Tool]) -> Iterator[tuple[str, str]]:
    """The tools that search, and the argument of each that is the query: a text, and all that must be given."""
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


async def _bound(response: httpx2.Response) -> None:
    """Let the answer be no longer than it may. One that is packed could be of any length, and was not asked for."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("the answer is packed", request=response.request)
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 (the client is an asynchronous one)
    response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    """A stream that breaks off where it becomes too long."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_BYTES
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx2.ReadError("the answer is too long")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
