"""Where Fintoc is, and which version of its API is spoken: plain facts, which cost nothing to import."""

from typing import Final

API: Final = "https://api.fintoc.com"

VERSION: Final = "2026-02-01"
"""The newest version of the API (as of 2026-11). It is sent with every request: without it the account's own counts."""

HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""This machine."""
