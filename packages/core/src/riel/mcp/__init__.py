"""The tools over MCP. This is the only package that imports ``mcp``."""

from riel.mcp.server import mcp_server, serve
from riel.mcp.stdio.capture import Pipes, divert

__all__ = ["Pipes", "divert", "mcp_server", "serve"]
