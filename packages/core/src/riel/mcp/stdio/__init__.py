"""MCP over stdin and stdout, on files of our own; see ADR 0003."""
