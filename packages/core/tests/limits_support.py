"""Limits as the file declares them, and a guard that keeps them."""

import tomllib

from riel.guards.limits import Limits, read_limits


def limits(text: str) -> Limits:
    """The guard that ``riel.toml`` with this text makes; what stands before the first heading is under ``[limits]``."""
    return Limits(read_limits(tomllib.loads(f"[limits]\n{text}")["limits"]))
