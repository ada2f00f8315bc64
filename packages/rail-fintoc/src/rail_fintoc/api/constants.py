"""Constants of the API that cost nothing to import: its address and version, and the key that is not accepted."""

from typing import Final

API: Final = "https://api.fintoc.com"

VERSION: Final = "2026-02-01"
"""The newest version of the API (as of 2026-11). It is sent with every request: without it the account's own counts."""

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names of this machine."""

PUBLISHED_KEY: Final = "b133687e29aea97bad20d87fc16c3aa8b806ea16b23dc6ac9a2240d56883777d"
"""Fingerprint of the key pair that ``riel.sandbox.kit`` publishes: it must not sign for a real account."""
