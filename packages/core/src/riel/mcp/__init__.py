"""The tools over MCP; the only package that imports ``mcp``, besides the demo's client."""

from riel.mcp.server import mcp_server, serve
from riel.mcp.stdio.capture import Pipes, capture_stdio
from riel.mcp.stdio.stderr_relay import StderrRelay

__all__ = ["Pipes", "StderrRelay", "capture_stdio", "mcp_server", "serve"]
